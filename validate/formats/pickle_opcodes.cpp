#include "validate/formats/pickle_opcodes.h"

#include <algorithm>
#include <array>

namespace mlctl::validate {
namespace {

using A = Argument;
using E = Effect;

constexpr std::array opcodes{
    Opcode{'(', "MARK", A::none, 0, E::mark, 0},
    Opcode{'.', "STOP", A::none, 0, E::stop, 0},
    Opcode{'0', "POP", A::none, 0, E::pop, 0},
    Opcode{'1', "POP_MARK", A::none, 0, E::pop_mark, 0},
    Opcode{'2', "DUP", A::none, 0, E::duplicate, 0},
    Opcode{'F', "FLOAT", A::line, 0, E::push, 0},
    Opcode{'I', "INT", A::line, 0, E::push, 0},
    Opcode{'J', "BININT", A::fixed, 4, E::push, 0},
    Opcode{'K', "BININT1", A::fixed, 1, E::push, 0},
    Opcode{'L', "LONG", A::line, 0, E::push, 0},
    Opcode{'M', "BININT2", A::fixed, 2, E::push, 0},
    Opcode{'N', "NONE", A::none, 0, E::push, 0},
    Opcode{'P', "PERSID", A::line, 0, E::persistent, 0},
    Opcode{'Q', "BINPERSID", A::none, 0, E::persistent_stack, 0},
    Opcode{'R', "REDUCE", A::none, 0, E::call, 1},
    Opcode{'S', "STRING", A::line, 0, E::push_text, 0},
    Opcode{'T', "BINSTRING", A::signed_sized, 4, E::push_text, 0},
    Opcode{'U', "SHORT_BINSTRING", A::sized, 1, E::push_text, 0},
    Opcode{'V', "UNICODE", A::line, 0, E::push_text, 0},
    Opcode{'X', "BINUNICODE", A::sized, 4, E::push_text, 0},
    Opcode{'a', "APPEND", A::none, 0, E::add, 1},
    Opcode{'b', "BUILD", A::none, 0, E::build, 0},
    Opcode{'c', "GLOBAL", A::two_lines, 0, E::import_name, 0},
    Opcode{'d', "DICT", A::none, 0, E::gather_mark, 0},
    Opcode{'}', "EMPTY_DICT", A::none, 0, E::push, 0},
    Opcode{'e', "APPENDS", A::none, 0, E::add_mark, 0},
    Opcode{'g', "GET", A::line, 0, E::get, 0},
    Opcode{'h', "BINGET", A::fixed, 1, E::get, 0},
    Opcode{'i', "INST", A::two_lines, 0, E::call_name, 0},
    Opcode{'j', "LONG_BINGET", A::fixed, 4, E::get, 0},
    Opcode{'l', "LIST", A::none, 0, E::gather_mark, 0},
    Opcode{']', "EMPTY_LIST", A::none, 0, E::push, 0},
    Opcode{'o', "OBJ", A::none, 0, E::call_mark, 0},
    Opcode{'p', "PUT", A::line, 0, E::put, 0},
    Opcode{'q', "BINPUT", A::fixed, 1, E::put, 0},
    Opcode{'r', "LONG_BINPUT", A::fixed, 4, E::put, 0},
    Opcode{'s', "SETITEM", A::none, 0, E::add, 2},
    Opcode{'t', "TUPLE", A::none, 0, E::gather_mark, 0},
    Opcode{')', "EMPTY_TUPLE", A::none, 0, E::push, 0},
    Opcode{'u', "SETITEMS", A::none, 0, E::add_mark, 0},
    Opcode{'G', "BINFLOAT", A::fixed, 8, E::push, 0},
    Opcode{0x80, "PROTO", A::fixed, 1, E::nothing, 0},
    Opcode{0x81, "NEWOBJ", A::none, 0, E::call, 1},
    Opcode{0x82, "EXT1", A::fixed, 1, E::import_extension, 0},
    Opcode{0x83, "EXT2", A::fixed, 2, E::import_extension, 0},
    Opcode{0x84, "EXT4", A::fixed, 4, E::import_extension, 0},
    Opcode{0x85, "TUPLE1", A::none, 0, E::gather, 1},
    Opcode{0x86, "TUPLE2", A::none, 0, E::gather, 2},
    Opcode{0x87, "TUPLE3", A::none, 0, E::gather, 3},
    Opcode{0x88, "NEWTRUE", A::none, 0, E::push, 0},
    Opcode{0x89, "NEWFALSE", A::none, 0, E::push, 0},
    Opcode{0x8a, "LONG1", A::sized, 1, E::push, 0},
    Opcode{0x8b, "LONG4", A::signed_sized, 4, E::push, 0},
    Opcode{'B', "BINBYTES", A::sized, 4, E::push, 0},
    Opcode{'C', "SHORT_BINBYTES", A::sized, 1, E::push, 0},
    Opcode{0x8c, "SHORT_BINUNICODE", A::sized, 1, E::push_text, 0},
    Opcode{0x8d, "BINUNICODE8", A::sized, 8, E::push_text, 0},
    Opcode{0x8e, "BINBYTES8", A::sized, 8, E::push, 0},
    Opcode{0x8f, "EMPTY_SET", A::none, 0, E::push, 0},
    Opcode{0x90, "ADDITEMS", A::none, 0, E::add_mark, 0},
    Opcode{0x91, "FROZENSET", A::none, 0, E::gather_mark, 0},
    Opcode{0x92, "NEWOBJ_EX", A::none, 0, E::call, 2},
    Opcode{0x93, "STACK_GLOBAL", A::none, 0, E::import_stack, 0},
    Opcode{0x94, "MEMOIZE", A::none, 0, E::memoize, 0},
    Opcode{0x95, "FRAME", A::fixed, 8, E::nothing, 0},
    Opcode{0x96, "BYTEARRAY8", A::sized, 8, E::push, 0},
    Opcode{0x97, "NEXT_BUFFER", A::none, 0, E::push, 0},
    Opcode{0x98, "READONLY_BUFFER", A::none, 0, E::nothing, 0},
};
static_assert(opcodes.size() == 68);

constexpr auto by_code = [] {
  std::array<Opcode, 256> table{};
  for (const auto& opcode : opcodes) table[opcode.code] = opcode;
  return table;
}();

constexpr int proto = 0x80;
constexpr int highest_protocol = 5;

// A line of any length; what is beyond name_limit is read and dropped. False at the end of the bytes.
bool read_line(Input& in, std::string& into, bool& cut) {
  into.clear();
  for (int byte = in.byte(); byte != '\n'; byte = in.byte()) {
    if (byte < 0) return false;
    if (into.size() < name_limit) {
      into += static_cast<char>(byte);
    } else {
      cut = true;
    }
  }
  return true;
}

bool read_sized(Input& in, Instruction& into) {
  const auto size = in.little(into.opcode->width);
  if (!size) return false;
  if (into.opcode->argument == Argument::signed_sized && *size > INT32_MAX) return false;
  into.text.clear();
  if (into.opcode->effect != Effect::push_text) return in.skip(*size);
  const auto kept = static_cast<std::size_t>(std::min<std::uint64_t>(*size, name_limit));
  into.cut = *size > kept;
  into.text.resize(kept);
  return in.take(into.text.data(), kept) && in.skip(*size - kept);
}

bool read_argument(Input& in, Instruction& into) {
  switch (into.opcode->argument) {
    case Argument::none:
      return true;
    case Argument::fixed: {
      const auto number = in.little(into.opcode->width);
      into.number = number.value_or(0);
      return number.has_value();
    }
    case Argument::sized:
    case Argument::signed_sized:
      return read_sized(in, into);
    case Argument::line:
      return read_line(in, into.text, into.cut);
    case Argument::two_lines:
      return read_line(in, into.text, into.cut) && read_line(in, into.second, into.cut);
  }
  return false;
}

}  // namespace

const Opcode& opcode(std::uint8_t code) {
  return by_code[code];
}

Next read_instruction(Input& in, Instruction& into, std::string& problem) {
  into.at = in.position();
  into.cut = false;
  const int code = in.byte();
  if (code < 0) return Next::end;
  into.opcode = &by_code[static_cast<std::uint8_t>(code)];
  if (into.opcode->effect == Effect::unknown) {
    problem = "byte " + std::to_string(code) + " at " + std::to_string(into.at) + " is no opcode";
    return Next::broken;
  }
  if (!read_argument(in, into)) {
    problem = std::string("the argument of ") + into.opcode->name + " at " + std::to_string(into.at) +
              " is cut off or impossible";
    return Next::broken;
  }
  into.end = in.position();
  if (code == proto && into.number > highest_protocol) {
    problem = "protocol " + std::to_string(into.number) + " at " + std::to_string(into.at) + " is not known";
    return Next::broken;
  }
  return Next::instruction;
}

}  // namespace mlctl::validate
