#include "validate/gate_config.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/units.h"
#include "validate/local_server.h"
#include "validate/protocol.h"

namespace mlctl::validate {
namespace {

using Type = Field::Type;

Field scalar(std::string name, Type type, std::string doc, std::string fallback = "") {
  Field field;
  field.name = std::move(name);
  field.type = type;
  field.doc = std::move(doc);
  field.fallback = std::move(fallback);
  return field;
}

Field required(Field field) {
  field.required = true;
  return field;
}

Field choice(std::string name, std::vector<std::string> choices, std::string doc, std::string fallback = "") {
  auto field = scalar(std::move(name), Type::choice, std::move(doc), std::move(fallback));
  field.choices = std::move(choices);
  return field;
}

Field object(std::string name, std::string doc, std::vector<Field> fields) {
  auto field = scalar(std::move(name), Type::object, std::move(doc));
  field.fields = std::move(fields);
  return field;
}

Field list(std::string name, std::string doc) {
  auto field = scalar(std::move(name), Type::list, std::move(doc));
  field.fields = {scalar("", Type::string, "")};
  return field;
}

Field map(std::string name, std::string doc) {
  auto field = scalar(std::move(name), Type::map, std::move(doc));
  field.fields = {scalar("", Type::string, "")};
  return field;
}

Status relative_path(std::string_view text) {
  const std::filesystem::path path(text);
  const bool leaves = std::any_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
  if (!text.empty() && path.is_relative() && !leaves) return ok();
  return Error{.kind = Error::Kind::usage,
               .message = "a path inside the model's folder is expected, such as golden.json",
               .hint = ""};
}

Status not_negative(std::string_view text) {
  if (text.substr(0, 1) != "-") return ok();
  return Error{.kind = Error::Kind::usage, .message = "must not be negative", .hint = ""};
}

Status above_zero(std::string_view text) {
  const auto amount = parse_quantity(text);
  if (amount && *amount > 0) return ok();
  return Error{.kind = Error::Kind::usage, .message = "must be more than nothing", .hint = ""};
}

Status share_of_errors(std::string_view text) {
  const auto share = parse_percent(text);
  if (share && *share >= 0 && *share < 1) return ok();
  return Error{.kind = Error::Kind::usage,
               .message = "must be from 0% to less than 100%, which would accept a server that never answers",
               .hint = ""};
}

// Names of the gate's checks that may be skipped, and of the release's GPU check.
std::vector<std::string> acceptable() {
  std::vector<std::string> names = {"parity", "accuracy", "errors", "gpu", "gpu.memory"};
  for (const auto& quantile : quantiles()) {
    names.push_back(std::string("latency.limit.") + quantile.name);
    names.push_back(std::string("latency.slower.") + quantile.name);
  }
  return names;
}

Status name_of_check(std::string_view text) {
  constexpr std::string_view slices = "accuracy.slices.";
  const auto names = acceptable();
  if (std::find(names.begin(), names.end(), text) != names.end()) return ok();
  if (text.starts_with(slices) && text.size() > slices.size()) return ok();
  const auto close = nearest(text, names);
  return Error{.kind = Error::Kind::usage,
               .message = "no check is called '" + std::string(text.substr(0, 60)) + "'",
               .hint = close.empty() ? "known are parity, accuracy, accuracy.slices.COLUMN, errors, latency.limit.pN, "
                                       "latency.slower.pN, gpu, gpu.memory"
                                     : "did you mean '" + close + "'?"};
}

Status positive_count(std::string_view text) {
  if (text.substr(0, 1) != "-" && text.find_first_not_of('0') != std::string_view::npos && text.size() <= 4)
    return ok();
  return Error{.kind = Error::Kind::usage, .message = "must be from 1 to 9999", .hint = ""};
}

Field path(std::string name, std::string doc) {
  auto field = required(scalar(std::move(name), Type::string, std::move(doc)));
  field.rule = relative_path;
  return field;
}

Field number(std::string name, std::string doc, std::string fallback = "") {
  auto field = scalar(std::move(name), Type::number, std::move(doc), std::move(fallback));
  field.rule = not_negative;
  return field;
}

Field number_of_bytes(std::string name, std::string doc) {
  auto field = scalar(std::move(name), Type::quantity, std::move(doc));
  field.rule = above_zero;
  return field;
}

Field more_than_baseline() {
  auto field = scalar("more", Type::percent, "At most this much more than the baseline's server.");
  field.rule = not_negative;
  return field;
}

std::vector<Field> by_quantile(Type type, const std::string& doc) {
  std::vector<Field> fields;
  for (const auto& quantile : quantiles()) fields.push_back(scalar(quantile.name, type, doc));
  return fields;
}

Field load_field() {
  auto connections =
      scalar("connections", Type::integer,
             "Connections to each server. Requests beyond wait for one, and that counts as latency.", "16");
  connections.rule = positive_count;
  return object(
      "load",
      "The requests that latency and errors are measured with: an open loop, sent on time whatever the server does.",
      {scalar("rate", Type::rate, "Requests per second.", "60/s"),
       scalar("duration", Type::duration,
              "How long is measured. With a baseline the two versions take turns, a second each.", "3m"),
       choice("arrivals", {"poisson", "constant"}, "How the requests are spread in time.", "poisson"),
       scalar("warmup", Type::duration, "Load before the measuring begins.", "5s"), std::move(connections)});
}

Field errors_field() {
  auto limit = scalar("limit", Type::percent, "The share of requests that may fail.", "1%");
  limit.rule = share_of_errors;
  return object("errors", "Requests that fail under load.", {std::move(limit)});
}

Field accept_field() {
  auto accept = list("accept", "Names of checks whose `skipped` is accepted.");
  accept.fields.front().rule = name_of_check;
  return accept;
}

Field accuracy_field() {
  return object(
      "accuracy",
      "How good the answers are on examples whose true answer is known, against the baseline's on the same.",
      {path("data", "CSV file with a header; every column but the label and the slices is a feature."),
       required(scalar("label", Type::string, "The column of the true answer.")),
       required(choice("metric", {"auc", "accuracy", "logloss", "brier", "mae"},
                       "What is compared. Fewer than 30 examples (auc: of either class) decide nothing but accuracy.")),
       required(number("margin", "How much worse than the baseline is still accepted, absolute.")),
       list("slices", "Columns that divide the examples; a version that is certainly worse on a slice fails.")});
}

std::optional<LoadConfig> decode_load(const Node& root, bool needed) {
  const Node* node = find_path(root, "gate.load");
  if ((node == nullptr || node->kind == Node::Kind::null) && !needed) return std::nullopt;
  LoadConfig load;
  load.rate = get_number(root, "gate.load.rate").value_or(load.rate);
  load.duration = get_duration(root, "gate.load.duration").value_or(load.duration);
  if (get_string(root, "gate.load.arrivals") == "constant") load.arrivals = Arrivals::constant;
  load.warmup = get_duration(root, "gate.load.warmup").value_or(load.warmup);
  load.connections = static_cast<int>(get_integer(root, "gate.load.connections").value_or(load.connections));
  return load;
}

// The name may hold a dot, which is no step of a path here.
const Node* entry(const Node& root, std::string_view section, const Quantile& quantile) {
  const Node* node = find_path(root, section);
  return node == nullptr ? nullptr : node->find(quantile.name);
}

void decode_latency(const Node& root, GateConfig& config) {
  for (const auto& quantile : quantiles()) {
    if (const Node* node = entry(root, "gate.latency.limit", quantile)) {
      if (auto limit = get_duration(*node, "")) config.limits.push_back({.quantile = quantile, .limit = *limit});
    }
    if (const Node* node = entry(root, "gate.latency.slower", quantile)) {
      if (auto share = get_number(*node, "")) config.slower.push_back({.quantile = quantile, .share = *share});
    }
  }
}

std::optional<GpuMemoryConfig> decode_gpu_memory(const Node& root) {
  const auto limit = get_number(root, "gate.gpu.memory.limit");
  const auto more = get_number(root, "gate.gpu.memory.more");
  if (!limit && !more) return std::nullopt;
  return GpuMemoryConfig{limit.value_or(0), more};
}

std::optional<ParityConfig> decode_parity(const Node& root) {
  auto cases = get_string(root, "gate.parity.cases");
  if (!cases) return std::nullopt;
  return ParityConfig{.cases = *cases,
                      .absolute = get_number(root, "gate.parity.tolerance.absolute").value_or(0),
                      .relative = get_number(root, "gate.parity.tolerance.relative").value_or(0)};
}

std::optional<AccuracyConfig> decode_accuracy(const Node& root) {
  auto data = get_string(root, "gate.accuracy.data");
  if (!data) return std::nullopt;
  AccuracyConfig accuracy{.data = *data,
                          .label = get_string(root, "gate.accuracy.label").value_or(""),
                          .metric = AccuracyMetric::accuracy,
                          .margin = get_number(root, "gate.accuracy.margin").value_or(0),
                          .slices = get_strings(root, "gate.accuracy.slices")};
  const auto name = get_string(root, "gate.accuracy.metric").value_or("");
  for (const auto metric : {AccuracyMetric::auc, AccuracyMetric::accuracy, AccuracyMetric::logloss,
                            AccuracyMetric::brier, AccuracyMetric::mae}) {
    if (name == to_string(metric)) accuracy.metric = metric;
  }
  return accuracy;
}

}  // namespace

const std::vector<Quantile>& quantiles() {
  static const std::vector<Quantile> all = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}};
  return all;
}

const Quantile* find_quantile(std::string_view name) {
  for (const auto& quantile : quantiles()) {
    if (name == quantile.name) return &quantile;
  }
  return nullptr;
}

const char* to_string(AccuracyMetric metric) {
  switch (metric) {
    case AccuracyMetric::auc:
      return "auc";
    case AccuracyMetric::accuracy:
      return "accuracy";
    case AccuracyMetric::logloss:
      return "logloss";
    case AccuracyMetric::brier:
      return "brier";
    case AccuracyMetric::mae:
      return "mae";
  }
  return "";
}

bool more_is_better(AccuracyMetric metric) {
  return metric == AccuracyMetric::auc || metric == AccuracyMetric::accuracy;
}

Field gate_table() {
  return object(
      "gate", "What a version must show before it may be assigned to an environment. What is not asked is not checked.",
      {load_field(),
       object("latency", "Latency under load, from the intended send time.",
              {object("limit", "What a quantile may be at most.", by_quantile(Type::duration, "At most this long.")),
               object("slower", "How much slower than the baseline a quantile may be.",
                      by_quantile(Type::percent, "At most this much slower than the baseline."))}),
       errors_field(),
       object(
           "parity", "Golden cases: inputs whose outputs are known for exactly this version.",
           {path("cases", "JSON file of golden cases."),
            object("tolerance", "An answer a agrees with the golden g when |a - g| <= absolute + relative * |g|.",
                   {number("absolute", "Absolute tolerance.", "0"), number("relative", "Relative tolerance.", "0")})}),
       accuracy_field(),
       object("gpu", "The GPUs that the version will run on.",
              {scalar("required", Type::boolean,
                      "Whether gpu-smoke must pass here; by default where serving.gpu is there."),
               object("memory", "What its server may hold on the GPUs of this machine while load is on it.",
                      {number_of_bytes("limit", "At most this much, e.g. 20Gi."), more_than_baseline()})}),
       accept_field()});
}

Field local_table() {
  return object(
      "local",
      "How the gate starts the server on this machine. {port}, {grpc_port}, {metrics_port} and {model} expand.",
      {list("command", "Program and arguments, started in a fresh copy of the model's folder."),
       map("templates", "Files written beside the model's, by relative path."),
       map("env", "Environment variables, beside PATH and HOME."),
       scalar("ready", Type::string, "The path that answers 200 when the server takes requests."),
       choice("protocol", protocol_names(), "What the server speaks."),
       scalar("start", Type::duration, "How long the server may take to get ready.", "60s")});
}

Result<GateConfig> decode_gate(const Node& merged_model) {
  GateConfig config;
  decode_latency(merged_model, config);
  const auto errors = get_number(merged_model, "gate.errors.limit");
  config.errors = errors.value_or(config.errors);
  config.gpu_memory = decode_gpu_memory(merged_model);
  config.load =
      decode_load(merged_model, !config.limits.empty() || !config.slower.empty() || errors || config.gpu_memory);
  config.parity = decode_parity(merged_model);
  config.accuracy = decode_accuracy(merged_model);
  config.gpu_required = get_boolean(merged_model, "gate.gpu.required");
  config.accept = get_strings(merged_model, "gate.accept");
  auto local = decode_local(merged_model);
  if (!local) return local.error();
  config.local = std::move(*local);
  return config;
}

}  // namespace mlctl::validate
