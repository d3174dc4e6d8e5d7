// GGUF, llama.cpp's format: a header of typed metadata and of tensors (name, type, shape, offset), then the tensors'
// bytes, aligned. Versions 2 and 3, little-endian; only the header is read.
// Source: ggml's docs/gguf.md and the checks of its reader (gguf.cpp).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "validate/formats/input.h"
#include "validate/rules.h"

namespace mlctl::validate {

struct GgufTensor {
  std::string name;
  std::uint32_t type = 0;
  std::vector<std::uint64_t> shape;  // the fastest dimension first, as in the file
  std::uint64_t offset = 0;          // bytes from the beginning of the data
};
struct Gguf {
  std::uint32_t version = 0;
  std::uint64_t alignment = 32;  // bytes
  std::vector<GgufTensor> tensors;
  std::map<std::string, std::string> metadata;                 // long values as their length and digest
  std::vector<std::pair<std::string, std::string>> templates;  // chat templates: key, text
};
// Up to the data; what is wrong, or nullopt. Nothing is kept by a count that the bytes only claim.
[[nodiscard]] std::optional<std::string> read_gguf(Input& in, Gguf& file);
// Bytes of its values; nullopt: an unknown type, or a shape that overflows or does not fill the type's blocks.
[[nodiscard]] std::optional<std::uint64_t> gguf_bytes(const GgufTensor& tensor);
// "Q4_K"; "type 99" for one that nobody knows.
[[nodiscard]] std::string gguf_type(std::uint32_t type);

// Adds what is wrong; returns what is there ("291 tensors of F32, Q4_K, version 3").
[[nodiscard]] std::string check_gguf(Input& in, Findings& findings);

}  // namespace mlctl::validate
