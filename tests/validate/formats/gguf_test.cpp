#include "validate/formats/gguf.h"

#include <cstring>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <tuple>

#include "tests/validate/formats/bytes.h"

namespace mlctl::validate {
namespace {

using namespace std::string_literals;
using test::little;

std::string text(const std::string& value) {
  return little(value.size(), 8) + value;
}
std::string key_text(const std::string& key, const std::string& value) {
  return text(key) + little(8, 4) + text(value);
}
std::string key_u32(const std::string& key, std::uint32_t value) {
  return text(key) + little(4, 4) + little(value, 4);
}
std::string tensor(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                   std::uint64_t offset) {
  std::string out = text(name) + little(shape.size(), 4);
  for (const auto extent : shape) out += little(extent, 8);
  return out + little(type, 4) + little(offset, 8);
}
struct File {
  std::vector<std::string> keys, tensors;
  std::size_t data = 0;  // bytes
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;

  [[nodiscard]] std::string head() const {
    std::string out = "GGUF" + little(version, 4) + little(tensors.size(), 8) + little(keys.size(), 8);
    for (const auto& key : keys) out += key;
    for (const auto& one : tensors) out += one;
    return out;
  }
  [[nodiscard]] std::string bytes() const {
    auto out = head();
    out.append((alignment - out.size() % alignment) % alignment, '\0');
    return out + std::string(data, '\0');
  }
};

std::vector<std::string> check(const std::string& bytes) {
  Input in{std::string_view(bytes)};
  Findings findings("m.gguf");
  std::ignore = check_gguf(in, findings);
  return test::lines(findings);
}

const File plain{
    {key_text("general.architecture", "llama")}, {tensor("a", {32, 2}, 0, 0), tensor("b", {32}, 8, 256)}, 256 + 34};

TEST_CASE("gguf: what is well-formed has no findings") {
  struct Case {
    std::string name, bytes, summary;
  };
  const auto nested = text("k") + little(9, 4) + little(9, 4) + little(2, 8) + little(4, 4) + little(1, 8) +
                      little(7, 4) + little(0, 4) + little(0, 8);
  for (const auto& c : std::vector<Case>{
           {"two tensors", plain.bytes(), "2 tensors of F32, Q8_0, version 3"},
           {"padded at the end", File{plain.keys, plain.tensors, 256 + 64}.bytes(), "2 tensors"},
           {"version 2", File{plain.keys, plain.tensors, 290, 2}.bytes(), "2 tensors of F32, Q8_0, version 2"},
           {"in another order than the data",
            File{{}, {tensor("b", {32}, 8, 256), tensor("a", {32, 2}, 0, 0)}, 290}.bytes(), "2 tensors"},
           {"another alignment",
            File{{key_u32("general.alignment", 64)}, {tensor("a", {1}, 0, 0), tensor("b", {1}, 0, 64)}, 68, 3, 64}
                .bytes(),
            "2 tensors of F32"},
           {"no tensors, a vocabulary only", File{plain.keys, {}, 0}.bytes(), "0 tensors"},
           {"no tensors, not padded", File{plain.keys, {}, 0}.head(), "0 tensors"},
           {"a dimension of zero", File{{}, {tensor("a", {0, 3}, 0, 0)}, 0}.bytes(), "1 tensor"},
           {"a number without dimensions", File{{}, {tensor("a", {}, 26, 0)}, 4}.bytes(), "1 tensor of I32"},
           {"lists of lists", File{{nested}, {}, 0}.bytes(), "0 tensors"},
           {"a harmless template",
            File{{key_text("tokenizer.chat_template", "{% for m in messages %}{{ m['role'] }}{% endfor %}")}, {}, 0}
                .bytes(),
            "0 tensors"},
       }) {
    CAPTURE(c.name);
    CHECK(check(c.bytes).empty());
    Input in{std::string_view(c.bytes)};
    Findings findings("m.gguf");
    CHECK(check_gguf(in, findings).starts_with(c.summary));
  }
}

TEST_CASE("gguf: what is not") {
  struct Case {
    std::string name, bytes, expected;
  };
  const auto keyed = [](const std::string& key) { return File{{key}, {}, 0}.bytes(); };
  const auto tensors = [](const std::vector<std::string>& all, std::size_t data) {
    return File{{}, all, data}.bytes();
  };
  const auto counts = [](std::uint64_t claimed, std::uint64_t keys) {
    return "GGUF" + little(3, 4) + little(claimed, 8) + little(keys, 8) + std::string(100, '\0');
  };
  const auto chat = [](const std::string& body) {
    return File{{key_text("tokenizer.chat_template", body)}, {}, 0}.bytes();
  };
  for (const auto& c : std::vector<Case>{
           {"empty", "", "gguf-header: it does not begin with GGUF"},
           {"only the mark", "GGUF", "gguf-header: the header ends"},
           {"version 1", "GGUF" + little(1, 4) + std::string(16, '\0'), "gguf-header: version 1; 2 and 3"},
           {"big-endian", "GGUF" + test::big(3, 4) + std::string(16, '\0'), "gguf-header: it is big-endian"},
           {"more tensors than bytes", counts(1ULL << 60U, 0), "gguf-header: it claims 1152921504606846976 tensors"},
           {"more keys than bytes", counts(0, 1000), "gguf-header: it claims 1000 keys"},
           {"a key twice", File{{key_u32("a", 1), key_u32("a", 2)}, {}, 0}.bytes(),
            "gguf-header: the key `a` stands there twice"},
           {"a key longer than the file", counts(0, 1).replace(24, 8, little(1ULL << 40U, 8)),
            "gguf-header: the header ends"},
           {"an unknown type of value", keyed(text("a") + little(13, 4) + little(0, 8)),
            "gguf-header: the key `a` has the unknown type 13"},
           {"a list longer than the file", keyed(text("a") + little(9, 4) + little(10, 4) + little(1ULL << 61U, 8)),
            "gguf-header: the header ends"},
           {"lists nested too deep",
            keyed(text("a") + little(9, 4) + little(9, 4) + little(1, 8) + little(9, 4) + little(1, 8) + little(9, 4) +
                  little(1, 8) + little(9, 4) + little(1, 8) + little(0, 4) + little(0, 8)),
            "gguf-header: the header ends"},
           {"an alignment of zero", keyed(key_u32("general.alignment", 0)), "gguf-header: general.alignment is 0"},
           {"an odd alignment", keyed(key_u32("general.alignment", 24)), "gguf-header: general.alignment is 24"},
           {"five dimensions", tensors({tensor("a", {1, 1, 1, 1, 1}, 0, 0)}, 4),
            "gguf-header: tensor `a` has 5 dimensions"},
           {"a tensor twice", tensors({tensor("a", {8}, 0, 0), tensor("a", {8}, 0, 32)}, 64),
            "gguf-tensor: tensor `a` stands there twice"},
           {"a type nobody knows", tensors({tensor("a", {8}, 4, 0)}, 32),
            "gguf-tensor: tensor `a` has the unknown type 4"},
           {"a shape that overflows", tensors({tensor("a", {1ULL << 40U, 1ULL << 40U}, 0, 0)}, 32),
            "gguf-tensor: tensor `a` has a shape"},
           {"a part of a block", tensors({tensor("a", {33}, 8, 0)}, 68),
            "gguf-tensor: tensor `a` has a shape that does not fill blocks of Q8_0"},
           {"a hole", tensors({tensor("a", {8}, 0, 0), tensor("b", {8}, 0, 64)}, 96),
            "gguf-layout: tensor `b` begins at 64, the one before it ends at 32"},
           {"an overlap", tensors({tensor("a", {16}, 0, 0), tensor("b", {8}, 0, 32)}, 64),
            "gguf-layout: tensor `b` begins at 32, the one before it ends at 64"},
           {"cut off", plain.bytes().substr(0, plain.bytes().size() - 1), "gguf-layout: the tensors end at byte"},
           {"a tail", plain.bytes() + std::string(100, 'x'), "gguf-layout: the tensors end at byte"},
           {"an end that overflows", tensors({tensor("a", {1ULL << 61U}, 24, 0), tensor("b", {8}, 0, 1ULL << 61U)}, 4),
            "gguf-layout: tensor `a` ends behind the file"},
           {"a template that leaves Jinja", chat("{{ ().__class__.__base__.__subclasses__() }}"),
            "gguf-template: `tokenizer.chat_template` uses `__class__`"},
           {"a template that hides it", chat(R"({{ ''| attr ("\x5f\x5fclass\x5f\x5f") }})"),
            "gguf-template: `tokenizer.chat_template` uses `|attr(`"},
       }) {
    CAPTURE(c.name);
    const auto found = check(c.bytes);
    REQUIRE(found.size() >= 1);
    CHECK_MESSAGE(found[0].starts_with(c.expected), found[0]);
  }
}

TEST_CASE("gguf: every cut is found, and says the same in pieces") {
  const auto whole = plain.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(check(whole.substr(0, size)).empty());
  }
}

}  // namespace
}  // namespace mlctl::validate
