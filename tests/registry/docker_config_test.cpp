#include "registry/docker_config.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/filesystem.h"

using namespace mlctl;
using namespace mlctl::registry;

namespace {

struct Home {
  Home() : folder(*TemporaryFolder::create()), config(folder.path() / "config.json") {}
  void write(const std::string& text) const { REQUIRE(write_file(config, text)); }
  [[nodiscard]] std::string read() const { return *read_file(config, 1U << 20U); }
  TemporaryFolder folder;
  std::filesystem::path config;
};

// A helper on PATH that keeps what it is told in a file beside it.
struct Helper {
  explicit Helper(const Home& home, const std::string& script) : before(std::getenv("PATH")) {
    const auto path = home.folder.path() / "docker-credential-test";
    REQUIRE(write_file(path, "#!/bin/sh\ncd \"" + home.folder.path().string() + "\"\n" + script, 0755));
    ::setenv("PATH", (home.folder.path().string() + ":" + before).c_str(), 1);
  }
  ~Helper() { ::setenv("PATH", before.c_str(), 1); }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  std::string before;
};

}  // namespace

TEST_CASE("credentials are found as docker finds them") {
  struct Case {
    const char* name;
    const char* config;
    const char* host;
    Credentials found;
  };
  const Credentials ab{"a", "b", "", ""};
  const Case cases[] = {
      {"no file", nullptr, "r.example", {}},
      {"an empty file", "", "r.example", {}},
      {"auth", R"({"auths":{"r.example":{"auth":"YTpi"}}})", "r.example", ab},
      {"a password with a colon", R"({"auths":{"r.example":{"auth":"YTpiOmM="}}})", "r.example", {"a", "b:c", "", ""}},
      {"username and password", R"({"auths":{"r.example":{"username":"a","password":"b"}}})", "r.example", ab},
      {"an identity token",
       R"({"auths":{"r.example":{"auth":"YTo=","identitytoken":"t"}}})",
       "r.example",
       {"a", "", "t", ""}},
      {"a registry token", R"({"auths":{"r.example":{"registrytoken":"t"}}})", "r.example", {"", "", "", "t"}},
      {"a key that is a URL", R"({"auths":{"https://r.example/v1/":{"auth":"YTpi"}}})", "r.example", ab},
      {"the hub's own key", R"({"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}})", "docker.io", ab},
      {"the port counts", R"({"auths":{"r.example:5000":{"auth":"YTpi"}}})", "r.example", {}},
      {"the beginning of another name", R"({"auths":{"r.example.evil":{"auth":"YTpi"}}})", "r.example", {}},
      {"an empty entry", R"({"auths":{"r.example":{}}})", "r.example", {}},
      {"an empty helper falls through", R"({"credHelpers":{"r.example":""},"auths":{"r.example":{"auth":"YTpi"}}})",
       "r.example", ab},
      {"nonsense where text is",
       R"({"auths":{"r.example":{"auth":[1],"username":2}},"credsStore":3})",
       "r.example",
       {}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const Home home;
    if (c.config != nullptr) home.write(c.config);
    const auto found = find_credentials(home.config, c.host);
    REQUIRE(found);
    CHECK(*found == c.found);
  }
  for (const char* text : {"[]", "{", "\"x\"", "{\"credsStore\":\"../evil\"}"}) {
    CAPTURE(text);
    const Home home;
    home.write(text);
    const auto found = find_credentials(home.config, "r.example");
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("a helper is asked on standard input, and what it prints is never shown") {
  const Home home;
  home.write(R"({"credsStore":"test","auths":{"other.example":{"auth":"YTpi"}}})");
  {
    const Helper helper(home,
                        "read host; [ \"$1\" = get ] && [ \"$host\" = r.example ] || { echo 'credentials not found in "
                        "native keychain'; exit 1; }\necho noise >&2\necho '{\"ServerURL\":\"r.example\",\"Username\":"
                        "\"u\",\"Secret\":\"s\"}'\n");
    CHECK(*find_credentials(home.config, "r.example") == Credentials{"u", "s", "", ""});
    CHECK(*find_credentials(home.config, "other.example") == Credentials{"a", "b", "", ""});
  }
  {
    const Helper helper(home, "echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}'\n");
    CHECK(*find_credentials(home.config, "r.example") == Credentials{"", "", "t", ""});
  }
  for (const char* script : {"echo s3cr3t; exit 1\n", "echo s3cr3t\n", "echo '{\"Secret\":3}'\n"}) {
    const Helper helper(home, script);
    const auto found = find_credentials(home.config, "r.example");
    REQUIRE_FALSE(found);
    CHECK(found.error().message.find("s3cr3t") == std::string::npos);
    CHECK(found.error().message.find(home.config.string()) != std::string::npos);
    CHECK_FALSE(found.error().hint.empty());
  }
  home.write(R"({"credsStore":"not-there"})");
  CHECK(find_credentials(home.config, "r.example").error().kind == Error::Kind::unavailable);
  REQUIRE(std::filesystem::remove(home.config));
  REQUIRE(std::filesystem::create_directory(home.config));
  CHECK_FALSE(find_credentials(home.config, "r.example").error().hint.empty());
}

TEST_CASE("login keeps all else in the file, and logout takes its own away") {
  const Home home;
  home.write(
      "{\n\t\"psFormat\": \"table\",\n\t\"auths\": {\"https://r.example/v1/\": {}, \"z\": {\"auth\": \"YTpi\"}},\n"
      "\t\"HttpHeaders\": {\"b\": \"1\", \"a\": 2}\n}\n");
  REQUIRE(store_credentials(home.config, "r.example", {"a", "b", "", ""}));
  CHECK(
      home.read() ==
      "{\n\t\"psFormat\": \"table\",\n\t\"auths\": {\n\t\t\"https://r.example/v1/\": {},\n\t\t\"z\": "
      "{\n\t\t\t\"auth\": "
      "\"YTpi\"\n\t\t},\n\t\t\"r.example\": {\n\t\t\t\"auth\": \"YTpi\"\n\t\t}\n\t},\n\t\"HttpHeaders\": {\n\t\t\"b\": "
      "\"1\",\n\t\t\"a\": 2\n\t}\n}\n");
  struct stat info{};
  REQUIRE(::stat(home.config.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600U);
  CHECK(*find_credentials(home.config, "r.example") == Credentials{"a", "b", "", ""});
  CHECK(*erase_credentials(home.config, "r.example"));
  CHECK(find_credentials(home.config, "r.example")->empty());
  CHECK_FALSE(*erase_credentials(home.config, "r.example"));
  CHECK(*find_credentials(home.config, "z") == Credentials{"a", "b", "", ""});
}

TEST_CASE("login into a helper leaves no secret in the file") {
  const Home home;
  home.write(R"({"credHelpers":{"r.example":"test"}})");
  const Helper helper(home, "case $1 in store) cat > kept;; get) cat kept;; erase) rm kept;; esac\n");
  const auto where = store_credentials(home.config, "r.example", {"u", "s3cr3t", "", ""});
  REQUIRE(where);
  CHECK(*where == "docker-credential-test");
  CHECK(home.read().find("s3cr3t") == std::string::npos);
  CHECK(*find_credentials(home.config, "r.example") == Credentials{"u", "s3cr3t", "", ""});
  CHECK(*erase_credentials(home.config, "r.example"));
}
