#include "registry/remote_client.h"

#include <atomic>
#include <doctest/doctest.h>
#include <map>
#include <mutex>

#include "base/filesystem.h"
#include "registry/base64.h"
#include "registry/remote_ranges.h"
#include "registry/remote_upload.h"
#include "tests/base/loopback_server.h"

using namespace mlctl;
using namespace mlctl::registry;
using test::LoopbackServer;
using test::RawAnswer;
using namespace std::chrono_literals;

namespace {

std::string answer(int status, const std::string& headers = "", const std::string& body = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

std::string first_line(const std::string& request) {
  return request.substr(0, request.find(" HTTP/"));
}

std::string header(const std::string& request, const std::string& name) {
  const auto at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const auto begin = at + name.size() + 4;
  return request.substr(begin, request.find("\r\n", begin) - begin);
}

RemoteAddress at(const LoopbackServer& server) {
  const auto url = server.url("");
  return {url.substr(7), "", true};
}

struct Client {
  explicit Client(const LoopbackServer& server, Credentials credentials = {}, RemoteSettings settings = {})
      : remote(at(server), std::move(settings), [credentials] { return Result<Credentials>(credentials); }, clock) {}
  ManualClock clock;
  RemoteClient remote;

  Result<RemoteAnswer> get(const std::string& url, const std::string& scope = "") {
    RemoteRequest request;
    request.url = url;
    request.repository = "a/b";
    request.scope = scope;
    request.fine = {200};
    return remote.send(request);
  }
};

}  // namespace

TEST_CASE("what passes is tried again, as long as the registry asks for, and what does not is told") {
  struct Case {
    const char* name;
    std::vector<RawAnswer> answers;  // the last one again and again
    int requests;
    bool good;
    Error::Kind kind;
    const char* said;
    Duration at_least;
  };
  const auto trouble = RawAnswer{answer(503, "", R"({"errors":[{"code":"DOWN","message":"for a while"}]})")};
  const Case cases[] = {
      {"503, then fine", {trouble, {answer(200)}}, 2, true, {}, "", 250ms},
      {"a connection that breaks, then fine",
       {{"", true}, {"HTTP/1.1 2", true}, {answer(200)}},
       3,
       true,
       {},
       "",
       500ms},
      {"429 with seconds", {{answer(429, "Retry-After: 7\r\n")}, {answer(200)}}, 2, true, {}, "", 7s},
      {"429 with a date",
       {{answer(429, "Retry-After: Thu, 01 Jan 2026 00:00:30 GMT\r\n")}, {answer(200)}},
       2,
       true,
       {},
       "",
       30s},
      {"429 with more patience than there is",
       {{answer(429, "Retry-After: 3600\r\n")}},
       1,
       false,
       Error::Kind::unavailable,
       "a/b: GET answered 429 Too Many Requests",
       0s},
      {"503 for good", {trouble}, 6, false, Error::Kind::unavailable, "503 Service Unavailable: DOWN: for a while", 5s},
      {"404", {{answer(404)}}, 1, false, Error::Kind::not_found, "404", 0s},
      {"403", {{answer(403)}}, 1, false, Error::Kind::credentials, "403 Forbidden (asked without credentials)", 0s},
      {"400 with control characters",
       {{answer(400, "", "{\"errors\":[{\"code\":\"X\",\"message\":\"\\u001b[31mred\"}]}")}},
       1,
       false,
       Error::Kind::unavailable,
       "X: \\x1b[31mred",
       0s},
      {"a page of HTML", {{answer(400, "", "<html>")}}, 1, false, Error::Kind::unavailable, "400 Bad Request", 0s},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    std::atomic<std::size_t> count{0};
    LoopbackServer server([&](const std::string&) { return c.answers[std::min(count++, c.answers.size() - 1)]; });
    Client client(server);
    const auto result = client.get("/v2/a/b/x");
    CHECK(server.requests().size() == static_cast<std::size_t>(c.requests));
    CHECK(static_cast<bool>(result) == c.good);
    CHECK(client.clock.steady().time_since_epoch() >= c.at_least);
    if (result || c.good) continue;
    CHECK(result.error().kind == c.kind);
    CHECK(result.error().message.find(c.said) != std::string::npos);
  }
}

TEST_CASE("after the time for everything nothing is asked any more, and nothing is waited for that would pass it") {
  RemoteSettings settings;
  settings.overall = 10s;
  LoopbackServer server([](const std::string& request) {
    const bool busy = first_line(request) == "GET /v2/busy";
    return RawAnswer{busy ? answer(429, "Retry-After: 11\r\n") : answer(200)};
  });
  Client client(server, {}, settings);
  const auto busy = client.get("/v2/busy");
  REQUIRE_FALSE(busy);
  CHECK(busy.error().message.find("429") != std::string::npos);
  CHECK(client.clock.steady() < SteadyTime(10s));
  CHECK(client.get("/v2/"));
  client.clock.sleep_until(SteadyTime(10s));
  const auto late = client.get("/v2/");
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == Error::Kind::timeout);
  CHECK(late.error().message.find("--timeout") != std::string::npos);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("a registry that never answered is tried three times, one that did six times") {
  auto server = std::make_unique<LoopbackServer>([](const std::string&) { return RawAnswer{answer(200)}; });
  Client gone(*server), there(*server);
  REQUIRE(there.get("/v2/"));
  server.reset();
  for (auto* client : {&gone, &there}) {
    const auto began = client->clock.steady();
    const auto result = client->get("/v2/");
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find("cannot connect") != std::string::npos);
    const auto waited = client->clock.steady() - began;
    CHECK((waited < 2s) == (client == &gone));
  }
}

TEST_CASE("who waits is told why, once for each time of trouble") {
  std::vector<std::string> told;
  RemoteSettings settings;
  settings.told = [&](const std::string& line) { told.push_back(line); };
  std::atomic<int> trouble{4};  // after the third at least a second has passed, whatever the dice say
  LoopbackServer server([&](const std::string&) { return RawAnswer{trouble-- > 0 ? answer(503) : answer(200)}; });
  Client client(server, {}, settings);
  REQUIRE(client.get("/v2/"));
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("answers 503 Service Unavailable; trying again") != std::string::npos);
  REQUIRE(client.get("/v2/"));
  CHECK(told.size() == 1);
  trouble = 5;
  REQUIRE(client.get("/v2/"));
  CHECK(told.size() == 2);
}

TEST_CASE("redirects are followed without credentials to other hosts, and nowhere else but to http and https") {
  LoopbackServer other([](const std::string& request) {
    return RawAnswer{answer(header(request, "Authorization").empty() ? 200 : 500, "", "there")};
  });
  std::string location;
  LoopbackServer server([&](const std::string& request) {
    if (header(request, "Authorization").empty()) return RawAnswer{answer(401, "WWW-Authenticate: Basic realm=x\r\n")};
    return RawAnswer{answer(307, "Location: " + location + "\r\n")};
  });
  struct Case {
    const char* name;
    std::string location;
    bool good;
    const char* said;
  };
  const Case cases[] = {
      {"to another host", other.url("/blob"), true, ""},
      {"to a file", "file:///etc/passwd", false, "neither http nor https"},
      {"to itself, for ever", "/v2/again", false, "more than 5 redirects"},
      {"to nowhere", "", false, "nowhere"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    location = c.location;
    Client client(server, {"u", "p", "", ""});
    const auto result = client.get("/v2/a/b/x");
    REQUIRE(static_cast<bool>(result) == c.good);
    if (result) CHECK(result->response.body == "there");
    if (!result) CHECK(result.error().message.find(c.said) != std::string::npos);
  }
}

TEST_CASE("tokens: fetched once for a scope, renewed before they expire and when they are refused") {
  std::atomic<int> issued{0};
  std::atomic<bool> revoked{false};
  std::string life = ",\"expires_in\":300";
  const LoopbackServer* self = nullptr;
  LoopbackServer server([&](const std::string& request) {
    const auto line = first_line(request);
    if (line.rfind("GET /token", 0) == 0 || line.rfind("POST /token", 0) == 0)
      return RawAnswer{answer(200, "", "{\"token\":\"t" + std::to_string(++issued) + "\"" + life + "}")};
    const bool fine = header(request, "Authorization") == "Bearer t" + std::to_string(issued) && issued > 0;
    if (fine && !revoked.exchange(false)) return RawAnswer{answer(200)};
    return RawAnswer{answer(401, "WWW-Authenticate: Bearer realm=\"" + self->url("/token") +
                                     "\",service=\"s\",scope=\"repository:a/b:pull\"\r\n")};
  });
  self = &server;
  Client client(server, {"u", "p", "", ""});
  REQUIRE(client.get("/v2/a/b/x", "repository:a/b:pull"));
  REQUIRE(client.get("/v2/a/b/y", "repository:a/b:pull"));
  CHECK(issued == 1);
  client.clock.advance(299s);
  REQUIRE(client.get("/v2/a/b/y", "repository:a/b:pull"));
  CHECK(issued == 2);
  revoked = true;
  REQUIRE(client.get("/v2/a/b/y", "repository:a/b:pull"));
  CHECK(issued == 3);
  bool seen = false;
  for (const auto& request : server.requests())
    if (first_line(request) == "GET /token?service=s&scope=repository%3Aa%2Fb%3Apull") {
      seen = true;
      CHECK(header(request, "Authorization") == "Basic " + to_base64("u:p"));
    }
  CHECK(seen);

  SUBCASE("no word about its life: a minute") {
    life = "";
    revoked = true;
    REQUIRE(client.get("/v2/a/b/y", "repository:a/b:pull"));
    client.clock.advance(61s);
    REQUIRE(client.get("/v2/a/b/y", "repository:a/b:pull"));
    CHECK(issued == 5);
  }
  SUBCASE("an identity token is posted") {
    Client other(server, {"", "", "id&entity", ""});
    REQUIRE(other.get("/v2/a/b/x", "repository:a/b:pull"));
    CHECK(server.requests().back().find("GET /v2/a/b/x") == 0);
    const auto all = server.requests();
    const auto& post = all[all.size() - 2];
    CHECK(post.find("POST /token") == 0);
    CHECK(post.find("grant_type=refresh_token&service=s&client_id=mlctl&scope=repository%3Aa%2Fb%3Apull&refresh_token="
                    "id%26entity") != std::string::npos);
  }
}

TEST_CASE("credentials that cannot be read are told at once, and looked for once") {
  LoopbackServer server(
      [](const std::string&) { return RawAnswer{answer(401, "WWW-Authenticate: Basic realm=x\r\n")}; });
  ManualClock clock;
  int asked = 0;
  const auto lookup = [&]() -> Result<Credentials> {
    ++asked;
    return Error{Error::Kind::timeout, "the helper is silent", "see what it waits for"};
  };
  RemoteClient remote(at(server), {}, lookup, clock);
  RemoteRequest request;
  request.url = "/v2/";
  request.fine = {200};
  for (int i = 0; i < 2; ++i) {
    const auto result = remote.send(request);
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find("the helper is silent") != std::string::npos);
  }
  CHECK(asked == 1);
  CHECK(server.requests().size() == 2);
  CHECK(clock.steady() == SteadyTime());
}

TEST_CASE("credentials that are refused are an error without a secret in it") {
  struct Case {
    const char* name;
    std::string challenge;
    Credentials credentials;
    const char* said;
  };
  const Case cases[] = {
      {"none", "Basic realm=x", {}, "wants credentials and there are none"},
      {"wrong ones", "Basic realm=x", {"u", "s3cr3t", "", ""}, "refuses the credentials"},
      {"of a kind that nobody knows", "Negotiate", {"u", "s3cr3t", "", ""}, "of a kind that is not understood"},
      {"a token service that is a file",
       "Bearer realm=\"file:///etc/passwd\"",
       {"u", "s3cr3t", "", ""},
       "that is no URL"},
      {"a token service with a user in it", "Bearer realm=\"http://a@b/\"", {"u", "s3cr3t", "", ""}, "that is no URL"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    LoopbackServer server(
        [&](const std::string&) { return RawAnswer{answer(401, "WWW-Authenticate: " + c.challenge + "\r\n")}; });
    Client client(server, c.credentials);
    const auto result = client.get("/v2/");
    REQUIRE_FALSE(result);
    CHECK(result.error().message.find(c.said) != std::string::npos);
    CHECK(result.error().message.find("s3cr3t") == std::string::npos);
    CHECK(server.requests().size() <= 3);
  }
}

namespace {

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (auto& c : bytes) c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
  return bytes;
}

struct BlobServer {
  enum class Kind { ranges, no_ranges, other_range, cut };
  std::string bytes;
  Kind kind;
  std::atomic<int> cuts{0};

  RawAnswer operator()(const std::string& request) {
    if (request.rfind("HEAD ", 0) == 0)
      return {"HTTP/1.1 200 X\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n"};
    auto range = header(request, "Range");
    if (range.empty() || kind == Kind::no_ranges) return {answer(200, "", bytes)};
    const auto first = std::stoull(range.substr(6));
    const auto last = std::min<std::size_t>(std::stoull(range.substr(range.find('-') + 1)), bytes.size() - 1);
    const auto told = kind == Kind::other_range ? first + 1 : first;
    auto whole = answer(206,
                        "Content-Range: bytes " + std::to_string(told) + "-" + std::to_string(last) + "/" +
                            std::to_string(bytes.size()) + "\r\n",
                        bytes.substr(first, last + 1 - first));
    if (kind == Kind::cut && ++cuts % 2 == 1) return {whole.substr(0, whole.size() / 2), true};
    return {whole};
  }
};

}  // namespace

TEST_CASE("a blob arrives in order and whole: in ranges, in one stream, after cuts, from any offset") {
  const auto bytes = pattern(3 * range_size + 12345);
  using Kind = BlobServer::Kind;
  for (const auto kind : {Kind::ranges, Kind::no_ranges, Kind::cut})
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{100}, std::uint64_t{bytes.size() - 1}}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(offset);
      BlobServer blob{bytes, kind};
      LoopbackServer server([&](const std::string& request) { return blob(request); });
      Client client(server);
      auto source = open_remote_blob(client.remote, "a/b", digest_of("x"), offset);
      REQUIRE(source);
      const auto got = read_all(**source, bytes.size());
      REQUIRE(got);
      CHECK(*got == bytes.substr(offset));
    }
}

TEST_CASE("a blob that breaks off goes on where it broke, whether all of it or a part was asked for") {
  const auto bytes = pattern(100'000);
  for (const bool ranges : {true, false})
    for (const std::size_t broken_at : {0U, 1U, 20'000U, 50'000U, 80'000U, 99'999U}) {
      CAPTURE(ranges);
      CAPTURE(broken_at);
      BlobServer blob{bytes, ranges ? BlobServer::Kind::ranges : BlobServer::Kind::no_ranges};
      std::atomic<int> gets{0};
      LoopbackServer server([&](const std::string& request) {
        auto whole = blob(request);
        if (request.rfind("GET ", 0) != 0 || gets++ != 0) return whole;
        return RawAnswer{whole.bytes.substr(0, whole.bytes.size() - bytes.size() + broken_at), true};
      });
      Client client(server);
      auto source = open_remote_blob(client.remote, "a/b", digest_of("x"), 0);
      REQUIRE(source);
      const auto got = read_all(**source, bytes.size());
      REQUIRE(got);
      CHECK(*got == bytes);
      CHECK(gets == 2);
    }
}

TEST_CASE("another part than was asked for is refused; a source that is left early ends its work") {
  const auto bytes = pattern(3 * range_size);
  BlobServer wrong{bytes, BlobServer::Kind::other_range};
  LoopbackServer server([&](const std::string& request) { return wrong(request); });
  Client client(server);
  const auto refused = open_remote_blob(client.remote, "a/b", digest_of("x"), 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("another part comes") != std::string::npos);

  BlobServer fine{bytes, BlobServer::Kind::ranges};
  LoopbackServer other([&](const std::string& request) { return fine(request); });
  Client second(other);
  auto source = open_remote_blob(second.remote, "a/b", digest_of("x"), 0);
  REQUIRE(source);
  char byte = 0;
  CHECK((*source)->read(&byte, 1));
}

namespace {

// Takes uploads in pieces, and does to them what the test says.
struct UploadServer {
  std::mutex mutex;
  std::string got;
  std::map<std::string, std::string> blobs;
  std::size_t smallest_refused = ~std::size_t{0};  // 416 to longer pieces
  int cut_every = 0;                               // every so many PATCHes its answer is lost, half of it taken
  bool no_pieces = false;                          // 405 to a PATCH with a Content-Range
  int patches = 0;

  RawAnswer operator()(const std::string& request) {
    const std::lock_guard guard(mutex);
    const auto line = first_line(request);
    const auto body = request.substr(request.find("\r\n\r\n") + 4);
    const std::string location = "Location: /v2/a/b/blobs/uploads/1?_state=x\r\n";
    const auto range = [&] { return "Range: 0-" + std::to_string(got.empty() ? 0 : got.size() - 1) + "\r\n"; };
    if (line.rfind("HEAD", 0) == 0) return {answer(blobs.count(line.substr(line.rfind('/') + 1)) ? 200 : 404)};
    if (line.rfind("POST", 0) == 0) {
      got.clear();
      return {answer(202, location)};
    }
    if (line.rfind("GET", 0) == 0) return {answer(204, location + range())};
    if (line.rfind("DELETE", 0) == 0) return {answer(204)};
    if (line.rfind("PATCH", 0) == 0) {
      const auto span = header(request, "Content-Range");
      if (no_pieces && !span.empty()) return {answer(405)};
      if (body.size() > smallest_refused || (!span.empty() && std::stoull(span) != got.size())) return {answer(416)};
      if (cut_every > 0 && ++patches % cut_every == 0) {
        got += body.substr(0, body.size() / 2);
        return {"", true};
      }
      got += body;
      return {answer(202, location + range())};
    }
    got += body;
    const auto hex = line.substr(line.find("sha256%3A") + 9);
    if (digest_of(got).hex() != hex) return {answer(400, "", R"({"errors":[{"code":"DIGEST_INVALID"}]})")};
    blobs["sha256:" + hex] = got;
    return {answer(201)};
  }
};

}  // namespace

TEST_CASE("an upload arrives whole, whatever its pieces meet") {
  struct Case {
    const char* name;
    std::size_t size;
    std::size_t smallest_refused;
    int cut_every;
  };
  const Case cases[] = {
      {"nothing", 0, ~std::size_t{0}, 0},
      {"one request", 1000, ~std::size_t{0}, 0},
      {"exactly one piece", upload_piece, ~std::size_t{0}, 0},
      {"three pieces", 2 * upload_piece + 77, ~std::size_t{0}, 0},
      {"answers that are lost, half taken", 3 * upload_piece + 1, ~std::size_t{0}, 2},
      {"pieces of 4 MiB at most", 2 * upload_piece + 1, 4U << 20U, 0},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    UploadServer registry;
    registry.smallest_refused = c.smallest_refused;
    registry.cut_every = c.cut_every;
    LoopbackServer server([&](const std::string& request) { return registry(request); });
    Client client(server);
    const auto bytes = pattern(c.size);
    auto writer = start_upload({&client.remote, "a/b", {}}, {c.size, std::nullopt, ""});
    REQUIRE(writer);
    for (std::size_t i = 0; i < bytes.size(); i += 1'000'000)
      REQUIRE((*writer)->write(std::string_view(bytes).substr(i, 1'000'000)));
    const auto existed = (*writer)->commit(digest_of(bytes));
    REQUIRE(existed);
    CHECK_FALSE(*existed);
    CHECK(registry.blobs[to_string(digest_of(bytes))] == bytes);
  }
}

TEST_CASE("a later process goes on where an upload stopped, and begins anew where it does not fit") {
  const auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  UploadServer registry;
  LoopbackServer server([&](const std::string& request) { return registry(request); });
  ManualClock clock;
  const auto bytes = pattern(4 * upload_piece);
  const auto open = [&](RemoteClient& remote) {
    return start_upload({&remote, "a/b", {}}, {bytes.size(), std::nullopt, "these bytes"});
  };
  const auto client = [&] {
    return std::make_unique<RemoteClient>(at(server), RemoteSettings{"", {}, folder->path()}, nullptr, clock);
  };
  {
    const auto first = client();
    auto writer = open(*first);
    REQUIRE(writer);
    REQUIRE((*writer)->write(std::string_view(bytes).substr(0, 3 * upload_piece)));
  }
  const auto before = registry.got.size();
  REQUIRE(before >= upload_piece);
  SUBCASE("the same bytes: only the rest is sent") {
    const auto second = client();
    auto writer = open(*second);
    REQUIRE(writer);
    REQUIRE((*writer)->write(bytes));
    std::size_t sent = 0;
    REQUIRE((*writer)->commit(digest_of(bytes)));
    const auto all = server.requests();
    for (const auto& request : all)
      if (request.rfind("PATCH", 0) == 0) sent += std::stoull(header(request, "Content-Length"));
    CHECK(sent == bytes.size());
  }
  SUBCASE("other bytes: refused by their digest, forgotten, and the next try gets through") {
    const auto other = std::string(bytes.size(), 'x');
    {
      const auto second = client();
      auto writer = open(*second);
      REQUIRE(writer);
      REQUIRE((*writer)->write(other));
      const auto refused = (*writer)->commit(digest_of(other));
      REQUIRE_FALSE(refused);
      CHECK((*writer)->worth_again());
    }
    const auto third = client();
    auto writer = open(*third);
    REQUIRE((*writer)->write(other));
    CHECK((*writer)->commit(digest_of(other)));
  }
}
