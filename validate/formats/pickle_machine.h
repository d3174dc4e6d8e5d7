// Runs a pickle without running it: the stack, the marks and the memo hold what is known of each value, which is
// little: the name of an import, a string that could become one, what an import made when it was called, or nothing.
// Where CPython would stop with an error the machine goes on with values it knows nothing of, so that no such error can
// hide what follows from it. Memory is bounded by the limits below, whatever the pickle says.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "validate/formats/pickle_names.h"
#include "validate/formats/pickle_opcodes.h"
#include "validate/rules.h"

namespace mlctl::validate {

class PickleMachine {
 public:
  struct Imported {
    std::string module;
    std::string name;
    Import kind = Import::unknown;
    std::uint64_t first_at = 0;
    std::uint64_t times = 0;
    bool called = false;
  };

  explicit PickleMachine(Findings& findings) : findings_(findings) {}

  void run(const Instruction& instruction);
  // STOP: the stack is gone; the memo may or may not be the next pickle's, so that what it held is no longer known.
  void end_of_pickle();
  [[nodiscard]] const std::vector<Imported>& imports() const { return imports_; }
  // What went wrong at run time, said once: "GET of nothing at 17".
  [[nodiscard]] const std::string& first_error() const { return first_error_; }

  // Whether it calls something, or imports something dangerous, before CPython would stop with an error.
  [[nodiscard]] bool acts() const { return acts_; }

  static constexpr std::size_t stack_limit = 1U << 20U;
  static constexpr std::size_t memo_limit = 1U << 20U;
  static constexpr std::size_t imports_limit = 10'000;
  static constexpr std::size_t texts_limit = 32U << 20U;  // bytes of strings kept
  static constexpr float expansion_limit = 1e12F;         // values, when every reference is followed

 private:
  enum class Kind : std::uint8_t {
    unset,
    mark,
    data,    // cannot do anything; `id` is its key in the memo plus one, or 0
    text,    // `id` in texts_
    recent,  // a string that found no room in texts_: known while it is among the last few
    import,  // `id` in imports_
    made,    // what an import returned when it was called; `id` in imports_
    unknown,
  };
  struct Value {
    Kind kind = Kind::data;
    std::uint32_t id = 0;
    float count = 1;  // values below it when every reference is followed
  };

  // What an earlier pickle put there is known to be there, not what it is: STOP need not touch the memo, however large.
  struct Remembered {
    Value value{Kind::unset};
    std::uint64_t pickle = 0;
  };

  void check_frame(const Instruction& in);
  void manage_stack(const Instruction& in);
  void import_or_call(const Instruction& in);
  void push(Value value) {
    if (stack_.size() >= stack_limit || value.count > expansion_limit) return push_slow(value);
    stack_.push_back(value);
  }
  Value pop();
  // Removes what is above the innermost mark, and the mark; `first` gets the lowest of the removed.
  float pop_to_mark(Value* first = nullptr);
  void add_to_container(float count);
  void push_text(const Instruction& in);
  [[nodiscard]] std::string text_of(const Value& value) const;  // empty: not known
  void put(std::uint64_t key);
  void get(std::uint64_t key);
  [[nodiscard]] std::uint64_t memo_key(const Instruction& in);
  [[nodiscard]] Value import(const std::string& module, const std::string& name, bool cut);
  void push_slow(Value value);
  void import_from_stack();
  void call(const Value& callee, float arguments);
  void build();
  void wrong(const char* what);
  void unresolved(const std::string& what);

  Findings& findings_;
  std::vector<Value> stack_;
  std::vector<Remembered> memo_;
  std::uint64_t pickle_ = 0;     // how many ended before
  std::uint64_t memo_used_ = 0;  // what MEMOIZE takes as its key
  bool memo_full_ = false;
  std::vector<Imported> imports_;
  std::map<std::pair<std::string, std::string>, std::uint32_t> import_ids_;
  std::string texts_;  // each ends with '\0'
  std::vector<std::string> recent_;
  std::uint32_t recent_count_ = 0;
  std::uint64_t at_ = 0;  // offset of the current instruction
  std::uint64_t instructions_ = 0;
  std::uint64_t frame_end_ = 0;  // offset behind the last frame
  std::string first_error_;
  bool acts_ = false;
  bool told_expansion_ = false;
  bool told_limits_ = false;
};

}  // namespace mlctl::validate
