#include "cli/workplace.h"

#include "base/filesystem.h"
#include "base/units.h"
#include "registry/bundle.h"
#include "registry/docker_config.h"
#include "registry/remote_address.h"
#include "registry/remote_notes.h"
#include "registry/remote_store.h"
#include "release/reference.h"

namespace mlctl::cli {
namespace {

constexpr std::uint64_t ca_limit = 16U << 20U;

Result<Workplace> with_store(release::Project project, Context& context) {
  Workplace place{std::move(project), nullptr, nullptr};
  auto store = project_store(place.project, context);
  if (!store) return store.error();
  place.store = std::move(*store);
  return place;
}

}  // namespace

Result<Workplace> open_loosely(Context& context, const std::string& model) {
  auto project = release::open_project(context.project, model);
  if (!project) return project.error();
  auto place = with_store(std::move(*project), context);
  if (!place) return place.error();
  auto git = registry::open_git(place->project.root);
  if (git) place->git = std::move(*git);
  if (!git && git.error().kind != Error::Kind::not_found) return git.error();
  return place;
}

Result<Workplace> open_with_git(Context& context) {
  auto project = release::load_project(context.project);
  if (!project) return project.error();
  auto git = registry::open_git(project->root);
  if (!git) return git.error();
  auto place = with_store(std::move(*project), context);
  if (!place) return place.error();
  place->git = std::move(*git);
  return place;
}

Result<std::unique_ptr<registry::Store>> project_store(const release::Project& project, Context& context) {
  if (!project.remote.empty()) return open_store(project.remote, context);
  return registry::open_disk_store(project.registry);
}

Result<registry::RemoteSettings> remote_settings(Context& context) {
  registry::RemoteSettings settings{context.ca_file, {}, registry::cache_folder()};
  const auto stall = parse_duration(context.stall_timeout);
  if (!stall) return stall.error().context("--stall-timeout");
  settings.told = [&context](const std::string& why) { context.progress().note(why); };
  settings.stall = std::chrono::ceil<std::chrono::seconds>(*stall);  // what libcurl counts in
  if (!context.timeout.empty()) {
    const auto overall = parse_duration(context.timeout);
    if (!overall) return overall.error().context("--timeout");
    settings.overall = std::chrono::ceil<std::chrono::milliseconds>(*overall);
  }
  if (!settings.ca_file.empty())
    if (auto readable = read_file(settings.ca_file, ca_limit); !readable)
      return Error{Error::Kind::usage, "--ca-file: " + readable.error().message, "a file of certificates in PEM"};
  if (auto config = registry::docker_config_path()) settings.docker_config = std::move(*config);
  return settings;
}

Result<std::unique_ptr<registry::Store>> open_store(const std::string& text, Context& context) {
  if (registry::is_remote(text)) {
    auto address = registry::parse_remote_address(text);
    if (!address) return address.error();
    auto settings = remote_settings(context);
    if (!settings) return settings.error();
    address->plain_http = context.plain_http;
    return registry::open_remote_store(*address, *settings, context.clock);
  }
  if (auto plain = registry::check_no_login(text); !plain) return plain.error();
  if (text.empty() || text.find("://") != std::string::npos)
    return Error{Error::Kind::usage, "not a registry: '" + escape_control(text) + "'",
                 "write oci://HOST/PATH, a folder or FILE.tar"};
  return registry::is_bundle_name(text) ? registry::open_bundle(text) : registry::open_disk_store(text);
}

Result<registry::BaseImage> base_image(const std::string& text, Context& context) {
  if (!registry::is_remote(text)) return registry::base_in_folder(text);
  auto address = registry::parse_base_address(text);
  if (!address) return address.error();
  auto settings = remote_settings(context);
  if (!settings) return settings.error();
  address->registry.plain_http = context.plain_http;
  return registry::base_in_store(registry::open_remote_store(address->registry, *settings, context.clock), *address);
}

std::optional<std::vector<registry::GitTag>> tags_if_any(Context& context, const Workplace& place) {
  if (!place.git) return std::nullopt;
  auto tags = release::all_tags(*place.git);
  if (tags) return std::move(*tags);
  context.note("stages are not shown: " + tags.error().message);
  return std::nullopt;
}

}  // namespace mlctl::cli
