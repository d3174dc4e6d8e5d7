#include "validate/files.h"

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <unistd.h>

#include "base/filesystem.h"
#include "tests/validate/formats/bytes.h"

namespace mlctl::validate {
namespace {

using namespace std::string_literals;
using registry::ModelFile;

ModelFile file(const std::string& path, const std::string& bytes) {
  const auto format = registry::detect_format(path, bytes);
  return {path,
          registry::role_of(format),
          format,
          bytes.size(),
          false,
          "",
          [bytes]() -> Result<std::unique_ptr<registry::ByteSource>> { return registry::bytes_source(bytes); }};
}

const auto good = test::safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
const auto evil = "\x80\2cos\nsystem\n(U\2idtR."s;

Report check(const std::vector<ModelFile>& files) {
  return validate_files({}, files);
}

TEST_CASE("validate_files: one check per file that counts as weights") {
  struct Case {
    std::string name;
    std::string path, bytes;
    Verdict verdict;
    std::string reason;
  };
  for (const auto& c : std::vector<Case>{
           {"a good file", "m.safetensors", good, Verdict::pass, "safetensors, 1 tensor of F32, 70 B"},
           {"a format that nobody knows", "m.bin", "\1\2\3\4", Verdict::fail,
            "the content is none of safetensors, GGUF, ONNX"},
           {"a zip of PyTorch", "m.pt", "PK\3\4....", Verdict::fail, "pytorch-zip is none of"},
           {"a pickle that runs a command", "m.pkl", evil, Verdict::fail, "imports `os.system` at byte 2 and calls it"},
           {"a pickle with a class of one's own: open", "m.pkl", "\x80\2cmine\nNet\n)\x81.", Verdict::inconclusive,
            "imports `mine.Net`"},
           {"a pickle named safetensors", "m.safetensors", evil, Verdict::fail, "imports `os.system`"},
           {"a broken file named safetensors", "m.safetensors", "garbage!garbage!", Verdict::fail, "header claims"},
           {"an empty file", "m.onnx", "", Verdict::fail, "0 bytes"},
           {"a pickle named like text", "README.md", evil, Verdict::fail, "imports `os.system`"},
       }) {
    CAPTURE(c.name);
    const auto report = check({file(c.path, c.bytes)});
    REQUIRE(report.checks.size() == 1);
    CHECK(report.checks[0].name == c.path);
    CHECK(report.checks[0].verdict == c.verdict);
    CHECK_MESSAGE(report.checks[0].reason.starts_with(c.reason), report.checks[0].reason);
    CHECK(overall(report) == c.verdict);
    CHECK(report.kind == "validate");
  }
}

TEST_CASE("validate_files: a name that claims another format is a finding of its own") {
  const auto report = check({file("m.onnx", good)});
  REQUIRE(report.checks[0].findings.size() == 1);
  CHECK(report.checks[0].findings[0].rule == "extension-mismatch");
  CHECK(report.checks[0].findings[0].message == "named .onnx, but the content is safetensors");
}

TEST_CASE("validate_files: other files are no pickles in disguise") {
  const auto fine =
      check({file("m.safetensors", good), file("serve.py", "import os\n"), file("README.md", "# Hello\n")});
  REQUIRE(fine.checks.size() == 2);
  CHECK(fine.checks[1].name == "other files");
  CHECK(fine.checks[1].reason == "2 files: no pickle in disguise; code and text are not judged");
  CHECK(overall(fine) == Verdict::pass);

  const auto hidden = check({file("m.safetensors", good), file("notes.txt", "cos\nsystem\n(S'id'\ntR.")});
  CHECK(hidden.checks[1].verdict == Verdict::fail);
  CHECK(hidden.checks[1].findings[0].rule == "pickle-disguised");
  CHECK(hidden.checks[1].findings[0].file == "notes.txt");
}

TEST_CASE("validate_files: no weights at all is not a pass") {
  CHECK(overall(check({})) == Verdict::skipped);
  CHECK(overall(check({file("serve.py", "pass\n")})) == Verdict::skipped);
}

TEST_CASE("validate_files: a role given by hand spares unknown bytes, but no pickle") {
  auto unknown = file("vocabulary.bin", "\1\2\3\4");
  unknown.role = registry::Role::config;
  auto pickle = file("helper.pkl", evil);
  pickle.role = registry::Role::doc;
  const auto report = check({file("m.safetensors", good), unknown, pickle});
  REQUIRE(report.checks.size() == 3);
  CHECK(report.checks[0].name == "helper.pkl");
  CHECK(report.checks[0].verdict == Verdict::fail);
  CHECK(report.checks[2].verdict == Verdict::pass);
}

TEST_CASE("validate_files: weights that cannot be checked do not pass under another role") {
  auto zip = file("m.pt", "PK\3\4....");
  REQUIRE(zip.format == registry::Format::pytorch_zip);
  zip.role = registry::Role::doc;
  const auto report = check({file("m.safetensors", good), zip});
  REQUIRE(report.checks.size() == 2);
  CHECK(report.checks[0].name == "m.pt");
  REQUIRE(report.checks[0].verdict == Verdict::fail);
  CHECK(report.checks[0].findings[0].rule == "unknown-format");
}

TEST_CASE("validate_files: what cannot be read is an error, not a pass") {
  auto broken = file("m.safetensors", good);
  broken.open = []() -> Result<std::unique_ptr<registry::ByteSource>> {
    return Error{Error::Kind::unavailable, "disk on fire", ""};
  };
  const auto report = check({broken});
  CHECK(report.checks[0].verdict == Verdict::error);
  CHECK(report.checks[0].reason == "could not be read: disk on fire");
}

TEST_CASE("validate_files: the data beside an ONNX model belong to it; links do not") {
  const auto entry = [](const std::string& key, const std::string& value) {
    return test::field(13, test::field(1, key) + test::field(2, value));
  };
  const auto tensor =
      test::field(1, 2) + test::field(2, 1) + test::field(8, "w") + entry("location", "w.bin") + test::field(14, 1);
  const auto model = test::field(1, 9) + test::field(2, "t") + test::field(7, test::field(5, tensor)) +
                     test::field(8, test::field(2, 17));
  const std::vector<ModelFile> files{file("m.onnx", model), file("w.bin", std::string(8, '\1'))};
  const auto report = check(files);
  REQUIRE(report.checks.size() == 2);
  CHECK(report.checks[1].name == "w.bin");
  CHECK(report.checks[1].verdict == Verdict::pass);
  CHECK(report.checks[1].reason == "holds tensors of an ONNX model, 8 B");

  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  REQUIRE(write_file(folder->path() / "w.bin", std::string(8, '\1')));
  CHECK(overall(validate_files(folder->path(), files)) == Verdict::pass);
  REQUIRE(::link((folder->path() / "w.bin").c_str(), (folder->path() / "other").c_str()) == 0);
  const auto linked = validate_files(folder->path(), files);
  CHECK(linked.checks[0].verdict == Verdict::fail);
  CHECK(linked.checks[0].findings[0].rule == "onnx-external-data");
}

// Files that the libraries themselves wrote; see fixtures/make.py.
TEST_CASE("validate_files: what the libraries write is judged as it should be") {
  const auto* source = std::getenv("MLCTL_SOURCE");
  if (source == nullptr) {
    MESSAGE("skipped: MLCTL_SOURCE does not say where the fixtures are");
    return;
  }
  const auto folder = std::filesystem::path(source) / "tests" / "validate" / "fixtures";
  auto files = registry::collect_files(folder, {});
  REQUIRE(files);
  const auto report = validate_files(folder, *files);
  int pickles = 0;
  for (const auto& one : report.checks) {
    CAPTURE(one.name);
    CAPTURE(one.reason);
    const bool is_evil = one.name.starts_with("evil-");
    CHECK(one.verdict == (is_evil ? Verdict::fail : one.name == "custom.onnx" ? Verdict::inconclusive : Verdict::pass));
    pickles += is_evil;
    if (is_evil) CHECK(one.findings[0].rule == "pickle-dangerous-import");
  }
  CHECK(pickles == 6);
  CHECK(report.checks.size() >= 30);
}

}  // namespace
}  // namespace mlctl::validate
