// Manifests, tags and referrers of one repository. Several threads may use it.
#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "registry/remote_client.h"
#include "registry/store.h"

namespace mlctl::registry {

class RemoteManifests {
 public:
  RemoteManifests(RemoteClient& client, std::string repository) : client_(client), repository_(std::move(repository)) {}

  // By digest, checked: Error{corrupt}; Error{not_found}.
  [[nodiscard]] Result<std::string> read(const Digest& digest);
  // Digest and size of what a tag or a digest leads to; nullopt: nothing.
  struct Head {
    Digest digest;
    std::uint64_t size = 0;
    std::string text;  // when it had to be read
  };
  [[nodiscard]] Result<std::optional<Head>> head(const std::string& reference);
  // True: the registry keeps the referrers itself (OCI-Subject). Error{unavailable} when a blob is not there.
  [[nodiscard]] Result<bool> put(const std::string& reference, std::string_view text, const std::string& media_type);
  // All tags; empty when there is no such repository.
  [[nodiscard]] Result<std::vector<std::string>> tags();
  [[nodiscard]] Result<std::vector<Descriptor>> referrers(const Digest& subject);
  // Into the tag that stands in for the referrers API: read, change, write, read again.
  [[nodiscard]] Status add_to_fallback(const Digest& subject, const Descriptor& manifest);

 private:
  [[nodiscard]] RemoteRequest request(const char* method, const std::string& path, bool push) const;
  Result<std::vector<Descriptor>> fallback(const Digest& subject);
  Result<std::optional<std::vector<Descriptor>>> from_api(const Digest& subject);
  Result<std::vector<Descriptor>> with_types(std::vector<Descriptor> entries);

  RemoteClient& client_;
  std::string repository_;
};

}  // namespace mlctl::registry
