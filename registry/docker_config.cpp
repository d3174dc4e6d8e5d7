#include "registry/docker_config.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "base/document.h"
#include "base/filesystem.h"
#include "base/process.h"
#include "base/terminal.h"
#include "registry/base64.h"
#include "registry/helper_environment.h"

namespace mlctl::registry {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t config_limit = 4U << 20U;
constexpr auto helper_limit = std::chrono::seconds(60);
constexpr const char* hub_key = "https://index.docker.io/v1/";

bool is_hub(const std::string& host) {
  return host == "docker.io" || host == "index.docker.io" || host == "registry-1.docker.io";
}
std::string key_of(const std::string& host) {
  return is_hub(host) ? hub_key : host;
}

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The host of a key such as "https://registry.example/v1/".
std::string host_of_key(std::string key) {
  if (const auto scheme = key.find("://"); scheme != std::string::npos) key.erase(0, scheme + 3);
  return key.substr(0, key.find('/'));
}

// An empty object where there is no file. Any order of keys is kept.
Result<Json> read_config(const fs::path& path) {
  auto text = read_file(path, config_limit);
  if (!text && text.error().kind == Error::Kind::not_found) return Json::object();
  if (!text) return text.error();
  const std::string name = escape_control(path.string());
  if (text->find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
  if (auto checked = parse_json(*text, name); !checked)  // its depth and its keys
    return Error{Error::Kind::usage, name + ": not the configuration of docker: no JSON", "mend or remove the file"};
  auto value = Json::parse(*text, nullptr, false);
  if (value.is_object()) return value;
  return Error{Error::Kind::usage, name + ": not the configuration of docker", "mend or remove the file"};
}

// Dotfiles are often links: what they lead to is replaced, not they.
Status write_config(const fs::path& path, const Json& config) {
  std::error_code code;
  auto real = fs::canonical(path, code);
  return write_file(code ? path : real, config.dump(1, '\t', false, Json::error_handler_t::replace) + "\n", 0600);
}

std::string helper_of(const Json& config, const std::string& host) {
  if (const auto helpers = config.find("credHelpers"); helpers != config.end())
    for (const auto& key : {host, key_of(host)})
      if (auto named = text_at(*helpers, key.c_str()); !named.empty()) return named;
  return text_at(config, "credsStore");
}

struct HelperAnswer {
  bool found = true;
  std::string output;
};

// What a person types to see what is wrong. The input of `store` is a secret, and no host.
std::string by_hand(const std::string& program, const std::string& input) {
  return "echo " + (input.starts_with("{") ? "HOST" : escape_control(input)) + " | " + program + " get";
}

// Which file names the helper, or cannot be read. Never without a hint: asking the registry again would not help.
Error told(Error error, const fs::path& config) {
  if (error.message.find(config.string()) == std::string::npos)
    error.message = escape_control(config.string()) + ": " + error.message;
  if (error.hint.empty()) error.hint = "mend that file, or what it names";
  return error;
}

// Nothing of what a helper prints is ever shown: it may be a secret.
Result<HelperAnswer> run_helper(const std::string& name, const char* verb, const std::string& input) {
  const std::string program = "docker-credential-" + name;
  const auto legal = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  if (name.empty() || name.size() > 100 || !std::all_of(name.begin(), name.end(), legal))
    return Error{Error::Kind::usage,
                 "docker's configuration names a helper that cannot be: '" + escape_control(name) + "'", ""};
  ProcessSpec spec;
  spec.command = {program, verb};
  spec.environment = helper_environment();
  spec.input = input;
  spec.drop_errors = true;
  auto ran = run_process(spec, helper_limit);
  if (!ran && ran.error().kind == Error::Kind::timeout)
    return Error{Error::Kind::timeout, program + " " + verb + ": no answer within " + human_duration(helper_limit),
                 "it may wait for somebody: " + by_hand(program, input)};
  if (!ran) return ran.error();
  if (ran->exit_code == 0) return HelperAnswer{true, std::move(ran->output)};
  if (ran->output.find("credentials not found") != std::string::npos) return HelperAnswer{false, ""};
  return Error{Error::Kind::unavailable,
               program + " " + verb + " failed with exit code " + std::to_string(ran->exit_code),
               "run it by hand: " + by_hand(program, input)};
}

Result<Credentials> ask_helper(const std::string& name, const std::string& host) {
  auto answer = run_helper(name, "get", key_of(host));
  if (!answer) return answer.error();
  if (!answer->found) return Credentials{};
  const auto value = Json::parse(answer->output, nullptr, false);
  const auto secret = text_at(value, "Secret");
  if (!value.is_object() || secret.empty())
    return Error{Error::Kind::unavailable, "docker-credential-" + name + " get: its answer is not understood", ""};
  if (const auto user = text_at(value, "Username"); user != "<token>") return Credentials{user, secret, "", ""};
  return Credentials{"", "", secret, ""};
}

Credentials of_entry(const Json& entry) {
  Credentials found{text_at(entry, "username"), text_at(entry, "password"), text_at(entry, "identitytoken"),
                    text_at(entry, "registrytoken")};
  if (const auto pair = from_base64(text_at(entry, "auth")); pair && pair->find(':') != std::string::npos) {
    found.username = pair->substr(0, pair->find(':'));
    found.password = pair->substr(pair->find(':') + 1);
    while (!found.password.empty() && found.password.back() == '\0') found.password.pop_back();
  }
  return found;
}

// The keys of `auths` that mean this host, the plain one first.
std::vector<std::string> keys_for(const Json& config, const std::string& host) {
  std::vector<std::string> keys;
  const auto auths = config.find("auths");
  if (auths == config.end() || !auths->is_object()) return keys;
  for (const auto& [key, entry] : auths->items())
    if (key == key_of(host))
      keys.insert(keys.begin(), key);
    else if (host_of_key(key) == host || (is_hub(host) && is_hub(host_of_key(key))))
      keys.push_back(key);
  return keys;
}

}  // namespace

Result<fs::path> docker_config_path() {
  if (const char* folder = std::getenv("DOCKER_CONFIG"); folder != nullptr && *folder != '\0')
    return fs::path(folder) / "config.json";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return fs::path(home) / ".docker" / "config.json";
  return Error{Error::Kind::usage, "no place for docker's configuration: neither DOCKER_CONFIG nor HOME is set", ""};
}

Result<Credentials> find_credentials(const fs::path& path, const std::string& host) {
  auto config = read_config(path);
  if (!config) return told(config.error(), path);
  if (const auto helper = helper_of(*config, host); !helper.empty()) {
    auto found = ask_helper(helper, host);
    if (!found) return told(found.error(), path);
    if (!found->empty()) return found;
  }
  for (const auto& key : keys_for(*config, host))
    if (auto found = of_entry((*config)["auths"][key]); !found.empty()) return found;
  return Credentials{};
}

Result<std::string> store_credentials(const fs::path& path, const std::string& host, const Credentials& credentials) {
  auto config = read_config(path);
  if (!config) return config.error();
  if (config->contains("auths") && !(*config)["auths"].is_object())
    return Error{Error::Kind::usage, escape_control(path.string()) + ": `auths` is not a map", "mend the file"};
  const auto helper = helper_of(*config, host);
  Json entry = Json::object();
  if (!helper.empty()) {
    const Json given = {
        {"ServerURL", key_of(host)}, {"Username", credentials.username}, {"Secret", credentials.password}};
    auto kept = run_helper(helper, "store", given.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (!kept) return told(kept.error(), path);
  } else {
    entry["auth"] = to_base64(credentials.username + ":" + credentials.password);
  }
  (*config)["auths"][key_of(host)] = std::move(entry);
  if (auto written = write_config(path, *config); !written) return written.error();
  return helper.empty() ? path.string() : "docker-credential-" + helper;
}

Result<bool> erase_credentials(const fs::path& path, const std::string& host) {
  auto config = read_config(path);
  if (!config) return config.error();
  bool erased = false;
  if (const auto helper = helper_of(*config, host); !helper.empty()) {
    auto there = ask_helper(helper, host);
    if (!there) return told(there.error(), path);
    erased = !there->empty();
    if (erased)
      if (auto gone = run_helper(helper, "erase", key_of(host)); !gone) return gone.error();
  }
  const auto keys = keys_for(*config, host);
  if (keys.empty()) return erased;
  for (const auto& key : keys) (*config)["auths"].erase(key);
  if (auto written = write_config(path, *config); !written) return written.error();
  return true;
}

}  // namespace mlctl::registry
