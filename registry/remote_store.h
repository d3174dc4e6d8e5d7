// The registry behind a network: Store over the OCI distribution API 1.1. A model is the repository PATH/[TENANT/]NAME;
// a version is the tag v1.2.3 on the model's manifest, and image-v1.2.3 on the image over the same blobs. Blobs come
// before manifests, manifests before tags, the version's own tag last. A version that has a tag is never written: it is
// looked at before and read again after, and whoever was faster has it. What refers to a manifest is found by the
// referrers API, or by the tag that stands in for it (only a 404 means that there is no API). A registry gives no
// times: `created` is "".
#pragma once
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "registry/remote_address.h"
#include "registry/remote_client.h"
#include "registry/store.h"

namespace mlctl::registry {

// Asks nothing yet.
[[nodiscard]] std::unique_ptr<Store> open_remote_store(const RemoteAddress& address, const RemoteSettings& settings,
                                                       Clock& clock = system_clock());
// Whether the credentials are taken: Error{credentials} when not. Source: OCI distribution 1.1, end-1.
[[nodiscard]] Status check_credentials(const RemoteAddress& address, const RemoteSettings& settings,
                                       const Credentials& credentials, Clock& clock = system_clock());

}  // namespace mlctl::registry
