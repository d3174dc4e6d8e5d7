#include "base/config.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace mlctl;
using Type = Field::Type;

namespace {

Status lower_case(std::string_view text) {
  for (const char c : text) {
    if (c < 'a' || c > 'z') return Error{Error::Kind::usage, "'" + std::string(text) + "' is not lower case", ""};
  }
  return ok();
}

Field table() {
  return {.type = Type::object,
          .fields = {
              {.name = "name", .doc = "What it is called.", .required = true, .rule = lower_case},
              {.name = "mount", .type = Type::choice, .fallback = "image", .choices = {"image", "init"}},
              {.name = "gpu",
               .type = Type::object,
               .doc = "Absent: none.",
               .fields = {{.name = "count", .type = Type::integer, .fallback = "1"},
                          {.name = "memory", .type = Type::quantity}}},
              {.name = "drain",
               .type = Type::object,
               .fallback = "{}",
               .fields = {{.name = "timeout", .type = Type::duration, .fallback = "30s"}}},
              {.name = "steps",
               .type = Type::list,
               .fields = {{.type = Type::object,
                           .fields = {{.name = "weight", .type = Type::percent, .required = true},
                                      {.name = "for", .type = Type::duration, .fallback = "5m"}}}}},
              {.name = "labels", .type = Type::map, .fields = {{.type = Type::string}}},
              {.name = "files",
               .type = Type::list,
               .fields = {{.type = Type::either,
                           .fields = {{.type = Type::string},
                                      {.type = Type::object,
                                       .fields = {{.name = "path", .required = true}, {.name = "role"}}}}}}},
              {.name = "ready", .type = Type::boolean},
              {.name = "rate", .type = Type::rate},
              {.name = "extra", .type = Type::any},
          }};
}

Node yaml(const std::string& text, const std::string& level = "", const std::string& file = "m.yaml") {
  auto node = parse_yaml(text, file);
  REQUIRE(node);
  return at_level(*node, level);
}

}  // namespace

TEST_CASE("check_config accepts what the table describes") {
  const auto node = yaml(R"(name: abc
mount: init
gpu: {count: 2, memory: 24Gi}
steps: [{weight: 5%}, {weight: 100%, for: 5m}]
labels: {team: risk, size: 3}
files: [a.ubj, {path: b, role: code}]
ready: true
rate: 60/s
drain: null
extra: [anything, {a: 1}]
)");
  const auto status = as_status(check_config(node, table()));
  CHECK_MESSAGE(status, (status ? "" : status.error().message));
}

TEST_CASE("check_config refuses with file, line, column and the nearest key") {
  struct Case {
    const char* name;
    std::string text;
    std::string message;
    std::string hint;
  };
  for (const auto& c : std::vector<Case>{
           {"an unknown key", "name: a\nmuont: image\n", "m.yaml:2:1: unknown key 'muont'", "did you mean 'mount'?"},
           {"a required key that is misspelt", "nmae: a\n", "m.yaml:1:1: unknown key 'nmae'", "did you mean 'name'?"},
           {"an unknown key further in", "name: a\ngpu: {cuont: 1}\n", "m.yaml:2:7: unknown key 'cuont' in gpu",
            "did you mean 'count'?"},
           {"an unknown key in a list", "name: a\nsteps:\n  - weight: 5%\n    until: 3\n",
            "m.yaml:4:5: unknown key 'until' in steps[0]", ""},
           {"a required key that is missing", "mount: image\n", "m.yaml:1:1: name is missing",
            "name: What it is called."},
           {"a required key without a value", "name:\n", "m.yaml:1:1: name is missing", "name: What it is called."},
           {"an empty file", "", "m.yaml:1:1: name is missing", "name: What it is called."},
           {"a list instead of the file", "[a]", "m.yaml:1:1: the file must be a map, not a list", ""},
           {"a map for a value", "name: {a: 1}\n", "m.yaml:1:7: name must be a string, not a map",
            "name: What it is called."},
           {"a value for a list", "name: a\nsteps: 3\n", "m.yaml:2:8: steps must be a list of map, not a single value",
            ""},
           {"another choice", "name: a\nmount: imgae\n", "m.yaml:2:8: mount must be one of image, init, not 'imgae'",
            "did you mean 'image'?"},
           {"a broken rule", "name: ABC\n", "m.yaml:1:7: name: 'ABC' is not lower case", ""},
           {"a duration without unit", "name: a\ndrain: {timeout: 30}\n",
            "m.yaml:2:18: drain.timeout: '30' is not a duration", "durations are written 250ms, 3s, 5m, 2h"},
           {"a quoted boolean", "name: a\nready: 'true'\n", "m.yaml:2:8: ready: 'true' is not true or false",
            "true or false, as they stand here"},
           {"the wrong alternative", "name: a\nfiles: [[x]]\n",
            "m.yaml:2:9: files[0] must be string or map, not a list", ""},
           {"two problems in the order of the file", "rate: 5\nname: B\n",
            "m.yaml:1:7: rate: '5' is not a rate\nm.yaml:2:7: name: 'B' is not lower case",
            "rates are written per second: 60/s"},
       }) {
    INFO(std::string(c.name));
    const auto status = as_status(check_config(yaml(c.text), table()));
    REQUIRE(!status);
    CHECK(status.error().kind == Error::Kind::usage);
    CHECK(status.error().message == c.message);
    CHECK(status.error().hint == c.hint);
  }
}

TEST_CASE("at most ten problems are told") {
  std::string text = "name: a\n";
  for (int i = 0; i < 15; ++i) text += "zzz" + std::to_string(i) + ": 1\n";
  const auto status = as_status(check_config(yaml(text), table()));
  REQUIRE(!status);
  CHECK(status.error().message.find("\nand 5 more") != std::string::npos);
}

TEST_CASE("a level of defaults lacks nothing, but its list items do") {
  CHECK(as_status(check_config(yaml("mount: init\n"), partial(table()))));
  const auto status = as_status(check_config(yaml("steps: [{for: 3s}]\n"), partial(table())));
  REQUIRE(!status);
  CHECK(status.error().message == "m.yaml:1:9: steps[0].weight is missing");
}

TEST_CASE("a level of defaults is not filled up: it would hide the levels below") {
  const auto node = yaml("gpu: {}\nsteps: [{weight: 5%}]\n");
  CHECK(to_json(with_defaults(node, partial(table()))) == to_json(node));
}

TEST_CASE("levels: maps merge, lists replace, null removes, everything keeps its origin") {
  const auto project =
      yaml("gpu: {count: 2, memory: 1Gi}\nsteps: [{weight: 5%}, {weight: 50%}]\nrate: 5/s\n", "project");
  const auto model = yaml("name: m\ngpu:\n  memory: 2Gi\nsteps: [{weight: 100%}]\nrate: null\n", "model");
  const Node merged = with_defaults(merge_levels({&project, nullptr, &model}), table());
  CHECK(to_json(merged).dump() ==
        R"({"gpu":{"count":2,"memory":"2Gi"},"steps":[{"weight":"100%","for":"5m"}],"rate":null,"name":"m",)"
        R"("mount":"image","drain":{"timeout":"30s"}})");
  struct Case {
    const char* path;
    const char* level;
    const char* position;
  };
  for (const auto& c : std::vector<Case>{{"gpu.count", "project", "m.yaml:1:14"},
                                         {"gpu.memory", "model", "m.yaml:3:11"},
                                         {"rate", "model", "m.yaml:5:1"},
                                         {"mount", "built-in", "built-in:1:1"},
                                         {"drain.timeout", "built-in", "built-in:1:1"}}) {
    INFO(std::string(c.path));
    const Node* node = find_path(merged, c.path);
    REQUIRE(node);
    CHECK(node->level == c.level);
    CHECK(to_string(node->position) == c.position);
  }
  CHECK(!get_string(merged, "rate"));
}

TEST_CASE("defaults inside an object come in only where the object is there") {
  CHECK(to_json(built_in(table())).dump() == R"({"mount":"image","drain":{"timeout":"30s"}})");
  CHECK(*get_integer(with_defaults(yaml("gpu: {}"), table()), "gpu.count") == 1);
}

TEST_CASE("the default of a map is a level below what is written") {
  const Field resources{.type = Field::Type::object,
                        .fields = {{.name = "resources",
                                    .type = Field::Type::map,
                                    .fallback = "{cpu: 500m, memory: 1Gi}",
                                    .fields = {{.type = Field::Type::quantity}}}}};
  const auto whole = with_defaults(yaml("resources: {memory: 2Gi, gpu: 1}", "model"), resources);
  CHECK(to_json(whole).dump() == R"({"resources":{"cpu":"500m","memory":"2Gi","gpu":1}})");
  CHECK(find_path(whole, "resources.cpu")->level == "built-in");
  CHECK(find_path(whole, "resources.memory")->level == "model");
}

TEST_CASE("reading by path") {
  const auto node = yaml("a: {s: x, i: -3, n: 1e-5, p: 10%, r: 60/s, q: 500m, d: 250ms, b: true, l: [x, y], z: ~}");
  CHECK(*get_string(node, "a.s") == "x");
  CHECK(*get_integer(node, "a.i") == -3);
  CHECK(*get_number(node, "a.n") == 1e-5);
  CHECK(*get_number(node, "a.p") == doctest::Approx(0.1));
  CHECK(*get_number(node, "a.r") == 60);
  CHECK(*get_number(node, "a.q") == 0.5);
  CHECK(*get_duration(node, "a.d") == std::chrono::milliseconds(250));
  CHECK(*get_boolean(node, "a.b"));
  CHECK(get_strings(node, "a.l") == std::vector<std::string>{"x", "y"});
  CHECK(*get_string(yaml("limit: {p99: 1, p99.9: 2, p99.x: {y.z: 3}}"), "limit.p99.9") == "2");
  CHECK(*get_string(yaml("limit: {p99: 1, p99.9: 2, p99.x: {y.z: 3}}"), "limit.p99.x.y.z") == "3");
  for (const auto* path : {"a", "a.l", "a.z", "a.none", "none.s", "a.s.t"}) CHECK(!get_string(node, path));
}

TEST_CASE("fields are found by path, through lists, maps and alternatives") {
  const Field root = table();
  CHECK(find_field(root, "gpu.count")->fallback == "1");
  CHECK(find_field(root, "steps.weight")->type == Type::percent);
  CHECK(find_field(root, "files.path")->required);
  CHECK(find_field(root, "labels.anything")->type == Type::string);
  CHECK(find_field(root, "gpu.none") == nullptr);
  CHECK(find_field(root, "name.more") == nullptr);
  const auto paths = field_paths(root);
  CHECK(std::vector<std::string>(paths.begin(), paths.begin() + 5) ==
        std::vector<std::string>{"name", "mount", "gpu", "gpu.count", "gpu.memory"});
  CHECK(type_name(*find_field(root, "mount")) == "one of image, init");
  CHECK(type_name(*find_field(root, "files")) == "list of string or map");
}

TEST_CASE("the JSON Schema says what the table says") {
  Field small = table();
  small.fields.resize(5);
  small.fields.erase(small.fields.begin() + 2);
  CHECK(json_schema(small, "model.yaml").dump(1, ' ') == R"({
 "$schema": "http://json-schema.org/draft-07/schema#",
 "title": "model.yaml",
 "type": "object",
 "additionalProperties": false,
 "properties": {
  "name": {
   "description": "What it is called.",
   "type": [
    "string",
    "number",
    "boolean"
   ]
  },
  "mount": {
   "enum": [
    "image",
    "init",
    null
   ],
   "default": "image"
  },
  "drain": {
   "type": [
    "object",
    "null"
   ],
   "additionalProperties": false,
   "properties": {
    "timeout": {
     "type": [
      "string",
      "null"
     ],
     "pattern": "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)$",
     "default": "30s"
    }
   },
   "default": {}
  },
  "steps": {
   "type": [
    "array",
    "null"
   ],
   "items": {
    "type": "object",
    "additionalProperties": false,
    "properties": {
     "weight": {
      "type": "string",
      "pattern": "^[0-9]+(\\.[0-9]+)?%$"
     },
     "for": {
      "type": [
       "string",
       "null"
      ],
      "pattern": "^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d)$",
      "default": "5m"
     }
    },
    "required": [
     "weight"
    ]
   }
  }
 },
 "required": [
  "name"
 ]
})");
}
