#include "registry/tags.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/terminal.h"

namespace mlctl::registry {
namespace {

using Kind = TagEvent::Kind;

bool take(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::uint64_t> counter_of(std::string_view digits) {
  std::uint64_t value = 0;
  if (digits.empty() || digits.size() > 18) return std::nullopt;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// "what", "what!" with what recorded in `undone`.
std::string_view without_mark(std::string_view text, bool& undone) {
  undone = !text.empty() && text.back() == '!';
  return undone ? text.substr(0, text.size() - 1) : text;
}

std::optional<Digest> digest_line(std::string_view text) {
  auto digest = parse_digest(text);
  return digest ? std::optional(*digest) : std::nullopt;
}

// Also what somebody wrote by hand and meant as one.
bool is_digest_line(std::string_view line) {
  if (line.substr(0, 7) == "digest:") return true;
  if (line.substr(0, 7) != "Digest:") return false;
  return line.substr(7, 8).find("sha256:") != std::string_view::npos;
}

bool is_stage_event(const ModelEvent& event, std::string_view stage) {
  return (event.what.kind == Kind::assignment || event.what.kind == Kind::unassignment) && event.what.stage == stage;
}

bool is_version_event(const ModelEvent& event, const Version& version) {
  return (event.what.kind == Kind::registration || event.what.kind == Kind::deregistration) &&
         event.what.version == version;
}

std::uint64_t n_of(const ModelEvent& event) {
  return event.what.counter.value_or(0);
}

// By N. Two tags can carry one N, m#prod#3 and m#prod!#3, as their names differ: then the assignment counts, and who
// unassigned is told.
bool comes_after(const ModelEvent& event, const ModelEvent& other) {
  if (n_of(event) != n_of(other)) return n_of(event) > n_of(other);
  return event.what.kind == Kind::assignment || other.what.kind == Kind::unassignment;
}

// Of one version, `event` being the later one by time. A plain registration is the first there was, whatever its
// author's clock says, as its name can be taken once; GTO deregisters without a number, which leaves the time.
bool version_comes_after(const ModelEvent& event, const ModelEvent& other) {
  const auto is_first = [](const ModelEvent& one) { return one.what.kind == Kind::registration && !one.what.counter; };
  if (is_first(event) || is_first(other)) return is_first(other);
  return !event.what.counter || !other.what.counter || n_of(event) >= n_of(other);
}

VersionTag version_tag(const ModelEvent& event) {
  return {*event.what.version, event.commit, event.lines.digest, event.tagger,
          event.email,         event.time,   event.tag,          event.lines.unclear};
}

}  // namespace

const char* to_string(TagEvent::Kind kind) {
  switch (kind) {
    case Kind::registration:
      return "registration";
    case Kind::deregistration:
      return "deregistration";
    case Kind::assignment:
      return "assignment";
    case Kind::unassignment:
      return "unassignment";
    case Kind::deprecation:
      return "deprecation";
    case Kind::creation:
      return "creation";
  }
  return "registration";
}

std::optional<TagEvent> parse_tag(std::string_view name) {
  const auto mark = name.find_first_of("@#");
  if (mark == std::string_view::npos) return std::nullopt;
  auto model = parse_model_name(name.substr(0, mark));
  if (!model) return std::nullopt;
  TagEvent event;
  event.model = std::move(*model);
  std::string_view rest = name.substr(mark + 1);
  if (const auto end = rest.find('#'); end != std::string_view::npos) {
    event.counter = counter_of(rest.substr(end + 1));
    if (!event.counter) return std::nullopt;
    rest = rest.substr(0, end);
  }
  bool undone = false;
  if (name[mark] == '#') {
    event.stage = without_mark(rest, undone);
    event.kind = undone ? Kind::unassignment : Kind::assignment;
    return is_stage_name(event.stage) ? std::optional(event) : std::nullopt;
  }
  if (rest == "deprecated" || rest == "created") {
    event.kind = rest == "created" ? Kind::creation : Kind::deprecation;
    return event;
  }
  auto version = parse_version(without_mark(rest, undone));
  if (!version) return std::nullopt;
  event.version = std::move(*version);
  event.kind = undone ? Kind::deregistration : Kind::registration;
  return event;
}

std::string tag_name(const TagEvent& event) {
  std::string name = to_string(event.model);
  switch (event.kind) {
    case Kind::registration:
      name += "@" + to_string(event.version.value_or(Version{}));
      break;
    case Kind::deregistration:
      name += "@" + to_string(event.version.value_or(Version{})) + "!";
      break;
    case Kind::assignment:
      name += "#" + event.stage;
      break;
    case Kind::unassignment:
      name += "#" + event.stage + "!";
      break;
    case Kind::deprecation:
      name += "@deprecated";
      break;
    case Kind::creation:
      name += "@created";
      break;
  }
  return event.counter ? name + "#" + std::to_string(*event.counter) : name;
}

TagMessage parse_message(std::string_view message) {
  TagMessage lines;
  while (!message.empty()) {
    const auto end = message.find('\n');
    std::string_view line = message.substr(0, end);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    if (is_digest_line(line)) {
      const auto digest = take(line, "digest: ") ? digest_line(line) : std::nullopt;
      lines.unclear = lines.unclear || !digest || (lines.digest && *lines.digest != *digest);
      lines.digest = digest;
    } else if (take(line, "denied: "))
      lines.denied = digest_line(line);
    else if (take(line, "allowed: "))
      lines.allowed = digest_line(line);
    else if (take(line, "version: "))
      if (auto version = parse_version(line)) lines.version = std::move(*version);
  }
  return lines;
}

std::string format_message(const std::string& title, const TagMessage& lines) {
  std::string text = title + "\n\n";
  if (lines.version) text += "version: " + to_string(*lines.version) + "\n";
  if (lines.digest) text += "digest: " + to_string(*lines.digest) + "\n";
  if (lines.denied) text += "denied: " + to_string(*lines.denied) + "\n";
  if (lines.allowed) text += "allowed: " + to_string(*lines.allowed) + "\n";
  return text;
}

ModelTags::ModelTags(const ModelName& model, const std::vector<GitTag>& tags) : model_(model) {
  for (const auto& tag : tags) {
    auto event = parse_tag(tag.name);
    if (!event || event->model != model) continue;
    highest_ = std::max(highest_, event->counter.value_or(0));
    if (!tag.annotated || tag.commit.empty()) {
      ignored_.push_back(tag.name);
      continue;
    }
    events_.push_back({std::move(*event), tag.name, tag.commit, parse_message(tag.message), tag.tagger.name,
                       tag.tagger.email, tag.tagger.time});
  }
  std::sort(events_.begin(), events_.end(), [](const auto& a, const auto& b) {
    if (a.time != b.time) return a.time < b.time;
    if (n_of(a) != n_of(b)) return n_of(a) < n_of(b);
    return a.tag < b.tag;
  });
}

std::vector<VersionTag> ModelTags::versions() const {
  std::map<Version, const ModelEvent*> newest;
  for (const auto& event : events_) {  // by time
    if (!event.what.version) continue;
    const auto*& best = newest[*event.what.version];
    if (best == nullptr || version_comes_after(event, *best)) best = &event;
  }
  std::vector<VersionTag> active;
  for (const auto& [version, event] : newest)
    if (event->what.kind == Kind::registration) active.push_back(version_tag(*event));
  return active;
}

const ModelEvent* ModelTags::newest_of(const Version& version) const {
  const ModelEvent* best = nullptr;
  for (const auto& event : events_)
    if (is_version_event(event, version) && (best == nullptr || version_comes_after(event, *best))) best = &event;
  return best;
}

std::optional<VersionTag> ModelTags::find(const Version& version) const {
  const auto* event = newest_of(version);
  return event != nullptr && event->what.kind == Kind::registration ? std::optional(version_tag(*event)) : std::nullopt;
}

const ModelEvent* ModelTags::withdrawal(const Version& version) const {
  const auto* event = newest_of(version);
  return event != nullptr && event->what.kind == Kind::deregistration ? event : nullptr;
}

Result<VersionTag> ModelTags::version_at(const ObjectId& commit) const {
  std::vector<VersionTag> here = versions();
  here.erase(std::remove_if(here.begin(), here.end(), [&](const auto& one) { return one.commit != commit; }),
             here.end());
  const std::string where = to_string(model_) + ": commit " + commit.substr(0, 10);
  if (here.empty())
    return Error{Error::Kind::not_found, where + " has no version",
                 "`mlctl register " + to_string(model_) + "` makes one"};
  if (here.size() == 1) return here[0];
  std::string names;
  for (const auto& one : here) names += (names.empty() ? "" : ", ") + to_string(one.version);
  return Error{Error::Kind::usage, where + " has several versions: " + names,
               "remove one here and at origin: `git tag -d " + here.back().tag + "`, `git push origin :refs/tags/" +
                   here.back().tag + "`"};
}

const ModelEvent* ModelTags::newest(std::string_view stage, bool by_time) const {
  const ModelEvent* best = nullptr;
  for (const auto& event : events_)
    if (is_stage_event(event, stage) && (best == nullptr || by_time || comes_after(event, *best))) best = &event;
  return best;
}

Result<Assignment> ModelTags::resolve(const ModelEvent& event) const {
  Assignment made{n_of(event),        event.what.stage, event.commit, {},         event.lines.digest,
                  event.lines.denied, event.tagger,     event.email,  event.time, event.tag};
  if (event.lines.version) {
    made.version = *event.lines.version;
  } else {
    auto version = version_at(event.commit);
    if (!version) return version.error().context("tag " + escape_control(event.tag));
    made.version = version->version;
  }
  // An older registration counts too: what was assigned stays what it was when its version is deregistered.
  for (const auto& other : events_)
    if (!made.digest && other.what.kind == Kind::registration && other.what.version == made.version)
      made.digest = other.lines.digest;
  return made;
}

Result<std::optional<Assignment>> ModelTags::assignment(std::string_view stage) const {
  const auto* event = newest(stage, false);
  if (event == nullptr || event->what.kind == Kind::unassignment) return std::optional<Assignment>();
  auto made = resolve(*event);
  if (!made) return made.error();
  return std::optional(std::move(*made));
}

Result<std::vector<Assignment>> ModelTags::assignments(std::string_view stage) const {
  std::vector<const ModelEvent*> found;
  for (const auto& event : events_)
    if (is_stage_event(event, stage) && event.what.kind == Kind::assignment) found.push_back(&event);
  std::stable_sort(found.begin(), found.end(), [](const auto* a, const auto* b) { return n_of(*a) < n_of(*b); });
  std::vector<Assignment> all;
  for (auto event = found.rbegin(); event != found.rend(); ++event) {
    auto made = resolve(**event);
    if (!made) return made.error();
    all.push_back(std::move(*made));
  }
  return all;
}

std::vector<std::string> ModelTags::stages() const {
  std::set<std::string> names;
  for (const auto& event : events_)
    if (!event.what.stage.empty()) names.insert(event.what.stage);
  return {names.begin(), names.end()};
}

std::set<Digest> ModelTags::denied(std::string_view stage) const {
  std::vector<const ModelEvent*> found;
  for (const auto& event : events_)
    if (is_stage_event(event, stage)) found.push_back(&event);
  std::stable_sort(found.begin(), found.end(), [](const auto* a, const auto* b) { return n_of(*a) < n_of(*b); });
  std::set<Digest> digests;
  for (const auto* event : found) {
    if (event->lines.allowed) digests.erase(*event->lines.allowed);
    if (event->lines.denied) digests.insert(*event->lines.denied);
  }
  return digests;
}

const ModelEvent* ModelTags::deprecation() const {
  return !events_.empty() && events_.back().what.kind == Kind::deprecation ? &events_.back() : nullptr;
}

std::uint64_t ModelTags::next_counter() const {
  return highest_ + 1;
}

std::optional<std::string> ModelTags::time_order_differs(std::string_view stage) const {
  const auto* by_counter = newest(stage, false);
  const auto* by_time = newest(stage, true);
  return by_counter == by_time ? std::nullopt : std::optional(by_time->tag);
}

std::optional<std::string> ModelTags::assigned_elsewhere(std::string_view stage) const {
  const auto* last = newest(stage, false);
  if (last == nullptr || last->what.kind != Kind::unassignment) return std::nullopt;
  std::map<ObjectId, const ModelEvent*> of_version;  // found by its commit, as an assignment says no more
  for (const auto& event : events_)
    if (is_stage_event(event, stage)) of_version[event.commit] = &event;
  const ModelEvent* best = nullptr;
  for (const auto& [commit, event] : of_version)
    if (event->what.kind == Kind::assignment && (best == nullptr || event->time > best->time)) best = event;
  return best == nullptr ? std::nullopt : std::optional(best->tag);
}

std::vector<ModelName> models_of(const std::vector<GitTag>& tags) {
  std::set<ModelName> models;
  for (const auto& tag : tags)
    if (auto event = parse_tag(tag.name)) models.insert(event->model);
  return {models.begin(), models.end()};
}

}  // namespace mlctl::registry
