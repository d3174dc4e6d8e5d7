// The 68 opcodes of pickle protocols 0 to 5, and reading one after the other from a stream.
// Source: CPython's pickletools and _pickle.c; where the two readers of CPython differ, the more permissive one counts.
#pragma once
#include <cstdint>
#include <string>

#include "validate/formats/input.h"

namespace mlctl::validate {

enum class Argument : std::uint8_t {
  none,
  fixed,         // `width` bytes, a number
  sized,         // a length of `width` bytes, then as many bytes
  signed_sized,  // the same; a negative length is an error
  line,          // up to '\n'
  two_lines,
};

enum class Effect : std::uint8_t {
  unknown,  // not an opcode
  nothing,
  stop,
  mark,
  pop,
  pop_mark,
  duplicate,
  push,         // a value that cannot do anything
  push_text,    // a string: perhaps the name of something
  gather,       // the topmost `count` values become one
  gather_mark,  // the values above the mark become one
  add,          // the topmost `count` values go into the container below
  add_mark,
  get,
  put,
  memoize,
  import_name,
  import_stack,
  import_extension,
  persistent,
  persistent_stack,
  call,       // REDUCE, NEWOBJ, NEWOBJ_EX: `count` arguments above what is called
  call_name,  // INST
  call_mark,  // OBJ
  build,
};

struct Opcode {
  std::uint8_t code = 0;
  const char* name = nullptr;
  Argument argument = Argument::none;
  std::uint8_t width = 0;
  Effect effect = Effect::unknown;
  std::uint8_t count = 0;
};
[[nodiscard]] const Opcode& opcode(std::uint8_t code);  // effect unknown when there is none

inline constexpr std::size_t name_limit = 256;  // bytes of a string that are kept; no name is longer

struct Instruction {
  const Opcode* opcode = nullptr;
  std::uint64_t at = 0;      // offset of the opcode
  std::uint64_t end = 0;     // offset behind the argument
  std::uint64_t number = 0;  // of a fixed argument
  std::string text;          // first line, or the bytes of a string: at most name_limit
  std::string second;        // second line
  bool cut = false;          // the argument was longer than what is kept
};

enum class Next { instruction, end, broken };
// Reads one instruction into `into`, whose memory is used again. `broken`: no opcode, or an argument that is cut off,
// impossible (a negative length) or of a protocol above 5; `problem` says which.
[[nodiscard]] Next read_instruction(Input& in, Instruction& into, std::string& problem);

}  // namespace mlctl::validate
