#include "validate/protocol.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace mlctl;
using namespace mlctl::validate;

namespace {

const Protocol& oip() {
  return *find_protocol("oip-v2");
}

HttpResponse answer(std::string body, int status = 200) {
  return {.status = status, .headers = {}, .body = std::move(body)};
}

std::string output(const std::string& members) {
  return R"({"model_name":"m","outputs":[{)" + members + "}]}";
}

}  // namespace

TEST_CASE("a request is written flat, numbers as their datatype asks") {
  const std::vector<Tensor> inputs = {
      {.name = "x", .datatype = "FP32", .shape = {1, 2}, .numbers = {0.5, 3}, .texts = {}},
      {.name = "i", .datatype = "INT64", .shape = {1}, .numbers = {7}, .texts = {}},
      {.name = "b", .datatype = "BOOL", .shape = {1}, .numbers = {1}, .texts = {}},
      {.name = "s", .datatype = "BYTES", .shape = {1}, .numbers = {}, .texts = {"text"}}};
  const auto request = oip().infer_request("http://127.0.0.1:1", "m", inputs);
  CHECK(request.url == "http://127.0.0.1:1/v2/models/m/infer");
  CHECK(request.method == "POST");
  CHECK(request.body == R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[0.5,3.0]},)"
                        R"({"name":"i","shape":[1],"datatype":"INT64","data":[7]},)"
                        R"({"name":"b","shape":[1],"datatype":"BOOL","data":[true]},)"
                        R"({"name":"s","shape":[1],"datatype":"BYTES","data":["text"]}]})");
}

TEST_CASE("a good answer, flat or nested") {
  for (const auto* data : {"[1.5,2,3,4]", "[[1.5,2],[3,4]]"}) {
    const auto tensors =
        oip().parse_answer(answer(output(R"("name":"y","datatype":"FP32","shape":[2,2],"data":)" + std::string(data))));
    REQUIRE(tensors);
    CHECK(tensors->front().name == "y");
    CHECK(tensors->front().numbers == std::vector<double>{1.5, 2, 3, 4});
  }
}

TEST_CASE("what is no answer is refused with the reason") {
  struct Case {
    const char* name;
    HttpResponse response;
    Error::Kind kind;
    const char* message;
  };
  const auto denied = Error::Kind::denied;
  const auto corrupt = Error::Kind::corrupt;
  for (const auto& c : std::vector<Case>{
           {"an error status, in the server's words", answer(R"({"error":"no such model"})", 404), denied,
            "HTTP 404: no such model"},
           {"an error status without JSON", answer("oops", 500), denied, "HTTP 500: oops"},
           {"200 with an error inside", answer(R"({"error":"out of memory"})"), denied, "200 with an error inside"},
           {"truncated JSON", answer(R"({"outputs":[{"name":"y")"), corrupt, ""},
           {"nothing", answer(""), corrupt, ""},
           {"a list", answer("[]"), corrupt, "not a JSON object"},
           {"no outputs", answer(R"({"model_name":"m"})"), corrupt, "no outputs"},
           {"empty outputs", answer(R"({"outputs":[]})"), corrupt, "no outputs"},
           {"an output that is no object", answer(R"({"outputs":[3]})"), corrupt, "not an object"},
           {"no name", answer(output(R"("datatype":"FP32","shape":[1],"data":[1])")), corrupt, "without a name"},
           {"a datatype that is not known", answer(output(R"("name":"y","datatype":"FP99","shape":[1],"data":[1])")),
            corrupt, "FP99"},
           {"fewer values than the shape", answer(output(R"("name":"y","datatype":"FP32","shape":[2],"data":[1])")),
            corrupt, "the shape wants 2 values, there are 1"},
           {"a negative shape", answer(output(R"("name":"y","datatype":"FP32","shape":[-1],"data":[1])")), corrupt,
            "negative"},
           {"a huge shape",
            answer(output(R"("name":"y","datatype":"FP32","shape":[4294967296,4294967296],"data":[1])")), corrupt,
            "too large"},
           {"a NaN literal", answer(output(R"("name":"y","datatype":"FP32","shape":[1],"data":[NaN])")), corrupt, ""},
           {"a null, which is how some servers write NaN",
            answer(output(R"("name":"y","datatype":"FP32","shape":[1],"data":[null])")), corrupt, "NaN"},
           {"a number beyond doubles", answer(output(R"("name":"y","datatype":"FP64","shape":[1],"data":[1e999])")),
            corrupt, ""},
           {"a text for a number", answer(output(R"("name":"y","datatype":"FP32","shape":[1],"data":["1"])")), corrupt,
            "not a number"},
           {"a fraction for an integer", answer(output(R"("name":"y","datatype":"INT32","shape":[1],"data":[1.5])")),
            corrupt, "no INT32"},
           {"an integer beyond its type", answer(output(R"("name":"y","datatype":"UINT8","shape":[1],"data":[256])")),
            corrupt, "no UINT8"},
           {"no data", answer(output(R"("name":"y","datatype":"FP32","shape":[1])")), corrupt, "no data"},
       }) {
    CAPTURE(c.name);
    const auto tensors = oip().parse_answer(c.response);
    REQUIRE_FALSE(tensors);
    CHECK(tensors.error().kind == c.kind);
    CHECK_MESSAGE(tensors.error().message.find(c.message) != std::string::npos, tensors.error().message);
  }
}

TEST_CASE("metadata: inputs where the server tells, none where it does not") {
  const auto told = oip().parse_metadata(
      answer(R"({"name":"m","inputs":[{"name":"x","datatype":"FP32","shape":[-1,30]}],"outputs":[]})"));
  REQUIRE(told);
  REQUIRE(told->size() == 1);
  CHECK(told->front().shape == std::vector<std::int64_t>{-1, 30});
  CHECK(oip().parse_metadata(answer(R"({"name":"m","inputs":[]})"))->empty());
  CHECK(oip().parse_metadata(answer(R"({"name":"m"})"))->empty());
  CHECK_FALSE(oip().parse_metadata(answer(R"({"inputs":[{"name":3}]})")));
}
