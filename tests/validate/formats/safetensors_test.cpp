#include "validate/formats/safetensors.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <tuple>

#include "tests/validate/formats/bytes.h"

namespace mlctl::validate {
namespace {

using namespace std::string_literals;
using test::safetensors;

std::vector<std::string> check(const std::string& bytes) {
  Input in{std::string_view(bytes)};
  Findings findings("m.safetensors");
  std::ignore = check_safetensors(in, findings);
  return test::lines(findings);
}

const auto f32 = R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})"s;

TEST_CASE("safetensors: what is well-formed has no findings") {
  struct Case {
    std::string name;
    std::string bytes;
    const char* summary;
  };
  for (
      const auto& c : std::vector<Case>{
          {"one tensor", safetensors(f32, 16), "1 tensor of F32"},
          {"no tensors", safetensors("{}", 0), "0 tensors"},
          {"white space behind the header", safetensors(f32 + "   ", 16), "1 tensor of F32"},
          {"metadata of strings", safetensors(R"({"__metadata__":{"format":"pt"}})", 0), "0 tensors"},
          {"no dimensions: one value", safetensors(R"({"a":{"dtype":"I8","shape":[],"data_offsets":[0,1]}})", 1),
           "1 tensor of I8"},
          {"a dimension of zero", safetensors(R"({"a":{"dtype":"F64","shape":[0,9],"data_offsets":[0,0]}})", 0),
           "1 tensor of F64"},
          {"order of the header is not order of the data",
           safetensors(
               R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}})",
               3),
           "2 tensors of I8, U8"},
          {"names may hold slashes", safetensors(R"({"x/dtype":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
           "1 tensor of U8"},
          {"four bits an element", safetensors(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}})", 2),
           "1 tensor of F4"},
      }) {
    CAPTURE(c.name);
    Input in{std::string_view(c.bytes)};
    Findings findings("m.safetensors");
    CHECK(check_safetensors(in, findings) == c.summary);
    CHECK(test::lines(findings).empty());
  }
}

TEST_CASE("safetensors: what is wrong is named with its numbers") {
  struct Case {
    std::string name;
    std::string bytes;
    const char* expected;
  };
  const auto two = [](const char* second) {
    return safetensors(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":)"s + second + "}", 8);
  };
  for (
      const auto& c : std::vector<Case>{
          {"shorter than a length", "abc", "safetensors-header: file has 3 bytes"},
          {"a header beyond the limit", test::little(100'000'001, 8), "safetensors-header: header claims 100000001"},
          {"a length of 2^64-1", std::string(8, '\xff') + "{}",
           "safetensors-header: header claims 18446744073709551615"},
          {"a header longer than the file", test::little(50, 8) + "{}",
           "safetensors-header: header claims 50 bytes, file has 2"},
          {"no JSON", safetensors("{\"a\":", 0), "safetensors-header: header is not JSON"},
          {"a list", safetensors("[]", 0), "safetensors-header: header does not begin with `{`"},
          {"blank space before the header", safetensors(" {}", 0),
           "safetensors-header: header does not begin with `{`"},
          {"a header of nothing", safetensors("", 0), "safetensors-header: header is not JSON"},
          {"a byte order mark", safetensors("\xef\xbb\xbf{}", 0),
           "safetensors-header: header begins with a byte order mark"},
          {"bytes that are no UTF-8", safetensors("{\"\xff\":1}", 0), "safetensors-header: header is not JSON"},
          {"the same name twice",
           safetensors(
               R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
               0),
           "safetensors-header: header has the key `a` twice"},
          {"the same field twice",
           safetensors(R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0),
           "safetensors-header: header has the key `dtype` twice"},
          {"metadata that are no strings", safetensors(R"({"__metadata__":{"a":1}})", 0),
           "safetensors-header: header `__metadata__/a` is not a string"},
          {"a field nobody knows", safetensors(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"extra":1}})", 0),
           "safetensors-header: header `a/extra` holds something else"},
          {"a negative offset", safetensors(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[-1,0]}})", 0),
           "safetensors-header: header `a/data_offsets/[]` holds something else"},
          {"an offset that is no whole number",
           safetensors(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0.0,0]}})", 0),
           "safetensors-header: header `a/data_offsets/[]` holds something else"},
          {"nested too deep", safetensors(R"({"a":{"shape":[[[1]]]}})", 0),
           "safetensors-header: header `a/shape/[]` is nested too deep"},
          {"a type nobody knows", safetensors(R"({"a":{"dtype":"F9","shape":[0],"data_offsets":[0,0]}})", 0),
           "safetensors-tensor: tensor `a` has the unknown type `F9`"},
          {"no shape", safetensors(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1),
           "safetensors-tensor: tensor `a` lacks a shape"},
          {"three offsets", safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}})", 1),
           "safetensors-tensor: tensor `a` lacks"},
          {"a size that overflows 64 bits",
           safetensors(
               R"({"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,0]}})", 0),
           "safetensors-tensor: tensor `a` has a shape whose size is no number of bytes"},
          {"half a byte", safetensors(R"({"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}})", 1),
           "safetensors-tensor: tensor `a` has a shape whose size is no number of bytes"},
          {"more bytes than the shape needs",
           safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 8),
           "safetensors-tensor: tensor `a` has 8 bytes, its shape and type need 4"},
          {"an end before its beginning", safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[4,1]}})", 4),
           "safetensors-tensor: tensor `a` ends before it begins"},
          {"a hole", two(R"({"dtype":"U8","shape":[3],"data_offsets":[5,8]})"),
           "safetensors-layout: tensor `b` begins at 5, the one before it ends at 4"},
          {"an overlap", two(R"({"dtype":"U8","shape":[5],"data_offsets":[3,8]})"),
           "safetensors-layout: tensor `b` begins at 3, the one before it ends at 4"},
          {"bytes behind the last tensor", safetensors(f32, 17),
           "safetensors-layout: header claims 16 bytes of data, file has 17"},
          {"a file that was cut off", safetensors(f32, 15),
           "safetensors-layout: header claims 16 bytes of data, file has 15"},
      }) {
    CAPTURE(c.name);
    const auto found = check(c.bytes);
    REQUIRE(found.size() >= 1);
    CHECK_MESSAGE(found[0].starts_with(c.expected), found[0]);
  }
}

TEST_CASE("safetensors: only the header is read") {
  const auto head = test::little(f32.size(), 8) + f32;
  std::size_t given = 0;
  Input in(
      [&](char* into, std::size_t size) -> Result<std::size_t> {
        const auto part = std::min(size, head.size() - given);
        std::copy_n(head.data() + given, part, into);
        given += part;
        REQUIRE(part > 0);  // nobody asks for more
        return part;
      },
      head.size() + 16);
  Findings findings("m");
  CHECK(check_safetensors(in, findings) == "1 tensor of F32");
  CHECK(test::lines(findings).empty());
}

}  // namespace
}  // namespace mlctl::validate
