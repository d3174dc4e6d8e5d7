// JSON text, indented by two, commas placed by itself. Strings are escaped; bytes that are not printable
// ASCII become \u00XX, so that the output is valid whatever a driver or a host calls itself.
#pragma once

#include <cstdint>
#include <string>

namespace gpu_smoke {

class JsonWriter {
 public:
  JsonWriter& key(const std::string& name);
  JsonWriter& open(char bracket);   // '{' or '['
  JsonWriter& close(char bracket);  // '}' or ']'
  JsonWriter& value(const std::string& text);
  JsonWriter& value(const char* text) { return value(std::string(text)); }
  JsonWriter& value(bool flag) { return raw(flag ? "true" : "false"); }
  JsonWriter& value(std::int64_t number) { return raw(std::to_string(number)); }
  JsonWriter& value(std::uint64_t number) { return raw(std::to_string(number)); }
  JsonWriter& value(int number) { return raw(std::to_string(number)); }
  JsonWriter& value(unsigned number) { return raw(std::to_string(number)); }
  JsonWriter& value(double number);  // finite numbers; others become null
  JsonWriter& null() { return raw("null"); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  JsonWriter& raw(const std::string& token);
  void separate();

  std::string text_;
  int depth_ = 0;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace gpu_smoke
