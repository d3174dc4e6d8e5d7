// Evidence <-> JSON over the names in fields.h. In the report a reading that failed is null, and the object's
// `readingErrors` has its NVML code; a trace may also say {"error": 4} in its place.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "fields.h"
#include "json_reader.h"
#include "json_writer.h"

namespace gpu_smoke {

template <class T>
inline constexpr bool is_reading = false;
template <class T>
inline constexpr bool is_reading<Reading<T>> = true;
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

class JsonSaver {
 public:
  explicit JsonSaver(JsonWriter& json) : json_(json) {}

  template <class T>
  void operator()(const char* name, const T& value) {
    if constexpr (is_reading<T>) {
      part(name, value, value.value);
    } else {
      json_.key(name);
      write(value);
    }
  }
  template <class R, class T>
  void part(const char* name, const Reading<R>& reading, const T& value) {
    json_.key(name);
    if (reading.ok()) {
      write(value);
    } else {
      json_.null();
      errors_.emplace_back(name, reading.code);
    }
  }
  template <class T>
  void when(bool known, const char* name, const T& value) {
    json_.key(name);
    known ? write(value) : static_cast<void>(json_.null());
  }
  void constant(const char* name, const char* text) { json_.key(name).value(text); }

  template <class T>
  void object(const T& value) {
    json_.open('{');
    auto outer = std::exchange(errors_, {});
    fields(*this, value);
    if (!errors_.empty()) {
      json_.key("readingErrors").open('{');
      for (const auto& [name, code] : errors_) json_.key(name).value(code);
      json_.close('}');
    }
    errors_ = std::move(outer);
    json_.close('}');
  }

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (is_list<T>) {
      json_.open('[');
      for (const auto& item : value) write(item);
      json_.close(']');
    } else if constexpr (std::is_same_v<T, std::string>) {
      value.empty() ? json_.null() : json_.value(value);
    } else if constexpr (std::is_same_v<T, DataType>) {
      json_.value(info(value).name);
    } else if constexpr (std::is_arithmetic_v<T>) {
      json_.value(value);
    } else {
      object(value);
    }
  }

  JsonWriter& json_;
  std::vector<std::pair<const char*, int>> errors_;
};

// Absent fields keep their defaults. A value of the wrong kind is remembered in `problem`.
class JsonLoader {
 public:
  JsonLoader(const Json& json, std::string& problem) : json_(&json), problem_(problem) {}

  template <class T>
  void operator()(const char* name, T& value) {
    if constexpr (is_reading<T>) {
      part(name, value, value.value);
    } else if (const Json* found = json_->find(name)) {
      read(name, *found, value);
    }
  }
  // Several parts may be one reading: it was read when all of them were.
  template <class R, class T>
  void part(const char* name, Reading<R>& reading, T& value) {
    const Json* found = json_->find(name);
    const Json* error = found != nullptr ? found->find("error") : nullptr;
    if (found != nullptr && found->kind != Json::Kind::null && error == nullptr) {
      if (!has_failed(&reading)) reading.code = nvml::kSuccess;
      return read(name, *found, value);
    }
    const Json* errors = json_->find("readingErrors");
    if (found != nullptr && error == nullptr && errors != nullptr) error = errors->find(name);
    int code = nvml::kNotAsked;
    if (error != nullptr) read(name, *error, code);
    if (code == nvml::kSuccess) return wrong(name);  // neither a value nor an error
    if (!has_failed(&reading) || reading.code == nvml::kNotAsked) reading.code = code;
    failed_.push_back(&reading);
  }
  template <class T>
  void when(bool known, const char* name, T& value) {
    const Json* found = json_->find(name);
    if (found != nullptr && found->kind != Json::Kind::null) return read(name, *found, value);
    if (known) wrong(name);
  }
  void constant(const char*, const char*) {}

  template <class T>
  void object(T& value) {
    fields(*this, value);
  }

 private:
  void wrong(const char* name) {
    if (problem_.empty()) problem_ = std::string(name) + " is missing, of the wrong kind or out of range";
  }
  [[nodiscard]] bool has_failed(const void* reading) const {
    return std::find(failed_.begin(), failed_.end(), reading) != failed_.end();
  }

  template <class T>
  void read(const char* name, const Json& json, T& value) {
    using Kind = Json::Kind;
    if constexpr (is_list<T>) {
      if (json.kind != Kind::array) return wrong(name);
      value.clear();
      for (const auto& item : json.items) {
        if (std::is_arithmetic_v<typename T::value_type> && item.kind == Kind::null) return wrong(name);
        read(name, item, value.emplace_back());
      }
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (json.kind != Kind::string && json.kind != Kind::null) return wrong(name);
      value = json.string;
    } else if constexpr (std::is_same_v<T, DataType>) {
      for (const auto& row : kDataTypes) {
        if (json.string != row.name) continue;
        value = row.type;
        return;
      }
      wrong(name);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (json.kind != Kind::boolean) return wrong(name);
      value = json.boolean;
    } else if constexpr (std::is_arithmetic_v<T>) {
      // What is not a number is written as null. A count always is one.
      if (json.kind == Kind::null && std::is_floating_point_v<T>) return;
      if (json.kind != Kind::number) return wrong(name);
      value = to_number<T>(name, json);
    } else {
      if (json.kind == Kind::null) return;
      if (json.kind != Kind::object) return wrong(name);
      JsonLoader(json, problem_).object(value);
    }
  }

  // What does not fit is refused: cut off it would become another number, and 0 is often a good one.
  template <class T>
  T to_number(const char* name, const Json& json) {
    if constexpr (std::is_floating_point_v<T>) {
      return json.number;
    } else if constexpr (std::is_unsigned_v<T>) {
      if (json.whole && *json.whole <= std::numeric_limits<T>::max()) return static_cast<T>(*json.whole);
    } else {
      static_assert(sizeof(T) <= sizeof(int));  // a double has all of these
      const bool fits = json.number >= std::numeric_limits<T>::min() && json.number <= std::numeric_limits<T>::max();
      if (fits && std::trunc(json.number) == json.number) return static_cast<T>(json.number);
    }
    wrong(name);
    return T{};
  }

  const Json* json_;
  std::string& problem_;
  std::vector<const void*> failed_;  // readings of which a part is missing
};

}  // namespace gpu_smoke
