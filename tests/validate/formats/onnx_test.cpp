#include "validate/formats/onnx.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "tests/validate/formats/bytes.h"

namespace mlctl::validate {
namespace {

using namespace std::string_literals;
using test::field;

std::string tensor(std::uint64_t type, std::vector<std::uint64_t> dims, const std::string& rest) {
  std::string out;
  for (const auto dim : dims) out += field(1, dim);
  return out + field(2, type) + field(8, "w") + rest;
}
std::string external(std::vector<std::pair<std::string, std::string>> entries) {
  std::string out;
  for (const auto& [key, value] : entries) out += field(13, field(1, key) + field(2, value));
  return out + field(14, 1);
}
std::string model(const std::string& graph, const std::string& rest = "") {
  return field(1, 9) + field(2, "test") + field(7, graph) + field(8, field(2, 17)) + rest;
}
std::string with_tensor(const std::string& bytes) {
  return model(field(5, bytes));
}
std::string raw(std::size_t size) {
  return field(9, std::string(size, '\0'));
}

struct Outcome {
  std::string summary;
  std::vector<std::string> found;
  std::set<std::string> referenced;
};
Outcome check(const std::string& bytes) {
  Input in{std::string_view(bytes)};
  Findings findings("sub/m.onnx");
  Outcome out;
  out.summary = check_onnx(
      in,
      [](const std::string& path) -> std::optional<Neighbour> {
        if (path == "sub/w.bin") return Neighbour{.size = 64};
        if (path == "sub/link.bin") return Neighbour{.size = 64, .link = true};
        if (path == "sub/hard.bin") return Neighbour{.size = 64, .several_names = true};
        return std::nullopt;
      },
      out.referenced, findings);
  out.found = test::lines(findings);
  return out;
}

TEST_CASE("ONNX: what is well-formed has no findings") {
  struct Case {
    std::string name;
    std::string bytes;
  };
  for (const auto& c : std::vector<Case>{
           {"an empty graph", model("")},
           {"raw data", with_tensor(tensor(1, {2, 3}, raw(24)))},
           {"no dimensions: one value", with_tensor(tensor(7, {}, raw(8)))},
           {"a dimension of zero", with_tensor(tensor(1, {0, 5}, ""))},
           {"packed dimensions", with_tensor(field(1, "\2\3"s) + field(2, 1) + raw(24))},
           {"packed floats", with_tensor(tensor(1, {2}, field(4, std::string(8, '\0'))))},
           {"halves among int32 values", with_tensor(tensor(10, {3}, field(5, "\1\2\3"s)))},
           {"complex values need two floats", with_tensor(tensor(14, {1}, field(4, std::string(8, '\0'))))},
           {"three values of four bits", with_tensor(tensor(22, {3}, raw(2)))},
           {"strings", with_tensor(tensor(8, {2}, field(6, "a") + field(6, "b")))},
           {"external data",
            with_tensor(tensor(1, {4}, external({{"location", "w.bin"}, {"offset", "48"}, {"length", "16"}})))},
           {"external data without offset and length", with_tensor(tensor(1, {4}, external({{"location", "w.bin"}})))},
           {"the domain of a function of its own",
            model(field(1, field(4, "F") + field(7, "mine")), field(25, field(1, "F") + field(10, "mine")))},
       }) {
    CAPTURE(c.name);
    const auto outcome = check(c.bytes);
    CHECK_MESSAGE(outcome.found.empty(), outcome.found[0]);
  }
  CHECK(check(with_tensor(tensor(1, {2, 3}, raw(24)))).summary == "opset 17, 0 nodes, 1 tensor");
  CHECK(check(with_tensor(tensor(1, {4}, external({{"location", "w.bin"}})))).referenced ==
        std::set<std::string>{"sub/w.bin"});
}

TEST_CASE("ONNX: what is wrong is found wherever it hangs") {
  const auto bad = tensor(1, {4}, external({{"location", "../secret"}}));
  const auto refused = "onnx-external-data: tensor `w` external data in `../secret`, which has the part `..`"s;
  const auto node = [](const std::string& attribute) { return field(1, field(4, "Op") + field(5, attribute)); };
  struct Case {
    std::string name;
    std::string bytes;
    std::string expected;
  };
  for (const auto& c : std::vector<Case>{
           {"an initializer", with_tensor(bad), refused},
           {"values of a sparse initializer", model(field(15, field(1, bad))), refused},
           {"indices of a sparse initializer", model(field(15, field(2, bad))), refused},
           {"a constant's attribute", model(node(field(5, bad))), refused},
           {"one of several tensors of an attribute", model(node(field(10, bad))), refused},
           {"a sparse attribute", model(node(field(22, field(1, bad)))), refused},
           {"a subgraph", model(node(field(6, field(5, bad)))), refused},
           {"one of several subgraphs", model(node(field(11, field(5, bad)))), refused},
           {"a subgraph's subgraph", model(node(field(6, node(field(6, field(5, bad)))))), refused},
           {"a function", model("", field(25, field(7, field(5, field(5, bad))))), refused},
           {"a function's default attribute", model("", field(25, field(11, field(5, bad)))), refused},
           {"training information", model("", field(20, field(1, field(5, bad)))), refused},
       }) {
    CAPTURE(c.name);
    const auto found = check(c.bytes).found;
    CHECK(std::count(found.begin(), found.end(), refused) == 1);
  }
}

TEST_CASE("ONNX: where external data may not lie") {
  struct Case {
    std::string location;
    std::string expected;
  };
  for (const auto& c : std::vector<Case>{
           {"", "onnx-external-data: tensor `w` external data in ``, which names no file"},
           {"/etc/passwd",
            "onnx-external-data: tensor `w` external data in `/etc/passwd`, which is not a relative path"},
           {"..", "onnx-external-data"},
           {"a/../../b", "onnx-external-data: tensor `w` external data in `a/../../b`, which has the part `..`"},
           {"a/../w.bin", "onnx-external-data"},
           {"./w.bin", "onnx-external-data: tensor `w` external data in `./w.bin`, which has the part `.`"},
           {"a//w.bin", "onnx-external-data"},
           {"w.bin/", "onnx-external-data"},
           {"..\\w.bin", "onnx-external-data"},
           {"C:w.bin", "onnx-external-data"},
           {"w.bin\n", "onnx-external-data"},
           {"link.bin", "onnx-external-data: tensor `w` external data in `link.bin`, which is a symbolic link"},
           {"hard.bin",
            "onnx-external-data: tensor `w` external data in `hard.bin`, which is a hard link with other names"},
           {"none.bin",
            "onnx-external-range: tensor `w` external data in `none.bin`, which is not among the model's files"},
       }) {
    CAPTURE(c.location);
    const auto found = check(with_tensor(tensor(1, {4}, external({{"location", c.location}})))).found;
    REQUIRE(found.size() == 1);
    CHECK_MESSAGE(found[0].starts_with(c.expected), found[0]);
  }
}

TEST_CASE("ONNX: contradictions and broken bytes") {
  struct Case {
    std::string name;
    std::string bytes;
    std::string expected;
  };
  const auto deep = [] {
    std::string graph;
    for (int i = 0; i < 60; ++i) graph = field(1, field(5, field(6, graph)));
    return model(graph);
  };
  for (const auto& c : std::vector<Case>{
           {"empty", "", "onnx-malformed: ir_version is missing"},
           {"no graph", field(1, 9) + field(8, field(2, 17)), "onnx-malformed: it has 0 graphs"},
           {"two graphs, which readers merge or choose from", model("", field(7, "")),
            "onnx-malformed: it has 2 graphs"},
           {"no operators", field(1, 9) + field(7, ""), "onnx-malformed: it imports no operators"},
           {"a length beyond the end", "\x3a\x7f", "onnx-malformed: the bytes end or contradict"},
           {"field number zero", std::string("\0\0", 2), "onnx-malformed: the bytes end or contradict"},
           {"a group", "\x0b", "onnx-malformed: the bytes end or contradict"},
           {"a varint of eleven bytes", "\x08" + std::string(11, '\xff'),
            "onnx-malformed: the bytes end or contradict"},
           {"a graph that is a number", field(1, 9) + field(7, 1), "onnx-malformed: the bytes end or contradict"},
           {"nested too deep", deep(), "onnx-malformed: the bytes end or contradict"},
           {"raw data twice", with_tensor(tensor(1, {1}, raw(4) + raw(4))),
            "onnx-malformed: the bytes end or contradict"},
           {"a negative dimension", with_tensor(tensor(1, {UINT64_MAX}, raw(4))),
            "onnx-tensor: tensor `w` has dimensions that are negative"},
           {"dimensions that overflow", with_tensor(tensor(1, {1ULL << 40U, 1ULL << 40U}, "")),
            "onnx-tensor: tensor `w` has dimensions that are negative or too large"},
           {"a type nobody knows", with_tensor(tensor(99, {1}, raw(4))),
            "onnx-tensor: tensor `w` is of the unknown type 99"},
           {"too few bytes", with_tensor(tensor(1, {2}, raw(4))),
            "onnx-tensor: tensor `w` has 4 bytes, its dimensions and type need 8"},
           {"too few values", with_tensor(tensor(1, {2}, "")),
            "onnx-tensor: tensor `w` has 0 values, its dimensions and type need 2"},
           {"data in two ways", with_tensor(tensor(1, {1}, raw(4) + field(4, std::string(4, '\0')))),
            "onnx-tensor: tensor `w` has its data twice"},
           {"strings as raw bytes", with_tensor(tensor(8, {1}, raw(4))), "onnx-tensor: tensor `w` is of strings"},
           {"data inside and beside", with_tensor(tensor(1, {1}, raw(4) + external({{"location", "w.bin"}}))),
            "onnx-tensor: tensor `w` has its data inside the model and beside it"},
           {"the location twice", with_tensor(tensor(1, {1}, external({{"location", "w.bin"}, {"location", "x"}}))),
            "onnx-tensor: tensor `w` has `location` twice"},
           {"an offset that is no number",
            with_tensor(tensor(1, {1}, external({{"location", "w.bin"}, {"offset", "-1"}}))),
            "onnx-tensor: tensor `w` has `-1` where a number"},
           {"an offset beyond the file",
            with_tensor(tensor(1, {1}, external({{"location", "w.bin"}, {"offset", "65"}}))),
            "onnx-external-range: tensor `w` bytes 65"},
           {"a length beyond the file",
            with_tensor(tensor(1, {4}, external({{"location", "w.bin"}, {"offset", "60"}, {"length", "16"}}))),
            "onnx-external-range"},
           {"a length of another tensor",
            with_tensor(tensor(1, {4}, external({{"location", "w.bin"}, {"length", "8"}}))),
            "onnx-tensor: tensor `w` has 8 external bytes"},
           {"an operator of another domain", model(field(1, field(4, "Op") + field(7, "com.example"))),
            "onnx-custom-domain: operators of the domain `com.example`"},
           {"operators that one runtime brings", model(field(1, field(4, "Op") + field(7, "com.microsoft"))),
            "onnx-vendor-domain"},
       }) {
    CAPTURE(c.name);
    const auto found = check(c.bytes).found;
    REQUIRE(!found.empty());
    CHECK_MESSAGE(found[0].starts_with(c.expected), found[0]);
  }
}

TEST_CASE("ONNX: what a node takes must be there before it") {
  const auto node = [](const std::vector<std::string>& in, const std::string& out, const std::string& rest = "") {
    std::string bytes;
    for (const auto& name : in) bytes += field(1, name);
    return field(1, bytes + field(2, out) + field(4, "Op") + rest);
  };
  const auto input = [](const std::string& name) { return field(11, field(1, name)); };
  const auto initializer = field(5, tensor(1, {1}, raw(4)));
  const auto sparse = field(15, field(1, tensor(1, {1}, raw(4))) + field(2, tensor(7, {1}, raw(8))));
  struct Case {
    std::string name;
    std::string graph;
    std::string dangling;  // "": none
  };
  for (const auto& c : std::vector<Case>{
           {"an input of the graph", node({"x"}, "y") + input("x"), ""},
           {"an initializer behind the node", node({"w"}, "y") + initializer, ""},
           {"a sparse initializer", node({"w"}, "y") + sparse, ""},
           {"the output of an earlier node", node({"x"}, "y") + node({"y"}, "z") + input("x"), ""},
           {"an input that is left out", node({"x", "", "x"}, "y") + input("x"), ""},
           {"a body that takes what is around it",
            node({"x"}, "y", field(5, field(6, node({"x"}, "inner") + node({"z"}, "w2")))) + input("x"), ""},
           {"nothing", node({"x"}, "y"), "node 1 takes `x`"},
           {"the output of a later node", node({"z"}, "y") + node({"x"}, "z") + input("x"), "node 1 takes `z`"},
           {"its own output", node({"y"}, "y"), "node 1 takes `y`"},
           {"what only a body makes",
            node({"x"}, "y", field(5, field(6, node({"x"}, "inner")))) + node({"inner"}, "z") + input("x"),
            "node 2 takes `inner`"},
           {"what only a body's initializer is",
            node({"x"}, "y", field(5, field(6, initializer))) + node({"w"}, "z") + input("x"), "node 2 takes `w`"},
       }) {
    CAPTURE(c.name);
    const auto outcome = check(model(c.graph));
    CHECK(outcome.found.empty() == c.dangling.empty());
    if (c.dangling.empty() || outcome.found.empty()) continue;
    CHECK_MESSAGE(outcome.found[0].starts_with("onnx-dangling: " + c.dangling), outcome.found[0]);
  }
}

}  // namespace
}  // namespace mlctl::validate
