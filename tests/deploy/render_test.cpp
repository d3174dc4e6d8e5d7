#include "deploy/render.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/deploy/support.h"

using namespace mlctl;
using namespace mlctl::deploy;

TEST_CASE("a file is named by namespace and model, or by namespace alone") {
  CHECK(file_of("team", {"fraud", "credit-risk"}) == "team/credit-risk.yaml");
  CHECK(file_of(test::tenant("{name: fraud, namespace: f}")) == "f/_namespace.yaml");
}

TEST_CASE("a file read back gives the objects that it was made of") {
  const char* routed =
      "{name: prod, pull: oci://registry.example/models, route: {gateway: infra/public, host: models.example}}";
  for (const char* yaml : {"{}", "serving: {gpu: {arch: '>=8.6'}, autoscale: {min: 1, max: 3}}",
                           "labels: {a: '1', b: 'true', c: '1e3', d: ''}"}) {
    CAPTURE(yaml);
    const auto objects = test::objects(test::spec(yaml, routed));
    const auto text = to_file(objects);
    const auto back = parse_file(text, "f");
    REQUIRE_MESSAGE(back, back.error().message);
    CHECK(*back == objects);
    CHECK(to_file(*back) == text);
  }
}

TEST_CASE("the first line says where a file comes from") {
  const auto of_model = to_file(test::objects(test::spec()));
  CHECK(of_model.substr(0, of_model.find('\n')) ==
        "# Rendered by mlctl from fraud/credit-risk v1.2.3 "
        "sha256:1111111111111111111111111111111111111111111111111111111111111111; edits are overwritten.");
  CHECK(author_of(of_model) == "fraud/credit-risk");
  const auto of_tenant = to_file(tenant_objects(test::tenant("{name: fraud, quota: {requests.cpu: '40', pods: 5}}")));
  CHECK(author_of(of_tenant) == "tenant fraud");
  test::check_golden("_namespace.yaml", of_tenant);
  for (const char* foreign : {"", "apiVersion: v1\n", "# Rendered by mlctl", "# Rendered by mlctl from ",
                              "# Rendered by somebody from a/b v1; edits are overwritten.\n"})
    CHECK(!author_of(foreign));
}

TEST_CASE("N is the highest that any object carries") {
  auto objects = test::objects(test::spec());
  CHECK(assignment_of(objects) == 7);
  objects[2]["metadata"]["annotations"][assignment_annotation] = "12";
  CHECK(assignment_of(objects) == 12);
  for (const char* nonsense : {"", "-3", "x", "99999999999999999999"}) {
    objects[2]["metadata"]["annotations"][assignment_annotation] = nonsense;
    CHECK(assignment_of(objects) == 7);
  }
  CHECK(assignment_of({}) == 0);
}

TEST_CASE("documents are split as YAML splits them") {
  const std::string a = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n",
                    b = "apiVersion: v1\nkind: B\nmetadata: {name: b}\n";
  const std::string block = "apiVersion: v1\nkind: C\nmetadata: {name: c}\ntext: |\n  x\n  ---\n  y\n";
  struct Case {
    const char* what;
    std::string text;
    std::size_t count;
  };
  for (const auto& c : std::vector<Case>{
           {"nothing", "", 0},
           {"comments alone", "# a\n---\n# b\n", 0},
           {"one without a separator", a, 1},
           {"two", a + "---\n" + b, 2},
           {"separators before, between and after", "---\n" + a + "--- \n" + b + "---\n", 2},
           {"a separator with a comment", a + "--- # next\n" + b, 2},
           {"no line break at the end", a + "---\n" + b.substr(0, b.size() - 1), 2},
           {"what looks like a separator inside a block", block + "---\n" + a, 2},
       }) {
    CAPTURE(c.what);
    const auto objects = parse_file(c.text, "f");
    REQUIRE_MESSAGE(objects, objects.error().message);
    CHECK(objects->size() == c.count);
  }
}

TEST_CASE("what is not a file of objects is refused with its place") {
  const std::string a = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n";
  std::string many;
  for (int i = 0; i < 101; ++i) many += "---\napiVersion: v1\nkind: A\nmetadata: {name: a" + std::to_string(i) + "}\n";
  struct Case {
    const char* what;
    std::string text, part;
  };
  for (const auto& c : std::vector<Case>{
           {"not YAML, in the second document", a + "---\nkind: {\n", "f:"},
           {"a list", "- a\n", "not a Kubernetes object"},
           {"no name", "apiVersion: v1\nkind: A\n", "f:1:1"},
           {"one twice", a + "---\n" + a, "A a is there twice"},
           {"too many", many, "more than 100"},
           {"too large", std::string(file_limit + 1, ' '), "larger than"},
           {"a billion laughs",
            "a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
            "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
            "f"},
       }) {
    CAPTURE(c.what);
    const auto objects = parse_file(c.text, "f");
    REQUIRE(!objects);
    CHECK(objects.error().kind == Error::Kind::corrupt);
    CHECK_MESSAGE(objects.error().message.find(c.part) != std::string::npos, objects.error().message);
  }
}
