// Which format a file has, by its first bytes and, where those do not tell, by its name.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "registry/files.h"

namespace mlctl::registry {
namespace {

using std::string_view;

string_view file_name(string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string extension(string_view path) {
  const auto name = file_name(path);
  const auto dot = name.rfind('.');
  if (dot == string_view::npos || dot == 0) return "";
  std::string text(name.substr(dot + 1));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return text;
}

bool one_of(string_view text, std::initializer_list<string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

unsigned char byte_at(string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

// safetensors: the header's length as a little-endian u64, then a JSON object.
bool is_safetensors(string_view bytes) {
  if (bytes.size() < 10 || bytes[8] != '{') return false;
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8U | byte_at(bytes, i);
  return length >= 2 && length <= 1U << 30U;
}

// Protocols 2 to 5 begin with PROTO; 0 and 1 have no mark, so that only their names can tell.
bool is_pickle(string_view bytes) {
  return bytes.size() >= 2 && byte_at(bytes, 0) == 0x80 && byte_at(bytes, 1) <= 5;
}

bool is_xgboost_ubj(string_view bytes) {
  return bytes.size() > 12 && bytes[0] == '{' && string_view("iUIlL").find(bytes[1]) != string_view::npos &&
         bytes.substr(0, 64).find("learner") != string_view::npos;
}

string_view skip_space(string_view text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  return start == string_view::npos ? string_view() : text.substr(start);
}

bool is_xgboost_json(string_view bytes) {
  const auto text = skip_space(bytes);
  return !text.empty() && text[0] == '{' && text.find("\"learner\"") != string_view::npos;
}

// An ONNX file is a protobuf ModelProto: ir_version (field 1, a small varint), then the producer's name (field 2).
bool is_onnx(string_view bytes) {
  return bytes.size() > 3 && bytes[0] == 0x08 && byte_at(bytes, 1) > 0 && byte_at(bytes, 1) < 0x40 &&
         bytes[2] == 0x12 && byte_at(bytes, 3) < 0x80;
}

bool is_text(string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7f || (byte < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f');
  });
}

Format by_content(string_view path, string_view bytes) {
  const auto suffix = extension(path);
  if (is_pickle(bytes)) return Format::pickle;
  if (bytes.substr(0, 4) == "GGUF") return Format::gguf;
  if (is_safetensors(bytes)) return Format::safetensors;
  if (bytes.substr(0, 4) == "PK\x03\x04")
    return bytes.find("data.pkl") != string_view::npos || one_of(suffix, {"pt", "pth", "ckpt"}) ? Format::pytorch_zip
                                                                                                : Format::unknown;
  if (is_xgboost_ubj(bytes)) return Format::xgboost_ubj;
  if (is_xgboost_json(bytes)) return Format::xgboost_json;
  if (is_onnx(bytes)) return Format::onnx;
  if (bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n" || bytes.substr(0, 3) == "\xff\xd8\xff") return Format::image;
  return Format::unknown;
}

Format by_name(string_view path) {
  static constexpr std::array<std::pair<string_view, Format>, 26> suffixes{{
      {"json", Format::json},  {"yaml", Format::yaml},  {"yml", Format::yaml},    {"toml", Format::toml},
      {"py", Format::python},  {"sh", Format::shell},   {"md", Format::markdown}, {"rst", Format::text},
      {"txt", Format::text},   {"csv", Format::csv},    {"tsv", Format::csv},     {"jsonl", Format::json},
      {"cfg", Format::toml},   {"ini", Format::toml},   {"conf", Format::toml},   {"properties", Format::toml},
      {"pbtxt", Format::toml}, {"jinja", Format::text}, {"html", Format::text},   {"svg", Format::image},
      {"cff", Format::yaml},   {"bib", Format::text},   {"lock", Format::text},   {"pyi", Format::python},
      {"ipynb", Format::json}, {"bash", Format::shell},
  }};
  const auto suffix = extension(path);
  for (const auto& [known, format] : suffixes)
    if (suffix == known) return format;
  if (one_of(file_name(path), {"LICENSE", "LICENCE", "NOTICE", "README", "CHANGELOG", "AUTHORS", "COPYING", "Makefile",
                               "Dockerfile", ".gitignore", ".gitattributes", ".gitkeep", ".dockerignore"}))
    return Format::text;
  return Format::unknown;
}

}  // namespace

Format detect_format(string_view path, string_view first_bytes) {
  const auto bytes = first_bytes.substr(0, detect_bytes);
  if (const auto format = by_content(path, bytes); format != Format::unknown) return format;
  // A name that promises weights is believed even where the content does not look like it: the format's own check says
  // what is wrong.
  const auto suffix = extension(path);
  if (one_of(suffix, {"pkl", "pickle", "joblib"})) return Format::pickle;
  if (suffix == "safetensors") return Format::safetensors;
  if (suffix == "onnx") return Format::onnx;
  if (suffix == "gguf") return Format::gguf;
  if (suffix == "ubj") return Format::xgboost_ubj;
  if (!is_text(bytes)) return Format::unknown;
  // LightGBM's text models call themselves .txt.
  if (bytes.substr(0, 5) == "tree\n" || bytes.substr(0, 6) == "tree\r\n") return Format::unknown;
  if (const auto format = by_name(path); format != Format::unknown) return format;
  return bytes.substr(0, 2) == "#!" ? Format::shell : Format::unknown;
}

Role role_of(Format format) {
  switch (format) {
    case Format::json:
    case Format::yaml:
    case Format::toml:
      return Role::config;
    case Format::python:
    case Format::shell:
      return Role::code;
    case Format::markdown:
    case Format::text:
    case Format::csv:
    case Format::image:
      return Role::doc;
    case Format::safetensors:
    case Format::onnx:
    case Format::gguf:
    case Format::xgboost_json:
    case Format::xgboost_ubj:
    case Format::pickle:
    case Format::pytorch_zip:
    case Format::unknown:
      return Role::weights;
  }
  return Role::weights;
}

const char* to_string(Format format) {
  switch (format) {
    case Format::safetensors:
      return "safetensors";
    case Format::onnx:
      return "onnx";
    case Format::gguf:
      return "gguf";
    case Format::xgboost_json:
      return "xgboost-json";
    case Format::xgboost_ubj:
      return "xgboost-ubj";
    case Format::pickle:
      return "pickle";
    case Format::pytorch_zip:
      return "pytorch-zip";
    case Format::json:
      return "json";
    case Format::yaml:
      return "yaml";
    case Format::toml:
      return "toml";
    case Format::python:
      return "python";
    case Format::shell:
      return "shell";
    case Format::markdown:
      return "markdown";
    case Format::text:
      return "text";
    case Format::csv:
      return "csv";
    case Format::image:
      return "image";
    case Format::unknown:
      return "unknown";
  }
  return "unknown";
}

const char* to_string(Role role) {
  switch (role) {
    case Role::weights:
      return "weights";
    case Role::config:
      return "config";
    case Role::code:
      return "code";
    case Role::doc:
      return "doc";
  }
  return "weights";
}

std::optional<Role> role_named(string_view name) {
  for (const auto role : {Role::weights, Role::config, Role::code, Role::doc})
    if (name == to_string(role)) return role;
  return std::nullopt;
}

}  // namespace mlctl::registry
