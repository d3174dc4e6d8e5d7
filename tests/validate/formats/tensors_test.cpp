#include "validate/formats/tensors.h"

#include <cstring>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

#include "tests/validate/formats/bytes.h"

namespace mlctl::validate {
namespace {

using registry::Format;
using test::field;
using test::safetensors;

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(std::getenv("MLCTL_SOURCE")) + "/tests/validate/fixtures/" + name, std::ios::binary);
  REQUIRE(file.good());
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

std::vector<std::string> lines(const TensorList& list) {
  std::vector<std::string> out;
  for (const auto& tensor : list.tensors) out.push_back(tensor.name + ": " + to_string(tensor));
  return out;
}

TensorList listed(Format format, const std::string& bytes) {
  Input in{std::string_view(bytes)};
  auto list = list_tensors(format, in);
  REQUIRE_MESSAGE(list, (list ? "" : list.error().message));
  return *list;
}

TEST_CASE("tensors of the files that the libraries write") {
  const auto gguf = listed(Format::gguf, fixture("model.gguf"));
  CHECK(lines(gguf) == std::vector<std::string>{"blk.0.attn_q.weight: Q8_0 [64, 4]", "output.bias: F16 [4]",
                                                "token_embd.weight: F32 [64, 8]"});
  CHECK(gguf.metadata.at("general.architecture") == "llama");
  CHECK(gguf.metadata.at("llama.block_count") == "1");
  CHECK(gguf.metadata.at("tokenizer.ggml.tokens").starts_with("3 items, sha256 "));
  CHECK(listed(Format::safetensors, fixture("model.safetensors")).tensors.size() > 1);
  const auto onnx = listed(Format::onnx, fixture("plain.onnx"));
  CHECK(onnx.metadata.at("opset") == "17");
  CHECK(lines(onnx) == std::vector<std::string>{"h: float16 [3]", "s: int4 [3]", "t: float [2]", "w: float [4, 2]",
                                                "words: string [2]"});
  CHECK(onnx.metadata.at("input x") == "float [n, 4]");
}

TEST_CASE("tensors: names, types and shapes") {
  const auto list =
      listed(Format::safetensors,
             safetensors(R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
                         R"("a":{"dtype":"I8","shape":[],"data_offsets":[12,13]}})",
                         13));
  CHECK(lines(list) == std::vector<std::string>{"a: I8 []", "b: BF16 [2, 3]"});
  CHECK(list.metadata == std::map<std::string, std::string>{{"format", "pt"}});

  const auto value_info = [](const std::string& name, const std::string& dims) {
    return field(1, name) + field(2, field(1, field(1, std::uint64_t{1}) + field(2, dims)));
  };
  const auto graph = field(5, field(1, std::uint64_t{4}) + field(1, std::uint64_t{2}) + field(2, std::uint64_t{10}) +
                                  field(8, "w") + field(9, std::string(16, 'x'))) +
                     field(5, field(1, std::string("\x03\x05")) + field(2, std::uint64_t{99}) + field(8, "v")) +
                     field(11, value_info("x", field(1, field(2, "N")) + field(1, field(1, std::uint64_t{4})))) +
                     field(12, value_info("y", field(1, std::string())));
  const auto onnx =
      listed(Format::onnx, field(1, std::uint64_t{8}) + field(2, "pytorch") + field(3, "2.1") + field(7, graph) +
                               field(8, field(2, std::uint64_t{17})) + field(14, field(1, "owner") + field(2, "risk")));
  CHECK(lines(onnx) == std::vector<std::string>{"v: type 99 [3, 5]", "w: float16 [4, 2]"});
  CHECK(onnx.metadata == std::map<std::string, std::string>{{"input x", "float [N, 4]"},
                                                            {"ir_version", "8"},
                                                            {"opset", "17"},
                                                            {"output y", "float [?]"},
                                                            {"owner", "risk"},
                                                            {"producer", "pytorch 2.1"}});
}

TEST_CASE("tensors: a broken header is an error, never a list") {
  for (const auto& [format, bytes] : {std::pair<Format, std::string>{Format::safetensors, "garbage!garbage!"},
                                      {Format::gguf, "GGUF"},
                                      {Format::onnx, "garbage"},
                                      {Format::onnx, field(1, std::uint64_t{8})}}) {
    Input in{std::string_view(bytes)};
    auto list = list_tensors(format, in);
    REQUIRE_FALSE(list);
    CHECK(list.error().kind == Error::Kind::corrupt);
  }
}

TEST_CASE("tensors: weights are jumped over, not read") {
  const std::uint64_t weights = 64U << 20U;
  const auto inner = field(1, std::uint64_t{1}) + field(2, std::uint64_t{1}) + field(8, "w") +
                     test::varint(9U << 3U | 2U) + test::varint(weights);
  const auto behind = field(5, field(8, "z") + field(2, std::uint64_t{1}));
  const auto tensor = test::varint(5U << 3U | 2U) + test::varint(inner.size() + weights) + inner;
  const auto graph = test::varint(7U << 3U | 2U) + test::varint(tensor.size() + weights + behind.size()) + tensor;
  const std::uint64_t size = graph.size() + weights + behind.size();
  std::uint64_t at = 0, read = 0;
  Input in(
      [&](char* into, std::size_t room) -> Result<std::size_t> {
        std::size_t given = 0;
        for (; given < room && at < size; ++given, ++at)
          into[given] = at < graph.size()             ? graph[static_cast<std::size_t>(at)]
                        : at < graph.size() + weights ? '\0'
                                                      : behind[static_cast<std::size_t>(at - graph.size() - weights)];
        read += given;
        return given;
      },
      size,
      [&](std::uint64_t skipped) {
        at += skipped;
        return ok();
      });
  auto list = list_tensors(Format::onnx, in);
  REQUIRE_MESSAGE(list, (list ? "" : list.error().message));
  CHECK(list->tensors.size() == 2);
  CHECK(list->tensors.back().name == "z");
  CHECK(read < 1U << 20U);
}

}  // namespace
}  // namespace mlctl::validate
