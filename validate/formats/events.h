// A document as a stream of events, whatever it was written in: JSON and UBJSON files are read through the same eyes,
// in constant memory. Depth, key and string sizes are bounded by the readers.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "validate/formats/input.h"

namespace mlctl::validate {

struct Scalar {
  enum class Kind { integer, real, text, boolean, null };
  Kind kind = Kind::null;
  std::int64_t integer = 0;  // also of a boolean: 0 or 1
  double real = 0;           // also of an integer
  std::string_view text{};   // valid during the call only

  [[nodiscard]] bool numeric() const { return kind == Kind::integer || kind == Kind::real; }
};

// Each returns false to stop the reader.
struct Events {
  virtual ~Events() = default;
  virtual bool begin(bool list) = 0;
  virtual bool key(std::string_view name) = 0;
  virtual bool end() = 0;
  virtual bool scalar(const Scalar& value) = 0;
};

inline constexpr std::size_t depth_limit = 64;
inline constexpr std::size_t string_limit = 16U << 20U;  // bytes of one key or string

// Reads one document of `size` bytes (JSON) or to its end (UBJSON, where nothing may follow). Returns what is wrong
// with its syntax, or nullopt. A reader stopped by an event says nothing: the consumer knows why.
[[nodiscard]] std::optional<std::string> read_json(Input& in, std::uint64_t size, Events& events);
[[nodiscard]] std::optional<std::string> read_ubjson(Input& in, Events& events);

// Follows the events and tells a consumer where each value stands. path() is made of keys ('/' and '\' in a key are
// preceded by '\') and "[]" for the items of a list: "learner/trees/[]/left_children/[]".
class Consumer : public Events {
 public:
  // The first contradiction that made the consumer stop, or empty.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool begin(bool list) final;
  bool key(std::string_view name) final;
  bool end() final;
  bool scalar(const Scalar& value) final;

 protected:
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& last_key() const { return key_; }  // as it was written
  [[nodiscard]] std::size_t depth() const { return frames_.size(); }
  // A list or an object begins or ends at path().
  virtual void enter(bool list) = 0;
  virtual void leave(bool list) = 0;
  virtual void value(const Scalar& value) = 0;
  void stop(std::string problem);

 private:
  struct Frame {
    std::size_t path_size = 0;  // of the container itself
    bool list = false;
    std::set<std::string, std::less<>> keys;
    std::size_t key_bytes = 0;
  };
  std::string path_;
  std::string key_;
  std::string problem_;
  std::vector<Frame> frames_;
};

}  // namespace mlctl::validate
