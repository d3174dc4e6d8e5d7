#include "validate/formats/pickle.h"

#include <algorithm>

#include "validate/formats/pickle_machine.h"
#include "validate/formats/pickle_opcodes.h"

namespace mlctl::validate {
namespace {

struct Scan {
  std::uint64_t protocol = 0;
  std::uint64_t pickles = 0;       // that reached their STOP
  std::uint64_t last_start = 0;    // of the pickle after the last STOP
  std::uint64_t instructions = 0;  // of that pickle
  bool broken = false;
  std::string problem;
};

Scan scan(Input& in, PickleMachine& machine) {
  Scan result;
  Instruction instruction;
  for (;;) {
    const auto next = read_instruction(in, instruction, result.problem);
    if (next != Next::instruction) {
      result.broken = next == Next::broken;
      return result;
    }
    ++result.instructions;
    if (instruction.opcode->code == 0x80) result.protocol = std::max(result.protocol, instruction.number);
    machine.run(instruction);
    if (instruction.opcode->effect != Effect::stop) continue;
    machine.end_of_pickle();
    ++result.pickles;
    result.instructions = 0;
    result.last_start = in.position();
  }
}

void report_imports(const std::vector<PickleMachine::Imported>& imports, Findings& findings) {
  for (const auto& import : imports) {
    if (import.kind == Import::harmless) continue;
    std::string text = "imports `" + import.module + "." + import.name + "` at byte " + std::to_string(import.first_at);
    if (import.called) text += " and calls it";
    if (import.times > 1) text += ", " + std::to_string(import.times) + " times";
    findings.add(import.kind == Import::dangerous ? "pickle-dangerous-import" : "pickle-unknown-import", text);
  }
}

void report_end(const Scan& scan, std::size_t imports_before_tail, std::size_t imports, std::uint64_t size,
                Findings& findings) {
  const bool tail = scan.pickles > 0 && (scan.broken || scan.instructions > 0);
  if (tail && imports == imports_before_tail) {
    findings.add("pickle-trailing-bytes", count_text(size - std::min(size, scan.last_start), "byte") +
                                              " behind the last STOP, from byte " + std::to_string(scan.last_start));
  } else if (scan.broken) {
    findings.add("pickle-malformed", scan.problem);
  } else if (scan.pickles == 0 || scan.instructions > 0) {
    findings.add("pickle-malformed", "it ends without STOP");
  }
}

std::string summary(const Scan& scan, const std::vector<PickleMachine::Imported>& imports) {
  constexpr std::size_t named = 5;
  std::string text = "protocol " + std::to_string(scan.protocol);
  if (scan.pickles > 1) text += ", " + std::to_string(scan.pickles) + " pickles";
  if (imports.empty()) return text + ", imports nothing";
  for (std::size_t i = 0; i < std::min(named, imports.size()); ++i) {
    text += (i == 0 ? ", imports " : ", ") + imports[i].module + "." + imports[i].name;
  }
  return imports.size() > named ? text + " and " + std::to_string(imports.size() - named) + " more" : text;
}

}  // namespace

std::string check_pickle(Input& in, Findings& findings) {
  PickleMachine machine(findings);
  const auto result = scan(in, machine);
  const auto& imports = machine.imports();
  report_imports(imports, findings);
  const auto before_tail = static_cast<std::size_t>(std::count_if(
      imports.begin(), imports.end(), [&](const auto& import) { return import.first_at < result.last_start; }));
  report_end(result, before_tail, imports.size(), in.size(), findings);
  if (!machine.first_error().empty()) findings.add("pickle-malformed", machine.first_error());
  return summary(result, imports);
}

bool is_acting_pickle(Input& in) {
  Findings ignored("");
  PickleMachine machine(ignored);
  scan(in, machine);
  return machine.acts();
}

}  // namespace mlctl::validate
