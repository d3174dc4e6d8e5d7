#include "validate/formats/onnx.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "validate/formats/onnx_names.h"
#include "validate/formats/protobuf.h"

namespace mlctl::validate {
namespace {

enum class Message { model, graph, node, attribute, tensor, sparse, function, training, opset, entry, value, none };

struct Link {
  Message in;
  std::uint32_t field;
  Message to;
};
// Where messages hold messages that are looked into; everything else is skipped.
constexpr std::array links{
    Link{Message::model, 7, Message::graph},       Link{Message::model, 8, Message::opset},
    Link{Message::model, 20, Message::training},   Link{Message::model, 25, Message::function},
    Link{Message::training, 1, Message::graph},    Link{Message::training, 2, Message::graph},
    Link{Message::graph, 1, Message::node},        Link{Message::graph, 5, Message::tensor},
    Link{Message::graph, 11, Message::value},      Link{Message::graph, 15, Message::sparse},
    Link{Message::node, 5, Message::attribute},    Link{Message::attribute, 5, Message::tensor},
    Link{Message::attribute, 6, Message::graph},   Link{Message::attribute, 10, Message::tensor},
    Link{Message::attribute, 11, Message::graph},  Link{Message::attribute, 22, Message::sparse},
    Link{Message::attribute, 23, Message::sparse}, Link{Message::sparse, 1, Message::tensor},
    Link{Message::sparse, 2, Message::tensor},     Link{Message::function, 7, Message::node},
    Link{Message::function, 9, Message::opset},    Link{Message::function, 11, Message::attribute},
    Link{Message::tensor, 13, Message::entry},
};

constexpr std::size_t message_depth = 128;
constexpr std::size_t dims_limit = 1024;
constexpr std::size_t names_limit = 10'000;
constexpr std::uint64_t text_limit = 4096;
constexpr std::array<std::string_view, 5> standard_domains{"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training",
                                                           "ai.onnx.preview.training"};

class Walk {
 public:
  Walk(Input& in, const Neighbours& neighbours, std::set<std::string>& referenced, Findings& findings)
      : in_(in), neighbours_(neighbours), referenced_(referenced), findings_(findings) {
    const auto slash = findings.file().rfind('/');
    if (slash != std::string::npos) folder_ = findings.file().substr(0, slash + 1);
  }

  std::string check() {
    if (!message(Message::model, in_.size(), 0)) {
      findings_.add("onnx-malformed",
                    "the bytes end or contradict each other at byte " + std::to_string(in_.position()));
      return "not readable";
    }
    if (ir_version_ == 0) findings_.add("onnx-malformed", "ir_version is missing");
    if (graphs_ != 1) findings_.add("onnx-malformed", "it has " + count_text(graphs_, "graph") + " instead of one");
    if (opsets_.empty()) findings_.add("onnx-malformed", "it imports no operators");
    report_domains();
    if (const auto dangling = names_.dangling()) findings_.add("onnx-dangling", *dangling);
    return "opset " + std::to_string(opset_) + ", " + count_text(nodes_, "node") + ", " +
           count_text(tensors_, "tensor");
  }

 private:
  bool message(Message kind, std::uint64_t end, std::size_t depth);
  // Of the model's own graph, not of one inside a node, a training or a function.
  [[nodiscard]] bool in_main_graph() const { return path_.size() == 3 && path_[1] == Message::graph; }
  bool field(Message kind, const ProtoField& field);
  bool model_field(const ProtoField& field);
  bool node_field(const ProtoField& field);
  bool value_field(const ProtoField& field);
  bool tensor_field(const ProtoField& field);
  bool dims(const ProtoField& field);
  bool typed_data(const ProtoField& field);
  void begin(Message kind);
  void finish(Message kind);
  void report_domains();

  // The bytes of a field, at most text_limit of them; the rest is skipped. False when the field holds no bytes.
  bool text(const ProtoField& field, std::string& into) {
    if (field.wire != ProtoField::Wire::bytes) return false;
    const auto kept = in_.text(std::min(text_limit, field.end() - in_.position()), text_limit);
    if (!kept) return false;
    into = *kept;
    return in_.skip(field.end() - in_.position());
  }
  void note(std::set<std::string>& names, const std::string& name) {
    if (names.size() < names_limit) names.insert(name);
  }

  Input& in_;
  const Neighbours& neighbours_;
  std::set<std::string>& referenced_;
  Findings& findings_;
  std::string folder_;
  std::uint64_t ir_version_ = 0;
  std::uint64_t graphs_ = 0;  // of the model itself
  std::uint64_t nodes_ = 0;
  std::uint64_t tensors_ = 0;
  std::uint64_t opset_ = 0;
  std::set<std::string> opsets_;
  std::set<std::string> domains_;        // that nodes use
  std::set<std::string> local_domains_;  // that the model's own functions define
  std::vector<Message> path_;            // from the model to the message that is read
  OnnxNames names_;                      // of the model's own graph
  OnnxTensor tensor_;
  std::pair<std::string, std::string> entry_;
  std::pair<std::string, std::uint64_t> import_;
};

Message linked(Message kind, std::uint32_t number) {
  const auto* found = std::find_if(links.begin(), links.end(),
                                   [&](const Link& link) { return link.in == kind && link.field == number; });
  return found == links.end() ? Message::none : found->to;
}

bool Walk::message(Message kind, std::uint64_t end, std::size_t depth) {
  if (depth > message_depth) return false;
  begin(kind);
  path_.push_back(kind);
  for (ProtoField next;;) {
    const auto state = read_field(in_, end, next);
    if (state == ProtoNext::broken) return false;
    if (state == ProtoNext::end) break;
    const auto child = linked(kind, next.number);
    if (child == Message::none) {
      if (!field(kind, next)) return false;
    } else {
      if (next.wire != ProtoField::Wire::bytes || !message(child, next.end(), depth + 1)) return false;
      if (kind == Message::model && child == Message::graph) ++graphs_;
    }
    if (next.wire == ProtoField::Wire::bytes && !in_.skip(next.end() - in_.position())) return false;
  }
  finish(kind);
  path_.pop_back();
  return true;
}

bool Walk::field(Message kind, const ProtoField& field) {
  switch (kind) {
    case Message::model:
      return model_field(field);
    case Message::tensor:
      return tensor_field(field);
    case Message::node:
      return node_field(field);
    case Message::value:
      return value_field(field);
    case Message::function: {
      if (field.number != 10) return true;
      std::string domain;
      if (!text(field, domain)) return false;
      note(local_domains_, domain);
      return true;
    }
    case Message::opset:
      if (field.number == 1) return text(field, import_.first);
      if (field.number == 2) import_.second = field.value;
      return true;
    case Message::entry:
      if (field.number == 1) return text(field, entry_.first);
      if (field.number == 2) return text(field, entry_.second);
      return true;
    default:
      return true;
  }
}

bool Walk::model_field(const ProtoField& field) {
  if (field.number == 1) ir_version_ = field.value;
  return field.number != 1 || field.wire == ProtoField::Wire::varint;
}

bool Walk::node_field(const ProtoField& field) {
  if (field.number != 7 && !(in_main_graph() && (field.number == 1 || field.number == 2))) return true;
  std::string name;
  if (!text(field, name)) return false;
  if (field.number == 7) note(domains_, name);
  if (field.number == 1) names_.take(name);
  if (field.number == 2) names_.make(name);
  return true;
}

bool Walk::value_field(const ProtoField& field) {
  if (field.number != 1 || !in_main_graph()) return true;
  std::string name;
  if (!text(field, name)) return false;
  names_.provide(name);
  return true;
}

bool Walk::tensor_field(const ProtoField& field) {
  switch (field.number) {
    case 1:
      return dims(field);
    case 2:
      tensor_.data_type = static_cast<std::int64_t>(field.value);
      return field.wire == ProtoField::Wire::varint;
    case 8:
      return text(field, tensor_.name);
    case 9:
      if (field.wire != ProtoField::Wire::bytes || tensor_.has_raw) return false;
      tensor_.has_raw = true;
      tensor_.raw_bytes = field.end() - in_.position();
      return true;
    case 14:
      tensor_.external = field.value == 1;
      return field.wire == ProtoField::Wire::varint;
    case 4:
    case 5:
    case 6:
    case 7:
    case 10:
    case 11:
      return typed_data(field);
    default:
      return true;
  }
}

bool Walk::dims(const ProtoField& field) {
  const auto keep = [&](std::uint64_t dim) {
    if (tensor_.dims.size() < dims_limit) {
      tensor_.dims.push_back(static_cast<std::int64_t>(dim));
    } else {
      tensor_.too_many_dims = true;
    }
  };
  if (field.wire == ProtoField::Wire::varint) {
    keep(field.value);
    return true;
  }
  if (field.wire != ProtoField::Wire::bytes) return false;
  while (in_.position() < field.end()) {
    const auto dim = read_varint(in_, field.end());
    if (!dim) return false;
    keep(*dim);
  }
  return true;
}

// Counts the values of float_data (4), int32_data (5), string_data (6), int64_data (7), double_data (10), uint64_data
// (11).
bool Walk::typed_data(const ProtoField& field) {
  tensor_.has_typed = true;
  if (field.wire != ProtoField::Wire::bytes || field.number == 6) {
    ++tensor_.typed_values;
    return true;
  }
  const auto size = field.end() - in_.position();
  if (field.number == 4 || field.number == 10) {
    const std::uint64_t width = field.number == 4 ? 4 : 8;
    tensor_.typed_values += size / width;
    return size % width == 0;
  }
  while (in_.position() < field.end()) {
    if (!read_varint(in_, field.end())) return false;
    ++tensor_.typed_values;
  }
  return true;
}

void Walk::begin(Message kind) {
  if (kind == Message::tensor) tensor_ = {};
  if (kind == Message::entry) entry_ = {};
  if (kind == Message::opset) import_ = {};
}

void Walk::finish(Message kind) {
  switch (kind) {
    case Message::node:
      ++nodes_;
      if (in_main_graph()) names_.end_of_node();
      break;
    case Message::tensor:
      ++tensors_;
      // An initializer: of the graph itself, or the values of a sparse one, which lend it their name.
      if (path_.size() >= 3 && path_[1] == Message::graph && (path_.size() == 3 || path_[2] == Message::sparse))
        names_.provide(tensor_.name);
      check_onnx_tensor(tensor_, folder_, neighbours_, referenced_, findings_);
      break;
    case Message::entry:
      if (tensor_.external_data.size() < 16) tensor_.external_data.push_back(entry_);
      break;
    case Message::opset:
      note(opsets_, import_.first);
      note(domains_, import_.first);
      if (import_.first.empty() || import_.first == "ai.onnx") opset_ = std::max(opset_, import_.second);
      break;
    default:
      break;
  }
}

void Walk::report_domains() {
  for (const auto& domain : domains_) {
    const bool standard = std::find(standard_domains.begin(), standard_domains.end(), domain) != standard_domains.end();
    if (standard || local_domains_.contains(domain)) continue;
    const bool vendor = domain == "com.microsoft" || domain.starts_with("com.microsoft.");
    findings_.add(vendor ? "onnx-vendor-domain" : "onnx-custom-domain", "operators of the domain `" + domain + "`");
  }
}

}  // namespace

std::string check_onnx(Input& in, const Neighbours& neighbours, std::set<std::string>& referenced, Findings& findings) {
  return Walk(in, neighbours, referenced, findings).check();
}

}  // namespace mlctl::validate
