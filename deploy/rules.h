// What Kubernetes, OCI and git take for a name, asked before anything is rendered: a wrong word is an Error{usage} with
// its place in the file, not a surprise in the cluster. Each rule takes the whole text and fits Field::rule.
// Sources: k8s.io/apimachinery util/validation, OCI distribution specification, Gateway API Hostname, git
// check-ref-format.
#pragma once
#include <string_view>

#include "base/result.h"

namespace mlctl::deploy {

[[nodiscard]] Status short_name(
    std::string_view text);  // [a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?, as a part of a model's name
[[nodiscard]] Status dns_label(std::string_view text);        // RFC 1123, at most 63
[[nodiscard]] Status dns_subdomain(std::string_view text);    // labels with dots, at most 253
[[nodiscard]] Status namespace_name(std::string_view text);   // a dns_label that is not Kubernetes' own (kube-*)
[[nodiscard]] Status host_name(std::string_view text);        // labels with dots, *. may stand before them; no address
[[nodiscard]] Status namespaced_name(std::string_view text);  // NAMESPACE/NAME
[[nodiscard]] Status label_key(std::string_view text);        // [PREFIX/]NAME, and none that mlctl sets itself
[[nodiscard]] Status label_value(std::string_view text);      // at most 63, may be empty
[[nodiscard]] Status variable_name(std::string_view text);    // of an environment variable
[[nodiscard]] Status secret_key(std::string_view text);
[[nodiscard]] Status resource_name(std::string_view text);  // of a container: cpu, memory, example.com/fpga
[[nodiscard]] Status quota_name(std::string_view text);     // of a ResourceQuota: requests.cpu, pods, count/jobs.batch
[[nodiscard]] Status image_by_digest(std::string_view text);  // NAME@sha256:…
[[nodiscard]] Status registry_url(std::string_view text);     // oci://HOST[:PORT][/PATH]
[[nodiscard]] Status folder_path(std::string_view text);      // relative, no "..", no .git
[[nodiscard]] Status branch_name(std::string_view text);      // below refs/heads/

[[nodiscard]] Status replica_count(std::string_view text);  // 1 to 100000
[[nodiscard]] Status utilisation(std::string_view text);    // 1% to 1000%
[[nodiscard]] Status traffic_share(std::string_view text);  // above 0%, at most 100%
[[nodiscard]] Status capability(std::string_view text);     // ">=8.0"

[[nodiscard]] Status metric_title(std::string_view text);  // letters, digits, "-", "_" and spaces, at most 40
[[nodiscard]] Status not_empty(std::string_view text);     // what an unset variable leaves in a template
[[nodiscard]] Status promql(std::string_view text);        // at most 2,000 printable characters
[[nodiscard]] Status series_name(std::string_view text);   // of a metric or label (Prometheus data model)

}  // namespace mlctl::deploy
