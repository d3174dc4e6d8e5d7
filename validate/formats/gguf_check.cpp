// What a GGUF header claims, held against itself and against the size of the file.
#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

#include "base/terminal.h"
#include "validate/formats/gguf.h"

namespace mlctl::validate {
namespace {

// A chat template is a Jinja program that servers run: these lead from a value of it to the interpreter around it
// (CVE-2024-34359). `attr` reaches names that are put together, `\x5f` hides underscores.
constexpr std::array<std::string_view, 12> escapes{"__class__",   "__mro__",      "__base",     "__subclasses__",
                                                   "__globals__", "__builtins__", "__import__", "__getattribute__",
                                                   "__init__",    "__dict__",     "|attr(",     "\\x5f"};

void check_templates(const Gguf& file, Findings& findings) {
  for (const auto& [key, text] : file.templates) {
    std::string squeezed;
    for (const char c : text)
      if (std::isspace(static_cast<unsigned char>(c)) == 0) squeezed += c;
    for (const auto escape : escapes)
      if (squeezed.find(escape) != std::string::npos) {
        findings.add("gguf-template", "`" + key + "` uses `" + std::string(escape) + "`");
        break;
      }
  }
}

// Whether the offsets may be believed for the layout.
bool check_tensors(const Gguf& file, Findings& findings) {
  bool believable = true;
  std::set<std::string_view> names;
  for (const auto& tensor : file.tensors) {
    const auto wrong = [&](const std::string& what) {
      findings.add("gguf-tensor", "tensor `" + tensor.name + "` " + what);
      believable = false;
    };
    if (!names.insert(tensor.name).second) wrong("stands there twice");
    if (gguf_type(tensor.type).starts_with("type "))
      wrong("has the unknown " + gguf_type(tensor.type));
    else if (!gguf_bytes(tensor))
      wrong("has a shape that does not fill blocks of " + gguf_type(tensor.type));
  }
  return believable;
}

// One tensor after the other, each where the one before it ends, up to the next boundary.
void check_layout(const Gguf& file, std::uint64_t header_end, std::uint64_t size, Findings& findings) {
  std::vector<const GgufTensor*> tensors;
  for (const auto& tensor : file.tensors) tensors.push_back(&tensor);
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
  const auto aligned = [&](std::uint64_t at) { return (at + file.alignment - 1) / file.alignment * file.alignment; };
  std::uint64_t end = 0;  // of the data so far
  for (const auto* tensor : tensors) {
    if (tensor->offset != aligned(end))
      return findings.add("gguf-layout", "tensor `" + tensor->name + "` begins at " + std::to_string(tensor->offset) +
                                             ", the one before it ends at " + std::to_string(end));
    if (__builtin_add_overflow(tensor->offset, *gguf_bytes(*tensor), &end) || end > size)
      return findings.add("gguf-layout", "tensor `" + tensor->name + "` ends behind the file");
  }
  const auto data = aligned(header_end);
  if (tensors.empty() ? size < header_end || size > data : size != data + end && size != data + aligned(end))
    findings.add("gguf-layout",
                 "the tensors end at byte " + std::to_string(data + end) + ", the file has " + std::to_string(size));
}

std::string summary(const Gguf& file) {
  std::set<std::string> kinds;
  for (const auto& tensor : file.tensors) kinds.insert(gguf_type(tensor.type));
  std::string text = count_text(file.tensors.size(), "tensor");
  for (const auto& kind : kinds) text += (kind == *kinds.begin() ? " of " : ", ") + kind;
  return text + ", version " + std::to_string(file.version);
}

}  // namespace

std::string check_gguf(Input& in, Findings& findings) {
  Gguf file;
  if (const auto problem = read_gguf(in, file)) {
    findings.add("gguf-header", *problem);
    return "not readable";
  }
  check_templates(file, findings);
  if (check_tensors(file, findings)) check_layout(file, in.position(), in.size(), findings);
  return summary(file);
}

}  // namespace mlctl::validate
