// Result<T>: a value or an Error; the only way by which failure crosses a module's border.
// An Error says what happened (message), what to do (hint) and of which kind it is; the kind alone decides the exit
// code.
#pragma once
#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace mlctl {

struct Error {
  enum class Kind {
    denied,        // the answer is no: policy, judgement, an older commit
    conflict,      // exists with other content, somebody else was faster
    usage,         // the command line or a configuration file is wrong
    not_found,     // what was named does not exist
    corrupt,       // bytes are not what their digest or format says
    unavailable,   // could not find out: network, missing tool, full disk, unreadable file
    timeout,       // could not find out in time
    credentials,   // missing or refused
    inconclusive,  // asked, and the data do not decide
    interrupted,   // Ctrl-C
  };
  Kind kind = Kind::unavailable;
  std::string message;  // one line, or several: what happened and where
  std::string hint;     // what to type or change; may be empty

  // The same error, told from further outside: "WHAT: message".
  [[nodiscard]] Error context(const std::string& what) const;
};

// Exit codes of the whole program (the contract of --help): 1 no, 2 usage, 3 could not find out, 4 credentials,
// 5 inconclusive, 130 interrupted.
[[nodiscard]] int exit_code(Error::Kind kind);
// "denied", "usage", ...: the name in JSON output.
[[nodiscard]] const char* to_string(Error::Kind kind);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  [[nodiscard]] const Error& error() const {
    assert(state_.index() == 1);
    return *std::get_if<1>(&state_);
  }

 private:
  T& value() {
    assert(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    assert(state_.index() == 0);
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

struct Done {};
// Success without a value: `return ok();`
using Status = Result<Done>;
inline Status ok() {
  return Done{};
}

}  // namespace mlctl
