// What is compared: read from the registry, headers and evidence only.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/document.h"
#include "base/interrupt.h"
#include "registry/evidence.h"
#include "registry/file_reader.h"
#include "registry/query.h"
#include "release/compare.h"
#include "release/statement.h"
#include "validate/report.h"

namespace mlctl::release {
namespace {

using registry::Format;
using registry::PackedFile;

constexpr std::size_t headers_limit = 1000;  // files of one version whose headers are read

struct Side {
  registry::ModelName model;
  registry::ModelDescription description;
  std::vector<registry::Evidence> evidence;
  std::optional<registry::Version> version;
};

Result<Side> side_of(registry::Store& store, const Found& found) {
  auto description = registry::describe(store, found.model, found.digest);
  if (!description) return description.error();
  auto evidence = registry::evidence(store, found.model, found.digest);
  if (!evidence) return evidence.error();
  Side side{found.model, std::move(*description), std::move(*evidence), found.version};
  if (!side.version && side.description.versions.size() == 1) side.version = side.description.versions.front();
  return side;
}

ComparedSide head_of(const Side& side) {
  return {to_string(side.model), side.version ? to_string(*side.version) : "", side.description.digest,
          side.description.bytes, side.description.files.size()};
}

// --- tensors ---

Result<validate::Input> open_input(registry::Store& store, const Side& side, const PackedFile& file) {
  auto opened = registry::FileReader::open(store, side.model, side.description.layers, file.path);
  if (!opened) return opened.error();
  auto reader = std::make_shared<registry::FileReader>(std::move(*opened));
  return validate::Input(
      [reader](char* into, std::size_t size) -> Result<std::size_t> {
        if (interrupted()) return interrupted_error();
        return reader->read(into, size);
      },
      file.size, [reader](std::uint64_t size) { return reader->skip(size); });
}

Result<Format> format_of(registry::Store& store, const Side& side, const PackedFile& file) {
  auto in = open_input(store, side, file);
  if (!in) return in.error();
  const auto first = in->text(std::min<std::uint64_t>(file.size, registry::detect_bytes), registry::detect_bytes);
  if (in->trouble()) return *in->trouble();
  return registry::detect_format(file.path, first.value_or(""));
}

// Shards of one model lie in one folder; each ONNX file is a model of its own.
std::string group_of(const PackedFile& file, Format format) {
  if (format == Format::onnx) return file.path;
  const auto slash = file.path.rfind('/');
  return (slash == std::string::npos ? "" : file.path.substr(0, slash + 1)) + "*." + registry::to_string(format);
}

struct Part {
  std::string path;
  validate::TensorList list;
};
struct Group {
  std::set<std::string> paths;
  std::vector<Part> before, after;
  std::string unread;
};
using Groups = std::map<std::string, Group>;

Status add_file(registry::Store& store, const Side& side, const PackedFile& file, std::vector<Part> Group::* where,
                Groups& groups) {
  if (file.role != registry::Role::weights || !file.link.empty() || file.size == 0) return ok();
  auto format = format_of(store, side, file);
  if (!format && format.error().kind == Error::Kind::usage) {
    auto& group = groups[file.path];
    group.paths.insert(file.path);
    group.unread = format.error().message;
    return ok();
  }
  if (!format) return format.error();
  if (!validate::has_tensors(*format)) return ok();
  auto& group = groups[group_of(file, *format)];
  group.paths.insert(file.path);
  auto in = open_input(store, side, file);
  if (!in) return in.error();
  auto list = validate::list_tensors(*format, *in);
  if (list) {
    (group.*where).push_back({file.path, std::move(*list)});
    return ok();
  }
  if (in->trouble()) return list.error();
  group.unread = file.path + ": " + list.error().message;
  return ok();
}

// Of one side of a group. A name that two of its files have is told by its file.
validate::TensorList merged_list(const std::vector<Part>& parts) {
  std::map<std::string, int> times;
  for (const auto& part : parts)
    for (const auto& tensor : part.list.tensors) ++times[tensor.name];
  validate::TensorList merged;
  for (const auto& part : parts) {
    merged.metadata.insert(part.list.metadata.begin(), part.list.metadata.end());
    for (auto tensor : part.list.tensors) {
      if (times[tensor.name] > 1) tensor.name = part.path + ": " + tensor.name;
      merged.tensors.push_back(std::move(tensor));
    }
  }
  std::sort(merged.tensors.begin(), merged.tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return merged;
}

TensorGroup compared(const std::string& name, const Group& group) {
  TensorGroup result{group.paths.size() == 1 ? *group.paths.begin() : name, {}, 0, {}, group.unread};
  if (!group.unread.empty()) return result;
  result.one_sided = group.before.empty() || group.after.empty();
  const auto before = merged_list(group.before), after = merged_list(group.after);
  result.changes = compare_tensors(before.tensors, after.tensors);
  std::uint64_t gone = 0;
  for (const auto& change : result.changes) gone += change.change == Change::added ? 0U : 1U;
  result.same = before.tensors.size() - gone;
  result.metadata = compare_values(before.metadata, after.metadata);
  return result;
}

Result<std::vector<TensorGroup>> tensors_of(registry::Store& store, const Side& before, const Side& after,
                                            const std::vector<FileChange>& changes) {
  Groups groups;
  std::size_t read = 0;
  for (const auto& change : changes) {
    if (change.change == Change::renamed || change.change == Change::mode) continue;
    if (++read > headers_limit)
      return std::vector<TensorGroup>{
          {"weights", {}, 0, {}, "more than " + std::to_string(headers_limit) + " files changed"}};
    if (change.before)
      if (auto added = add_file(store, before, *change.before, &Group::before, groups); !added) return added.error();
    if (change.after)
      if (auto added = add_file(store, after, *change.after, &Group::after, groups); !added) return added.error();
  }
  std::vector<TensorGroup> result;
  for (const auto& [name, group] : groups) result.push_back(compared(name, group));
  return result;
}

// --- what was said ---

using Metrics = std::map<std::string, Measured>;

void add_training(const Values& values, Metrics& metrics) {
  for (const auto& [name, text] : values)
    if (const auto number = parse_json(text, "metric"); number && number->is_number())
      metrics["training " + name] = {number->get<double>(), ""};
}

Metrics metrics_of(const Side& side, const Said& said) {
  Metrics metrics;
  add_training(flattened(said.metrics), metrics);
  for (const auto& one : side.evidence) {  // oldest first: the newest answer stays
    if (one.kind != registry::EvidenceKind::gate) continue;
    const auto stated = stated_in(one);
    if (!stated || !stated->report) continue;
    for (const auto& check : stated->report->checks)
      for (const auto& metric : check.metrics)
        if (metrics.size() < values_limit)
          metrics[(stated->environment.empty() ? "gate" : stated->environment) + " " + check.name + ": " +
                  metric.name] = {metric.value, metric.unit};
  }
  return metrics;
}

std::vector<MetricChange> compare_metrics(const Metrics& before, const Metrics& after) {
  std::set<std::string> names;
  for (const auto* metrics : {&before, &after})
    for (const auto& [name, value] : *metrics) names.insert(name);
  std::vector<MetricChange> changes;
  for (const auto& name : names) {
    const auto a = before.find(name), b = after.find(name);
    MetricChange change{name, {}, {}};
    if (a != before.end()) change.before = a->second;
    if (b != after.end()) change.after = b->second;
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

Result<Comparison> compare(registry::Store& store, const Found& found_before, const Found& found_after) {
  auto before = side_of(store, found_before);
  if (!before) return before.error();
  auto after = side_of(store, found_after);
  if (!after) return after.error();
  Comparison comparison{.before = head_of(*before), .after = head_of(*after)};
  comparison.files = compare_files(before->description.files, after->description.files);
  std::uint64_t gone = 0;
  for (const auto& change : comparison.files) gone += change.before ? 1U : 0U;
  comparison.same_files = before->description.files.size() - gone;
  auto tensors = tensors_of(store, *before, *after, comparison.files);
  if (!tensors) return tensors.error();
  comparison.tensors = std::move(*tensors);
  const auto said_before = said_in(before->evidence, before->version),
             said_after = said_in(after->evidence, after->version);
  comparison.metadata = compare_values(flattened(said_before.metadata), flattened(said_after.metadata));
  comparison.metrics = compare_metrics(metrics_of(*before, said_before), metrics_of(*after, said_after));
  return comparison;
}

}  // namespace mlctl::release
