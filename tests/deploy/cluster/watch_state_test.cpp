#include "deploy/cluster/watch_state.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace mlctl;
using namespace mlctl::deploy;
using Json = nlohmann::ordered_json;
using Want = WatchState::Want;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

Json pod(const std::string& name, int version, const std::string& phase = "Pending") {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", name}, {"namespace", "n"}, {"resourceVersion", std::to_string(version)}, {"managedFields", {1}}}},
          {"spec", {{"nodeName", "x"}}},
          {"status", {{"phase", phase}}}};
}

std::string line(const std::string& type, const Json& object) {
  return Json({{"type", type}, {"object", object}}).dump() + "\n";
}

std::string bookmark(int version) {
  return line("BOOKMARK", {{"kind", "Pod"}, {"metadata", {{"resourceVersion", std::to_string(version)}}}});
}

std::string error_line(int code, const std::string& reason) {
  return line("ERROR", {{"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", "m"}});
}

Result<ApiAnswer> answer(int status) {
  return ApiAnswer{status, "{}", {}};
}

Result<ApiAnswer> broken() {
  return Error{Error::Kind::unavailable, "connection was closed", ""};
}

// A watch of pods whose clock is moved by hand.
struct Fixture {
  WatchState state{{.resource = {"v1", "Pod", "pods", true}, .with_spec = false}, seconds(2), 1};
  SteadyTime now{minutes(1)};

  bool list(const Objects& items, const std::string& version) { return state.listed({items, version}, now); }
  void open() {
    REQUIRE(state.want(now) == Want::watch);
    state.opened(now);
  }
  void begin(const Objects& items = {pod("a", 5)}) {
    REQUIRE(state.want(now) == Want::list);
    list(items, "10");
    open();
  }
  void pass(Duration time) { now += time; }
  // Moves to what is due next.
  Duration wait_for(Want want) {
    const auto begun = now;
    now = std::max(now, state.due());
    CHECK(state.want(now) == want);
    return now - begun;
  }
  // "a=Pending b=Running"
  [[nodiscard]] std::string known() const {
    std::string out;
    for (const auto& [key, object] : state.objects())
      out += (out.empty() ? "" : " ") + key.name + "=" + object["status"]["phase"].get<std::string>();
    return out;
  }
};

}  // namespace

TEST_CASE("a list, and what a watch says after it, are what there is") {
  Fixture f;
  f.begin({pod("a", 5), pod("b", 6)});
  CHECK(f.state.version() == "10");
  struct Case {
    const char* what;
    std::string said;
    bool changed;
    std::string known, version;
  };
  for (const auto& c : std::vector<Case>{
           {"something new", line("ADDED", pod("c", 11)), true, "a=Pending b=Pending c=Pending", "11"},
           {"something else", line("MODIFIED", pod("a", 12, "Running")), true, "a=Running b=Pending c=Pending", "12"},
           {"the same again", line("MODIFIED", pod("a", 12, "Running")), false, "a=Running b=Pending c=Pending", "12"},
           {"something gone", line("DELETED", pod("b", 13)), true, "a=Running c=Pending", "13"},
           {"gone twice", line("DELETED", pod("b", 13)), false, "a=Running c=Pending", "13"},
           {"a bookmark: only the version", bookmark(20), false, "a=Running c=Pending", "20"},
           {"several lines at once", line("DELETED", pod("c", 21)) + "\n" + line("ADDED", pod("d", 22)), true,
            "a=Running d=Pending", "22"},
           {"half a line", line("ADDED", pod("e", 23)).substr(0, 20), false, "a=Running d=Pending", "22"},
           {"its other half", line("ADDED", pod("e", 23)).substr(20), true, "a=Running d=Pending e=Pending", "23"},
       }) {
    CAPTURE(c.what);
    const auto heard = f.state.heard(c.said, f.now);
    CHECK(heard.changed == c.changed);
    CHECK(!heard.over);
    CHECK(f.known() == c.known);
    CHECK(f.state.version() == c.version);
  }
  const auto& kept = f.state.objects().begin()->second;
  CHECK(!kept.contains("spec"));
  CHECK(!kept["metadata"].contains("managedFields"));
}

TEST_CASE("a stream that ends is gone on from where it was, or listed again, sooner or later") {
  struct Case {
    const char* what;
    std::string said;  // before
    Result<ApiAnswer> end;
    Want next;
    Duration at_least, at_most;
  };
  for (const auto& c : std::vector<Case>{
           {"by itself, after ten minutes", bookmark(30), answer(200), Want::watch, seconds(0), seconds(0)},
           {"a broken connection", bookmark(30), broken(), Want::watch, std::chrono::milliseconds(800),
            std::chrono::milliseconds(1600)},
           {"410 to the watch", "", answer(410), Want::list, std::chrono::milliseconds(800),
            std::chrono::milliseconds(1600)},
           {"a token that is refused for good", "", answer(401), Want::list, std::chrono::milliseconds(800),
            std::chrono::milliseconds(1600)},
           {"a busy server", "", answer(429), Want::watch, std::chrono::milliseconds(800),
            std::chrono::milliseconds(1600)},
           {"a sick server", "", answer(503), Want::watch, std::chrono::milliseconds(800),
            std::chrono::milliseconds(1600)},
           {"nobody may watch", "", answer(403), Want::list, seconds(0), seconds(0)},
           {"a line that is cut", line("ADDED", pod("b", 30)).substr(0, 40), broken(), Want::watch,
            std::chrono::milliseconds(800), std::chrono::milliseconds(1600)},
       }) {
    CAPTURE(c.what);
    Fixture f;
    f.begin();
    if (!c.said.empty()) CHECK(!f.state.heard(c.said, f.now).over);
    f.state.ended(c.end, f.now);
    const auto waited = f.wait_for(c.next);
    CHECK(waited >= c.at_least);
    CHECK(waited <= c.at_most);
    CHECK(f.known() == "a=Pending");
    CHECK(f.state.version() == (c.said.find("BOOKMARK") != std::string::npos ? "30" : "10"));
  }
}

TEST_CASE("410 in the middle: a list says what was missed, and nothing is there twice") {
  for (const auto& said : {error_line(410, "Expired"), error_line(410, "Gone")}) {
    Fixture f;
    f.begin({pod("a", 5), pod("b", 6)});
    const auto heard = f.state.heard(line("ADDED", pod("c", 11)) + said + line("ADDED", pod("z", 99)), f.now);
    CHECK(heard.changed);
    CHECK(heard.over);
    CHECK(f.wait_for(Want::list) == seconds(0));
    CHECK(!f.list({pod("a", 5), pod("b", 6), pod("c", 11)}, "40"));  // as it was
    f.open();
    CHECK(f.state.version() == "40");
    CHECK(f.known() == "a=Pending b=Pending c=Pending");
  }
}

TEST_CASE("what went and what came while nobody listened is seen in the next list") {
  Fixture f;
  f.begin({pod("a", 5), pod("b", 6)});
  f.state.ended(answer(410), f.now);
  f.wait_for(Want::list);
  CHECK(f.list({pod("b", 6), pod("c", 12)}, "40"));
  CHECK(f.known() == "b=Pending c=Pending");
  f.open();
  f.state.ended(answer(410), f.now);
  f.wait_for(Want::list);
  CHECK(f.list({pod("b", 6, "Running"), pod("c", 12)}, "50") == false);  // the same versions: the same objects
  f.open();
  f.state.ended(answer(410), f.now);
  f.wait_for(Want::list);
  CHECK(f.list({pod("b", 51), pod("c", 12)}, "60"));
}

TEST_CASE("what is no event, another error, and a line without an end are left for a list or another stream") {
  struct Case {
    const char* what;
    std::string said;
    Want next;
  };
  for (const auto& c : std::vector<Case>{
           {"no JSON", "<html>\n", Want::watch},
           {"no event", "{\"type\":\"NEWS\",\"object\":{}}\n", Want::watch},
           {"no object", "{\"type\":\"ADDED\",\"object\":7}\n", Want::watch},
           {"an object without a version", line("ADDED", {{"metadata", {{"name", "a"}}}}), Want::watch},
           {"an object without a name", line("ADDED", {{"metadata", {{"resourceVersion", "7"}}}}), Want::watch},
           {"a line that is too long", std::string(watch_line_limit + 1, ' '), Want::watch},
           {"500", error_line(500, "InternalError"), Want::list},
           {"504", error_line(504, "Timeout"), Want::list},
           {"410 to somebody who has just listed", error_line(410, "Expired"), Want::list},
       }) {
    CAPTURE(c.what);
    Fixture f;
    f.begin();
    const auto heard = f.state.heard(c.said, f.now);
    CHECK(heard.over);
    CHECK(!heard.changed);
    CHECK(f.wait_for(c.next) >= std::chrono::milliseconds(800));
    CHECK(f.known() == "a=Pending");
    CHECK(f.state.version() == "10");
  }
}

TEST_CASE("failures one after the other are waited for longer and longer, and forgotten after two minutes") {
  Fixture f;
  f.begin();
  std::vector<Duration> waits;
  for (int i = 0; i < 8; ++i) {
    static_cast<void>(f.state.heard(bookmark(20 + i), f.now));
    f.state.ended(broken(), f.now);
    waits.push_back(f.wait_for(Want::watch));
    f.state.opened(f.now);
  }
  for (std::size_t i = 0; i < waits.size(); ++i) {
    const Duration base = std::min<Duration>(std::chrono::milliseconds(800) * (1 << i), seconds(30));
    CHECK(waits[i] >= base);
    CHECK(waits[i] <= 2 * base);
  }
  f.pass(minutes(3));
  static_cast<void>(f.state.heard(bookmark(40), f.now));
  f.state.ended(broken(), f.now);
  CHECK(f.wait_for(Want::watch) <= std::chrono::milliseconds(1600));
}

TEST_CASE("who may not watch lists again and again") {
  Fixture f;
  f.begin();
  f.state.ended(answer(403), f.now);
  CHECK(f.state.polls_because() == "nobody lets us watch pods (verb `watch`)");
  for (int i = 0; i < 100; ++i) {
    f.wait_for(Want::list);
    CHECK(f.list({pod("a", 5 + i)}, "20") == (i > 0));
    CHECK(f.state.due() == f.now + seconds(2));
  }
}

TEST_CASE("a proxy that cuts every stream at once makes it list, and it tries to watch again later") {
  Fixture f;
  f.begin();
  for (int i = 0; i < 3; ++i) {
    if (i > 0) {
      f.wait_for(Want::watch);
      f.state.opened(f.now);
    }
    f.pass(seconds(1));
    f.state.ended(i == 1 ? broken() : answer(200), f.now);
  }
  CHECK(f.state.polls_because() == "watches of pods are cut off");
  const auto begun = f.now;
  while (f.state.want(f.now) == Want::list) {
    f.list({pod("a", 5)}, "20");
    f.now = std::max(f.now, f.state.due());
  }
  CHECK(f.now - begun == minutes(2));
  f.open();
}

TEST_CASE("streams that a proxy ends now and then are just opened again") {
  Fixture f;
  f.begin();
  for (int i = 0; i < 50; ++i) {
    f.pass(seconds(30));
    f.state.ended(answer(200), f.now);
    CHECK(f.wait_for(Want::watch) == seconds(0));
    f.state.opened(f.now);
  }
  CHECK(f.state.polls_because().empty());
}

TEST_CASE("a silent stream is asked about after two minutes: it is silent because nothing happens, or held back") {
  Fixture f;
  f.begin();
  CHECK(f.wait_for(Want::list) == minutes(2));
  CHECK(!f.list({pod("a", 5)}, "30"));
  CHECK(f.state.listens());
  f.pass(minutes(1));
  static_cast<void>(f.state.heard(bookmark(40), f.now));
  CHECK(f.wait_for(Want::list) == minutes(2));
  CHECK(f.list({pod("a", 41)}, "50"));
  CHECK(!f.state.listens());
  CHECK(f.state.polls_because() == "the watch of pods does not tell what changes");
}
