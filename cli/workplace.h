// What most commands about models begin with: the project, its registry, its repository.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "registry/git.h"
#include "registry/modelcar.h"
#include "registry/remote_client.h"
#include "registry/store.h"
#include "release/project.h"

namespace mlctl::cli {

struct Workplace {
  release::Project project;
  std::unique_ptr<registry::Store> store;
  std::unique_ptr<registry::Git> git;  // null where there is no repository
};

// For commands that need no mlctl.yaml and no git. `model` is what the command line names: it may be the folder of a
// model that no project knows. A repository that cannot be read is an error all the same.
[[nodiscard]] Result<Workplace> open_loosely(Context& context, const std::string& model = {});
// For commands about git's tags: Error{usage}/{not_found} with the reason when the project or the repository lacks.
[[nodiscard]] Result<Workplace> open_with_git(Context& context);

// A registry by what people call it: a folder, oci://HOST/PATH, or a bundle (FILE.tar, read-only).
[[nodiscard]] Result<std::unique_ptr<registry::Store>> open_store(const std::string& text, Context& context);
// The one that the project names.
[[nodiscard]] Result<std::unique_ptr<registry::Store>> project_store(const release::Project& project, Context& context);
// A base image by what people call it: a folder with an OCI layout, or oci://HOST/PATH@sha256:….
[[nodiscard]] Result<registry::BaseImage> base_image(const std::string& text, Context& context);
// How a registry behind a network is spoken to: --ca-file, docker's configuration, the cache.
[[nodiscard]] Result<registry::RemoteSettings> remote_settings(Context& context);

// The tags where there is a repository; nothing where there is none, and with a note where it lacks its history.
[[nodiscard]] std::optional<std::vector<registry::GitTag>> tags_if_any(Context& context, const Workplace& place);

}  // namespace mlctl::cli
