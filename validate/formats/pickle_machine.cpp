#include "validate/formats/pickle_machine.h"

#include <charconv>

namespace mlctl::validate {
namespace {

constexpr std::uint32_t recent_kept = 64;
constexpr std::uint64_t memo_slack = 512;  // numbers that a pickler, or what shortened the pickle later, may leave out

std::string quoted(const std::string& module, const std::string& name) {
  return "`" + module + "." + name + "`";
}

}  // namespace

void PickleMachine::run(const Instruction& in) {
  at_ = in.at;
  ++instructions_;
  check_frame(in);
  switch (in.opcode->effect) {
    case Effect::unknown:
    case Effect::nothing:
    case Effect::stop:
      return;
    case Effect::push:
      return push({});
    case Effect::push_text:
      return push_text(in);
    case Effect::get:
      return get(memo_key(in));
    case Effect::put:
      return put(memo_key(in));
    case Effect::memoize:
      return put(memo_used_);
    case Effect::mark:
    case Effect::pop:
    case Effect::pop_mark:
    case Effect::duplicate:
    case Effect::gather:
    case Effect::gather_mark:
    case Effect::add:
    case Effect::add_mark:
      return manage_stack(in);
    default:
      return import_or_call(in);
  }
}

// CPython reads a frame into memory at once, and a line that goes on behind it without its beginning: the same bytes
// are then other names for pickle.load than for pickle.loads. Picklers end frames between instructions and at STOP.
void PickleMachine::check_frame(const Instruction& in) {
  constexpr std::uint8_t frame = 0x95;
  if (in.at >= frame_end_ && in.opcode->code != frame) return;
  const bool inside = in.at < frame_end_;
  const bool ends = in.opcode->effect == Effect::stop;
  if (inside && (in.end > frame_end_ || in.opcode->code == frame || (ends && in.end < frame_end_))) {
    unresolved("crosses the end of a frame, where readers of pickles differ");
  }
  if (in.opcode->code == frame) frame_end_ = in.number > UINT64_MAX - in.end ? UINT64_MAX : in.end + in.number;
  if (ends) frame_end_ = 0;
}

void PickleMachine::manage_stack(const Instruction& in) {
  switch (in.opcode->effect) {
    case Effect::mark:
      return push({Kind::mark, 0, 0});
    case Effect::pop:
      if (stack_.empty()) return wrong("POP of nothing");
      stack_.pop_back();
      return;
    case Effect::pop_mark:
      pop_to_mark();
      return;
    case Effect::duplicate: {
      const auto value = pop();
      push(value);
      return push(value);
    }
    case Effect::gather_mark:
      return push({Kind::data, 0, 1 + pop_to_mark()});
    case Effect::add_mark:
      return add_to_container(pop_to_mark());
    default:
      break;
  }
  float count = 0;
  for (int i = 0; i < in.opcode->count; ++i) count += pop().count;
  if (in.opcode->effect == Effect::add) return add_to_container(count);
  push({Kind::data, 0, 1 + count});
}

void PickleMachine::import_or_call(const Instruction& in) {
  switch (in.opcode->effect) {
    case Effect::import_name:
      return push(import(in.text, in.second, in.cut));
    case Effect::import_stack:
      return import_from_stack();
    case Effect::import_extension:
      unresolved("imports number " + std::to_string(in.number) + " of copyreg's extension registry");
      return push({Kind::unknown});
    case Effect::persistent_stack:
      pop();
      [[fallthrough]];
    case Effect::persistent:
      findings_.add("pickle-persistent-id", std::string(in.opcode->name) + " at byte " + std::to_string(at_));
      return push({Kind::unknown});
    case Effect::call: {
      float arguments = 0;
      for (int i = 0; i < in.opcode->count; ++i) arguments += pop().count;
      return call(pop(), arguments);
    }
    case Effect::call_name: {
      const float arguments = pop_to_mark();
      return call(import(in.text, in.second, in.cut), arguments);
    }
    case Effect::call_mark: {
      Value callee{Kind::unknown};
      const float arguments = pop_to_mark(&callee);
      return call(callee, arguments);
    }
    default:
      return build();
  }
}

void PickleMachine::push_slow(Value value) {
  if (value.count > expansion_limit && !told_expansion_) {
    told_expansion_ = true;
    findings_.add("pickle-expansion", "at byte " + std::to_string(at_) + " a value holds more than 10^12 others");
  }
  if (stack_.size() >= stack_limit) {
    if (!told_limits_)
      findings_.add("pickle-limits",
                    "more than " + std::to_string(stack_limit) + " values on the stack at byte " + std::to_string(at_));
    told_limits_ = true;
    return;
  }
  stack_.push_back(value);
}

PickleMachine::Value PickleMachine::pop() {
  if (stack_.empty() || stack_.back().kind == Kind::mark) {
    wrong("a value is taken from an empty stack");
    return {Kind::unknown};
  }
  const auto value = stack_.back();
  stack_.pop_back();
  return value;
}

float PickleMachine::pop_to_mark(Value* first) {
  float count = 0;
  while (!stack_.empty()) {
    const auto value = stack_.back();
    stack_.pop_back();
    if (value.kind == Kind::mark) return count;
    if (first != nullptr) *first = value;
    count += value.count;
  }
  wrong("a mark is missing");
  return count;
}

void PickleMachine::add_to_container(float count) {
  if (stack_.empty()) return wrong("something is added to nothing");
  auto container = pop();
  container.count += count;
  if (container.kind == Kind::data && container.id != 0) memo_[container.id - 1].value.count = container.count;
  push(container);
}

void PickleMachine::push_text(const Instruction& in) {
  std::string_view text = in.text;
  if (in.opcode->code == 'S' && text.size() >= 2 && (text.front() == '\'' || text.front() == '"') &&
      text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  if (in.cut || !is_plain_name(text)) return push({Kind::data});
  if (texts_.size() < texts_limit) {
    const auto begin = static_cast<std::uint32_t>(texts_.size());
    texts_.append(text).push_back('\0');
    return push({Kind::text, begin});
  }
  recent_.resize(recent_kept);
  recent_[recent_count_ % recent_kept] = text;
  push({Kind::recent, recent_count_++});
}

std::string PickleMachine::text_of(const Value& value) const {
  if (value.kind == Kind::text) return texts_.c_str() + value.id;
  const bool kept = value.kind == Kind::recent && recent_count_ - value.id <= recent_kept;
  return kept ? recent_[value.id % recent_kept] : std::string();
}

std::uint64_t PickleMachine::memo_key(const Instruction& in) {
  if (in.opcode->argument == Argument::fixed) return in.number;
  std::uint64_t key = 0;
  const auto* end = in.text.data() + in.text.size();
  const auto [rest, error] = std::from_chars(in.text.data(), end, key);
  if (!in.cut && error == std::errc() && rest == end) return key;
  unresolved("has a memo key that no pickler writes");
  return UINT64_MAX;
}

void PickleMachine::put(std::uint64_t key) {
  if (stack_.empty() || stack_.back().kind == Kind::mark) return wrong("nothing is put into the memo");
  // Picklers number what they remember one after the other, and each of it took an instruction to make. CPython makes
  // its memo as long as the number says: seven bytes can ask it for 2^32 entries.
  if (key / 2 > instructions_ + memo_slack) {
    findings_.add("pickle-expansion", "at byte " + std::to_string(at_) + " entry " + std::to_string(key) +
                                          " of the memo is put after " + std::to_string(instructions_) +
                                          " instructions");
  }
  if (key >= memo_limit) {
    memo_full_ = true;
    ++memo_used_;
    return;
  }
  if (key >= memo_.size()) memo_.resize(key + 1);
  auto& entry = memo_[key];
  if (entry.value.kind == Kind::unset || entry.pickle != pickle_) ++memo_used_;
  auto& top = stack_.back();
  if (top.kind == Kind::data) top.id = static_cast<std::uint32_t>(key + 1);
  entry = {top, pickle_};
}

void PickleMachine::get(std::uint64_t key) {
  if (key < memo_.size() && memo_[key].value.kind != Kind::unset) {
    const auto& [value, pickle] = memo_[key];
    return push(pickle == pickle_ ? value : Value{Kind::unknown, 0, value.count});
  }
  if (!memo_full_) wrong("something is taken from the memo that was never put there");
  push({Kind::unknown});
}

PickleMachine::Value PickleMachine::import(const std::string& module, const std::string& name, bool cut) {
  if (cut) unresolved("imports a name of more than " + std::to_string(name_limit) + " bytes");
  const auto known = import_ids_.find({module, name});
  if (known != import_ids_.end()) {
    ++imports_[known->second].times;
    return {Kind::import, known->second};
  }
  if (imports_.size() >= imports_limit) {
    unresolved("imports more than " + std::to_string(imports_limit) + " different names");
    return {Kind::unknown};
  }
  const auto id = static_cast<std::uint32_t>(imports_.size());
  imports_.push_back({module, name, classify_import(module, name), at_, 1, false});
  const bool natural = is_plain_name(module) && is_plain_name(name);
  acts_ = acts_ || (natural && imports_.back().kind == Import::dangerous && first_error_.empty());
  import_ids_.emplace(std::pair(module, name), id);
  return {Kind::import, id};
}

void PickleMachine::import_from_stack() {
  const auto name = pop();
  const auto module = pop();
  const auto name_text = text_of(name);
  const auto module_text = text_of(module);
  if (!name_text.empty() && !module_text.empty()) return push(import(module_text, name_text, false));
  unresolved("imports a name that is not written in the pickle");
  push({Kind::unknown});
}

void PickleMachine::call(const Value& callee, float arguments) {
  acts_ = acts_ || first_error_.empty();
  if (callee.kind == Kind::import) {
    imports_[callee.id].called = true;
    return push({Kind::made, callee.id, 1 + arguments});
  }
  unresolved(callee.kind == Kind::made
                 ? "calls what " + quoted(imports_[callee.id].module, imports_[callee.id].name) + " returned"
                 : "calls something that it did not import");
  push({Kind::unknown, 0, 1 + arguments});
}

void PickleMachine::build() {
  const auto state = pop();
  auto object = pop();
  if (object.kind == Kind::import) {
    const auto& changed = imports_[object.id];
    unresolved("changes attributes of " + quoted(changed.module, changed.name) + " itself");
  }
  object.count += state.count;
  push(object);
}

void PickleMachine::end_of_pickle() {
  stack_.clear();
  ++pickle_;
  memo_used_ = 0;
}

void PickleMachine::wrong(const char* what) {
  if (first_error_.empty()) first_error_ = std::string(what) + " at byte " + std::to_string(at_);
}

void PickleMachine::unresolved(const std::string& what) {
  findings_.add("pickle-unresolved", "at byte " + std::to_string(at_) + " it " + what);
}

}  // namespace mlctl::validate
