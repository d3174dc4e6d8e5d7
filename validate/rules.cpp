#include "validate/rules.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "base/units.h"

namespace mlctl::validate {
namespace {

constexpr std::uint64_t kept_per_rule = 20;

constexpr std::array all_rules{
    // files
    Rule{"unknown-format", Severity::high, "a file counts as weights, but is of no format that can be checked",
         "What cannot be read cannot be judged: it may hold anything, code included.",
         "export the model as safetensors, GGUF, ONNX or XGBoost, or give the file its true role under `files:` in "
         "model.yaml"},
    Rule{"extension-mismatch", Severity::high, "the name of a file claims another format than its content has",
         "Loaders choose by name, scanners by content or the reverse: disagreement is how checks are passed by.",
         "rename the file to what it is, or export it again"},
    Rule{"empty-weights", Severity::high, "a weights file is empty", "There is no model in it.",
         "export the model again"},
    Rule{"executable-weights", Severity::low, "a weights file is marked executable",
         "Data need no such permission; it is packed as 0755.", "chmod -x the file"},
    // safetensors
    Rule{
        "safetensors-header", Severity::high, "the header of a safetensors file is not as the format says",
        "A u64 length, then that many bytes of JSON that name every tensor with type, shape and offsets. A header that "
        "readers understand differently lets one file be two models.",
        "re-export the file with the safetensors library"},
    Rule{"safetensors-tensor", Severity::high, "a tensor's type, shape and offsets contradict each other",
         "A reader that believes the shape reads beyond the data, or less than it should.",
         "re-export the file with the safetensors library"},
    Rule{"safetensors-layout", Severity::high, "the tensors do not fill the data exactly",
         "Holes and tails can hide bytes that no one looks at; overlaps make one tensor change with another.",
         "re-export the file with the safetensors library"},
    // GGUF
    Rule{"gguf-header", Severity::high, "the header of a GGUF file is not as the format says",
         "Typed metadata, then the tensors with name, type, shape and offset: a reader that believes wrong counts or "
         "lengths reads beyond the file (CVE-2024-21836 and others).",
         "convert the model again with llama.cpp's tools"},
    Rule{"gguf-tensor", Severity::high, "a tensor's name, type and shape contradict each other",
         "A reader that believes the shape reads beyond the data.", "convert the model again with llama.cpp's tools"},
    Rule{"gguf-layout", Severity::high, "the tensors do not fill the data exactly",
         "Holes and tails can hide bytes that no one looks at; overlaps make one tensor change with another.",
         "convert the model again with llama.cpp's tools"},
    Rule{"gguf-template", Severity::critical, "the chat template reaches for the interpreter that runs it",
         "A chat template is a Jinja program: one that gets from a string to Python's classes runs any code in the "
         "server (CVE-2024-34359).",
         "do not serve it; get the model from someone whom you trust, or replace the template"},
    // ONNX
    Rule{"onnx-malformed", Severity::high, "the bytes are not a well-formed ONNX model",
         "Readers may crash on it, or read another model than the one that was checked.", "re-export the model"},
    Rule{"onnx-external-data", Severity::critical, "a tensor's external data lead where they must not",
         "A location outside the model's folder, a link or a hard link makes whoever loads the model read other files "
         "of "
         "the machine (CVE-2022-25882, CVE-2024-27318).",
         "save the external data beside the model, as plain files with relative names"},
    Rule{"onnx-external-range", Severity::high, "a tensor's external data lie outside their file",
         "Offset and length must lie within the file.", "save the model and its external data again, together"},
    Rule{"onnx-tensor", Severity::high, "a tensor's dimensions, type and data contradict each other",
         "A reader that believes the dimensions reads beyond the data.", "re-export the model"},
    Rule{"onnx-dangling", Severity::high, "a node of the graph takes a value that nothing before it makes",
         "Every input must be one of the graph's, an initializer or the output of an earlier node: no runtime loads "
         "the model otherwise.",
         "re-export the model"},
    Rule{"onnx-custom-domain", Severity::medium, "the model uses operators of a domain that is not ONNX's own",
         "Such operators are native code that the server must load; nothing is known about what they do.",
         "export with standard operators only, or make sure that you trust the library that brings the operators"},
    Rule{"onnx-vendor-domain", Severity::low, "the model uses operators that one runtime brings beside ONNX's own",
         "It runs on ONNX Runtime only.", "nothing, if that is what serves it"},
    // XGBoost
    Rule{"xgboost-malformed", Severity::high, "the bytes are not the document that XGBoost writes",
         "JSON and UBJSON models share one schema: learner, gradient_booster, trees.",
         "save the model again with Booster.save_model"},
    Rule{"xgboost-tree", Severity::high, "a tree's arrays contradict each other",
         "XGBoost trusts sizes and child indexes: wrong ones read out of bounds, and a cycle never ends.",
         "save the model again with Booster.save_model"},
    Rule{"xgboost-number", Severity::high, "a number in the model is not finite, or not a number",
         "A NaN in a leaf makes every prediction that reaches it NaN.",
         "look for NaN in the training data and train again"},
    // pickle
    Rule{"pickle-dangerous-import", Severity::critical, "loading this pickle imports something that can run code",
         "A pickle is a program: whatever it imports, it can call, before anyone sees the model.",
         "do not load it; get the model as safetensors or ONNX from someone whom you trust"},
    Rule{"pickle-unresolved", Severity::critical,
         "the pickle imports or calls something that cannot be told before it runs",
         "Names are put together at run time, or taken from where no scanner can see: legitimate picklers never do so.",
         "do not load it; get the model as safetensors or ONNX from someone whom you trust"},
    Rule{"pickle-unknown-import", Severity::medium, "the pickle imports something that is not known to be harmless",
         "It may be a class of your own, or a way to run code that nobody listed yet.",
         "look at the names; better, export the model as safetensors or ONNX"},
    Rule{"pickle-malformed", Severity::high, "the bytes are not a well-formed pickle",
         "Python runs a pickle up to its first error, so that a broken one can do harm too. What was found before the "
         "error is reported.",
         "write the file again"},
    Rule{"pickle-trailing-bytes", Severity::medium, "bytes follow the last pickle that are none",
         "They were not checked; another program may read them.", "write the file again, without what was appended"},
    Rule{"pickle-persistent-id", Severity::medium, "the pickle refers to objects outside of itself",
         "What a persistent id means is decided by the program that loads it.", "export the model as safetensors"},
    Rule{"pickle-expansion", Severity::medium, "the pickle is small, but what it describes is huge",
         "References to references double with every step, and a memo is made as long as its highest number says; "
         "whoever "
         "loads the pickle or walks the result runs out of memory or time.",
         "do not load it unless you know why it is so"},
    Rule{"pickle-limits", Severity::medium, "the pickle is too large to be followed to its end",
         "Beyond the limits of the scanner its values are unknown.", "export the model as safetensors"},
    Rule{"pickle-disguised", Severity::critical,
         "a file that claims to be something else is a pickle that imports code",
         "Python loads a pickle whatever its name is.",
         "remove the file, or give it the extension .pkl to have it judged"},
};

int rank(Severity severity) {
  return static_cast<int>(severity);
}

}  // namespace

std::span<const Rule> rules() {
  return all_rules;
}

const Rule* find_rule(std::string_view id) {
  const auto found = std::find_if(all_rules.begin(), all_rules.end(), [&](const Rule& rule) { return rule.id == id; });
  return found == all_rules.end() ? nullptr : &*found;
}

Result<std::string> explain_rule(std::string_view id, const Style& style) {
  const Rule* rule = find_rule(id);
  if (rule == nullptr) {
    std::vector<std::string> ids;
    for (const auto& known : all_rules) ids.emplace_back(known.id);
    const auto near = nearest(id, ids);
    return Error{Error::Kind::usage, "no rule is called " + escape_control(id),
                 near.empty() ? "`mlctl validate --explain list` names them all" : "did you mean " + near + "?"};
  }
  return paint(rule->id, Tone::strong, style) + "  " + to_string(rule->severity) + "\n" + std::string(rule->what) +
         "\n\n" + std::string(rule->means) + "\n\nhint: " + std::string(rule->mend) + "\n";
}

std::string list_rules(const Style& style) {
  Rows rows;
  for (const auto& rule : all_rules)
    rows.push_back({std::string(rule.id), to_string(rule.severity), std::string(rule.what)});
  return render_table({"rule", "severity", "what is wrong"}, rows, style);
}

void Findings::add(std::string_view id, std::string message) {
  const Rule* rule = find_rule(id);
  assert(rule != nullptr);
  if (++counts_[rule->id] > kept_per_rule) return;
  kept_.push_back({std::string(rule->id), rule->severity, file_, std::move(message), std::string(rule->mend)});
}

std::vector<Finding> Findings::take() {
  for (const auto& [id, count] : counts_) {
    if (count <= kept_per_rule) continue;
    const Rule* rule = find_rule(id);
    kept_.push_back({std::string(id), rule->severity, file_,
                     "and " + std::to_string(count - kept_per_rule) + " more like these", ""});
  }
  std::stable_sort(kept_.begin(), kept_.end(),
                   [](const Finding& a, const Finding& b) { return rank(a.severity) < rank(b.severity); });
  counts_.clear();
  return std::exchange(kept_, {});
}

Verdict verdict_of(const std::vector<Finding>& findings) {
  auto verdict = Verdict::pass;
  for (const auto& finding : findings) {
    if (finding.severity == Severity::critical || finding.severity == Severity::high) return Verdict::fail;
    if (finding.severity == Severity::medium) verdict = Verdict::inconclusive;
  }
  return verdict;
}

}  // namespace mlctl::validate
