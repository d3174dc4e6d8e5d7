#include "deploy/rules.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace mlctl;
using namespace mlctl::deploy;

namespace {
struct Case {
  const char* what;
  Status (*rule)(std::string_view);
  std::vector<std::string> good, bad;
};
const std::string a63(63, 'a'), a64(64, 'a');
const std::string sha = "@sha256:" + std::string(64, 'a');
}  // namespace

TEST_CASE("a name that Kubernetes, OCI or git would refuse is refused here") {
  const std::string nul("a\0b", 3);
  for (const auto& c : std::vector<Case>{
           {"environments and tenants",
            short_name,
            {"prod", "a", "eu-1", std::string(32, 'a')},
            {"", "Prod", "-a", "a-", "a_b", "a/b", "a\nb", nul, "a#b", std::string(33, 'a')}},
           {"labels of DNS", dns_label, {"fraud", "0", a63}, {"", a64, "a.b", "A", "a-", "é"}},
           {"names of Secrets",
            dns_subdomain,
            {"feature-store", "a.b-c.d"},
            {"", ".a", "a.", "a..b", "a/b", std::string(254, 'a')}},
           {"namespaces", namespace_name, {"fraud", "kube"}, {"kube-system", "kube-x", "a.b", ""}},
           {"hosts",
            host_name,
            {"models.example", "*.example.com", "models"},
            {"", "*", "*.", "Models.example", "models.example:80", "10.0.0.1", "a..b", "https://a.b", "a." + a64}},
           {"gateways",
            namespaced_name,
            {"infra/public", "infra/pub.lic"},
            {"public", "/public", "infra/", "a/b/c", "A/b", "a b/c"}},
           {"keys of labels",
            label_key,
            {"team", "example.com/Team_1", "app.kubernetes.io/part-of"},
            {"", "a b", "/a", "a/", "a/b/c", "Example.com/a", a64, "app.kubernetes.io/name", "mlctl.dev/revision",
             "a\x1b[31m"}},
           {"values of labels", label_value, {"", "risk", "v1.2_3", a63}, {a64, "-a", "a-", "a b", "a/b", "ä", "a\n"}},
           {"variables", variable_name, {"TOKEN", "_a1"}, {"", "1A", "A-B", "A=B", "A B", nul}},
           {"keys of Secrets", secret_key, {"key", "a.b", ".netrc", "A_b-c"}, {"", "a b", "a/b", "..", ".", "..a"}},
           {"resources",
            resource_name,
            {"cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "example.com/fpga"},
            {"", "cpus", "gpu", "nvidia.com/gpu", "requests.cpu", "a b", "kubernetes.io/x",
             "requests.example.com/fpga"}},
           {"quotas",
            quota_name,
            {"requests.cpu", "pods", "requests.nvidia.com/gpu", "count/deployments.apps", "limits.memory"},
            {"", "requests.gpu", "cpus", "a b", "requests. cpu"}},
           {"images",
            image_by_digest,
            {"registry.example/mlserver" + sha, "localhost:5000/a/b" + sha, "python" + sha, "a/b:v1" + sha},
            {"", "python", "python:3.12", "python@sha256:abc", "python@sha256:" + std::string(64, 'A'), "a b" + sha,
             sha, "a@b" + sha, "registry.example/../x" + sha, "a\n" + sha}},
           {"registries",
            registry_url,
            {"oci://registry.example/models", "oci://localhost:5000/a/b", "oci://registry.example"},
            {"", "oci://", "https://a/b", "oci://a/b/", "oci://a//b", "oci://a/B", "oci://a b/c", "oci://a:0/b",
             "oci://a:99999/b"}},
           {"folders",
            folder_path,
            {"deploy/staging", "a", "Deploy_1/x.y"},
            {"", "/a", "a/", "a//b", "..", "a/../b", "./a", ".git/hooks", "a/.git", "a\\b", "a\nb", nul}},
           {"branches",
            branch_name,
            {"deploy", "gitops/staging"},
            {"", "-d", "a..b", "a.lock", "refs/heads/a", "HEAD", "a b", "a~1", "a:b", "/a", "a/", "a/.b", "a."}},
           {"counts", replica_count, {"1", "100000"}, {"0", "-1", "100001", "1.5", "x"}},
           {"utilisations", utilisation, {"1%", "70%", "1000%"}, {"0%", "0.5%", "-1%", "1001%", "70"}},
           {"shares", traffic_share, {"0.1%", "100%"}, {"0%", "101%", "5"}},
           {"compute capabilities",
            capability,
            {">=8.0", ">=8.6", ">=12.1"},
            {"8.0", ">=8", ">=.1", ">=8.66", ">=0.5", "> 8.0", ">=123.0"}},
       }) {
    CAPTURE(c.what);
    for (const auto& text : c.good) CHECK_MESSAGE(c.rule(text), text);
    for (const auto& text : c.bad) {
      const auto status = c.rule(text);
      REQUIRE_MESSAGE(!status, text);
      CHECK(status.error().kind == Error::Kind::usage);
    }
  }
}
