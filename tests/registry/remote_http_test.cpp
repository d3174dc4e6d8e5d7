#include "registry/remote_http.h"

#include <doctest/doctest.h>

#include "registry/base64.h"
#include "registry/remote_address.h"
#include "registry/remote_auth.h"

using namespace mlctl::registry;
using mlctl::Error;

TEST_CASE("an address with a login in it is refused, and not repeated") {
  for (const char* text :
       {"oci://ci:SECRET@a/b", "oci://SECRET@a/b", "oci://ci:SEC/RET@a/b", "https://ci:SECRET@a/b"}) {
    CAPTURE(text);
    const auto refused = check_no_login(text);
    REQUIRE_FALSE(refused);
    CHECK((refused.error().message + refused.error().hint).find("SEC") == std::string::npos);
    const auto parsed = parse_remote_address(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message == refused.error().message);
  }
  const auto host = parse_registry_host("ci:SECRET@registry.example");
  REQUIRE_FALSE(host);
  CHECK((host.error().message + host.error().hint).find("SECRET") == std::string::npos);
  CHECK(check_no_login("oci://a/b"));
  CHECK(check_no_login("folder@home"));
}

TEST_CASE("an address of a registry is oci://HOST[:PORT]/PATH in lower case") {
  struct Case {
    const char* text;
    const char* host;
    const char* path;
  };
  const Case good[] = {
      {"oci://registry.example/models", "registry.example", "models"},
      {"oci://registry.example:5000/a/b-c/d__e.f", "registry.example:5000", "a/b-c/d__e.f"},
      {"oci://localhost:5000", "localhost:5000", ""},
      {"oci://[::1]:5000/m", "[::1]:5000", "m"},
      {"oci://a/b---c", "a", "b---c"},
  };
  for (const auto& c : good) {
    CAPTURE(c.text);
    const auto address = parse_remote_address(c.text);
    REQUIRE(address);
    CHECK(address->host == c.host);
    CHECK(address->path == c.path);
    CHECK(to_string(*address) == c.text);
  }
  for (const char* text :
       {"",           "oci://",      "https://a/b",   "oci:///b",        "oci://a/",       "oci://a//b",
        "oci://a/B",  "oci://A/b",   "oci://a:0/b",   "oci://a:99999/b", "oci://user@a/b", "oci://a/b?c",
        "oci://a/..", "oci://a/b_",  "oci://a/b___c", "oci://a/b..c",    "oci://a/b.-c",   "oci://a b/c",
        "oci://../x", "oci://[::1/b"}) {
    CAPTURE(text);
    const auto address = parse_remote_address(text);
    REQUIRE_FALSE(address);
    CHECK(address.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("where a Location leads") {
  struct Case {
    const char* name;
    const char* base;
    const char* reference;
    const char* target;  // "": refused
  };
  const Case cases[] = {
      {"absolute", "https://a/v2/x", "https://b/y?z=1", "https://b/y?z=1"},
      {"a path", "https://a:5000/v2/x?q=1", "/v2/y?state=%2B", "https://a:5000/v2/y?state=%2B"},
      {"a name beside", "http://a/v2/x/y", "z", "http://a/v2/x/z"},
      {"a query alone", "http://a/v2/x?n=1", "?n=2", "http://a/v2/x?n=2"},
      {"another host, same scheme", "https://a/v2/x", "//b/y", "https://b/y"},
      {"without its fragment", "http://a/x", "/y#z", "http://a/y"},
      {"from http to https", "http://a/x", "https://a/y", "https://a/y"},
      {"a colon in a path is no scheme", "http://a/x", "/v2/blobs/sha256:0", "http://a/v2/blobs/sha256:0"},
      {"from https to http", "https://a/x", "http://a/y", ""},
      {"a file", "https://a/x", "file:///etc/passwd", ""},
      {"another scheme", "http://a/x", "gopher://a/y", ""},
      {"a scheme without a host", "http://a/x", "javascript:alert(1)", ""},
      {"a user", "http://a/x", "http://u:p@a/y", ""},
      {"nothing", "http://a/x", "", ""},
      {"control characters", "http://a/x", "/y\r\nHost: b", ""},
      {"a blank", "http://a/x", "/y z", ""},
      {"backslashes", "http://a/x", "\\\\b\\y", ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto target = follow(c.base, c.reference);
    REQUIRE(static_cast<bool>(target) == (*c.target != '\0'));
    if (target) CHECK(*target == c.target);
  }
  CHECK_FALSE(follow("http://a/x", "/" + std::string(20'000, 'y')));
}

TEST_CASE("two URLs are of one origin by scheme, host and port") {
  CHECK(origin("https://A.example/x") == origin("https://a.example:443/y?z"));
  CHECK(origin("http://a:80") == origin("http://a"));
  CHECK(origin("http://a") != origin("https://a"));
  CHECK(origin("http://a") != origin("http://a:8080"));
  CHECK(origin("http://user@a/x") == "http://a");
  CHECK(origin("file:///x").empty());
  CHECK(origin("a/b").empty());
}

TEST_CASE("an upload keeps the query of its Location") {
  CHECK(with_query("http://a/u?_state=x%3D", {{"digest", "sha256:ab"}}) == "http://a/u?_state=x%3D&digest=sha256%3Aab");
  CHECK(with_query("http://a/u", {{"a", "b c"}, {"d", "/"}}) == "http://a/u?a=b%20c&d=%2F");
}

TEST_CASE("ranges, links and waiting as servers write them") {
  CHECK(upload_range("0-9") == 10U);
  CHECK(upload_range("bytes=0-9") == 10U);
  CHECK(upload_range("0-0") == 1U);
  for (const char* text : {"", "1-9", "0-", "0-x", "9", "0--1", "0-99999999999999999999"})
    CHECK_FALSE(upload_range(text));
  CHECK(parse_content_range("bytes 5-9/100") == ContentRange{5, 9, 100});
  CHECK(parse_content_range("bytes 5-9/*") == ContentRange{5, 9, std::nullopt});
  for (const char* text :
       {"", "5-9/100", "bytes 9-5/100", "bytes 5-100/100", "bytes 5-9", "bytes */100", "bytes -1-2/3"})
    CHECK_FALSE(parse_content_range(text));
  CHECK(next_link("</v2/x/tags/list?last=a&n=2>; rel=\"next\"") == "/v2/x/tags/list?last=a&n=2");
  CHECK(next_link("<a>; rel=prev, <b>; title=\"x\"; rel=\"next\"") == "b");
  for (const char* text : {"", "<a", "<a>", "<a>; rel=\"last\"", ">; rel=next"}) CHECK(next_link(text).empty());
  const auto now = *mlctl::parse_rfc3339("2026-11-06T08:49:00Z");
  CHECK(retry_after("120", now) == std::chrono::seconds(120));
  CHECK(retry_after("Fri, 06 Nov 2026 08:49:37 GMT", now) == std::chrono::seconds(37));
  CHECK(retry_after("Fri, 06 Nov 2020 08:49:37 GMT", now) == std::chrono::seconds(0));
  for (const char* text : {"", "soon", "-1", "1.5", "Fri, 99 Nov 2026 08:49:37 GMT"})
    CHECK_FALSE(retry_after(text, now));
}

TEST_CASE("a challenge is read as RFC 9110 writes it, and hostile ones end the list") {
  struct Case {
    const char* name;
    std::string header;
    std::vector<std::string> schemes;
    std::map<std::string, std::string> first;
  };
  const Case cases[] = {
      {"a token service",
       "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"repository:a/b:pull,push\"",
       {"bearer"},
       {{"realm", "https://auth.example/token"},
        {"service", "registry.example"},
        {"scope", "repository:a/b:pull,push"}}},
      {"blanks and tokens without quotes",
       "Basic  Realm = x , charset=UTF-8",
       {"basic"},
       {{"realm", "x"}, {"charset", "UTF-8"}}},
      {"two in one header", "Bearer realm=\"a\", Basic realm=\"b\"", {"bearer", "basic"}, {{"realm", "a"}}},
      {"an escaped quote", "Bearer realm=\"a\\\"b\"", {"bearer"}, {{"realm", "a\"b"}}},
      {"a scheme alone", "Negotiate", {"negotiate"}, {}},
      {"an unclosed quote", "Bearer realm=\"a", {"bearer"}, {}},
      {"a parameter of nothing", "=x, Basic", {}, {}},
      {"the first of two alike", "Bearer realm=a,realm=b", {"bearer"}, {{"realm", "a"}}},
      {"nothing", "", {}, {}},
      {"bytes", std::string("\xff\x00\x01", 3), {}, {}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto all = parse_challenges(c.header);
    REQUIRE(all.size() == c.schemes.size());
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].scheme == c.schemes[i]);
    if (!all.empty()) CHECK(all[0].parameters == c.first);
  }
}

TEST_CASE("base64 both ways") {
  for (const char* text : {"", "f", "fo", "foo", "foob", "user:pa\xc3\xa4ss"})
    CHECK(from_base64(to_base64(text)) == text);
  CHECK(to_base64("foob") == "Zm9vYg==");
  CHECK(from_base64("Zm9vYg") == "foob");
  for (const char* text : {"Z", "Zm9v Yg==", "Zm9vYh==", "Zm=9"}) CHECK_FALSE(from_base64(text));
}
