// For pickle-oracle.py: what the scanner sees in many pickles. stdin: u32 length and bytes of each; stdout: u32 length
// and a line each: imports as hex(module):hex(name), then U when something could not be resolved, E when it is broken.
#include <cstdint>
#include <cstdio>
#include <string>

#include "validate/formats/pickle_machine.h"

namespace {

using namespace mlctl::validate;

std::string hex(const std::string& text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    out += digits[static_cast<unsigned char>(c) >> 4U];
    out += digits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

std::string judge(const std::string& bytes) {
  Input in{std::string_view(bytes)};
  Findings findings("");
  PickleMachine machine(findings);
  Instruction instruction;
  std::string problem;
  auto next = Next::instruction;
  while ((next = read_instruction(in, instruction, problem)) == Next::instruction) {
    machine.run(instruction);
    if (instruction.opcode->effect == Effect::stop) machine.end_of_pickle();
  }
  std::string out;
  for (const auto& import : machine.imports()) out += hex(import.module) + ":" + hex(import.name) + ",";
  bool unresolved = false;
  for (const auto& finding : findings.take()) unresolved = unresolved || finding.rule == "pickle-unresolved";
  out += unresolved ? 'U' : '-';
  return out + (next == Next::broken || !machine.first_error().empty() ? 'E' : '-');
}

}  // namespace

int main() {
  std::uint32_t size = 0;
  std::string bytes;
  while (std::fread(&size, sizeof size, 1, stdin) == 1) {
    bytes.resize(size);
    if (std::fread(bytes.data(), 1, size, stdin) != size) return 1;
    const auto answer = judge(bytes);
    size = static_cast<std::uint32_t>(answer.size());
    std::fwrite(&size, sizeof size, 1, stdout);
    std::fwrite(answer.data(), 1, answer.size(), stdout);
  }
  return 0;
}
