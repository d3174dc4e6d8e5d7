#include "validate/holdout.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "base/filesystem.h"

using namespace mlctl;
using namespace mlctl::validate;

namespace {

struct Read {
  std::vector<HoldoutRow> rows;
  std::string error;
};

Read read(const std::string& text, std::size_t features = 0, const std::vector<std::string>& slices = {},
          const std::string& datatype = "FP64") {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  REQUIRE(write_file(folder->path() / "h.csv", text));
  auto holdout = Holdout::open(folder->path() / "h.csv", "y", slices, features, datatype);
  if (!holdout) return {{}, holdout.error().message};
  Read result;
  for (;;) {
    auto row = holdout->next();
    if (!row) return {result.rows, row.error().message};
    if (!*row) return result;
    result.rows.push_back(**row);
  }
}

}  // namespace

TEST_CASE("rows of a hold-out set") {
  const auto result = read("a,y,b\n1,0,2.5\n-3e2,1, +4 \n");
  CHECK(result.error.empty());
  REQUIRE(result.rows.size() == 2);
  CHECK(result.rows[0].features == std::vector<double>{1, 2.5});
  CHECK(result.rows[0].label == "0");
  CHECK(result.rows[1].features == std::vector<double>{-300, 4});
}

TEST_CASE("what CSV writers do") {
  struct Case {
    const char* name;
    std::string text;
    std::vector<std::string> labels;
  };
  for (const auto& c : std::vector<Case>{
           {"CRLF", "a,y\r\n1,x\r\n", {"x"}},
           {"no newline at the end", "a,y\n1,x", {"x"}},
           {"a byte order mark",
            "\xEF\xBB\xBF"
            "a,y\n1,x\n",
            {"x"}},
           {"quotes, commas and newlines in them", "a,y\n1,\"x, \"\"y\"\"\nz\"\n2,w\n", {"x, \"y\"\nz", "w"}},
           {"empty lines", "a,y\n\n1,x\n\n\n2,w\n\n", {"x", "w"}},
           {"only a header", "a,y\n", {}},
       }) {
    CAPTURE(c.name);
    const auto result = read(c.text);
    CHECK_MESSAGE(result.error.empty(), result.error);
    std::vector<std::string> labels;
    for (const auto& row : result.rows) labels.push_back(row.label);
    CHECK(labels == c.labels);
  }
}

TEST_CASE("columns: slices are features where the model takes them") {
  const std::string text = "a,region,y\n1,7,0\n";
  CHECK(read(text, 0, {"region"}).rows.at(0).features == std::vector<double>{1});
  CHECK(read(text, 1, {"region"}).rows.at(0).features == std::vector<double>{1});
  CHECK(read(text, 2, {"region"}).rows.at(0).features == std::vector<double>{1, 7});
  CHECK(read(text, 0, {"region"}).rows.at(0).slices == std::vector<std::string>{"7"});
}

TEST_CASE("what is wrong with a file, and where") {
  struct Case {
    const char* name;
    std::string text;
    std::size_t features;
    const char* message;
  };
  for (const auto& c : std::vector<Case>{
           {"empty", "", 0, "the file is empty"},
           {"no label", "a,b\n1,2\n", 0, "no column 'y'"},
           {"two labels", "y,y\n1,2\n", 0, "two columns"},
           {"no features", "y\n1\n", 0, "no column is left"},
           {"another number of features", "a,b,y\n1,2,3\n", 5, "takes 5 features, the file has 2"},
           {"a short row", "a,y\n1,2\n3\n", 0, "h.csv:3: 1 field, the header has 2"},
           {"a text for a number", "a,y\nx,2\n", 0, "h.csv:2: field 1 (a): 'x' is not a finite number"},
           {"a missing value", "a,b,y\n1,,2\n", 0, "field 2"},
           {"NaN", "a,y\nnan,2\n", 0, "not a finite number"},
           {"infinity", "a,y\n1e999,2\n", 0, "not a finite number"},
           {"an open quote", "a,y\n1,\"x\n", 0, "a quote that does not end"},
           {"an endless row", "a,y\n1," + std::string(2 << 20, 'x'), 0, "more than 1 MiB"},
       }) {
    CAPTURE(c.name);
    const auto result = read(c.text, c.features);
    CHECK_MESSAGE(result.error.find(c.message) != std::string::npos, result.error);
  }
}

TEST_CASE("rows that the model's input does not take are refused, not bent") {
  struct Case {
    const char* name;
    const char* datatype;
    const char* field;
    const char* message;  // empty: taken
  };
  for (const auto& c : std::vector<Case>{
           {"a whole number for an integer", "INT32", "-7", ""},
           {"a whole number with a point", "INT32", "2.0", ""},
           {"a fraction for an integer", "INT32", "1.5",
            "h.csv:3: field 2 (age): '1.5' is a number that is no INT32, which the model's input takes"},
           {"far beyond any integer", "INT64", "1e300", "'1e300' is a number that is no INT64"},
           {"a negative for an unsigned", "UINT8", "-1", "no UINT8"},
           {"a flag", "BOOL", "1", ""},
           {"half a flag", "BOOL", "0.5", "no BOOL"},
           {"a fraction for a real", "FP32", "1.5", ""},
           {"an input of texts", "BYTES", "1", "cannot be sent to the model's input: the datatype BYTES holds no"},
           {"an input that nobody knows", "FP99", "1", "the datatype FP99 is not known"},
       }) {
    CAPTURE(c.name);
    const auto result = read("y,age\n0,1\n0," + std::string(c.field) + "\n", 0, {}, c.datatype);
    CHECK(result.error.empty() == std::string(c.message).empty());
    CHECK_MESSAGE(result.error.find(c.message) != std::string::npos, result.error);
  }
}

TEST_CASE("a file that is not there, or no file") {
  auto folder = TemporaryFolder::create();
  REQUIRE(folder);
  CHECK_FALSE(Holdout::open(folder->path() / "no.csv", "y", {}, 0));
  CHECK_FALSE(Holdout::open(folder->path(), "y", {}, 0));
}
