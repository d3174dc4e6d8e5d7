#include "tests/deploy/cluster/fake_cluster.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "base/units.h"

namespace mlctl::deploy::test {

std::string line_of(const ApiRequest& request) {
  std::string line = request.method + " " + request.path;
  for (const auto& [key, value] : request.query)
    line += (line.find('?') == std::string::npos ? "?" : "&") + key + "=" + value;
  return line;
}

void FakeCluster::on(const std::string& line, int status, const std::string& body) {
  const auto found = std::find_if(stubs_.begin(), stubs_.end(), [&](const Stub& stub) { return stub.line == line; });
  if (found == stubs_.end())
    stubs_.push_back({line, {{status, body, {}}}});
  else
    found->answers.push_back({status, body, {}});
}

std::vector<Result<ApiAnswer>> FakeCluster::send(const std::vector<ApiRequest>& all,
                                                 const std::function<void(std::size_t)>& done) {
  ++batches;
  std::vector<Result<ApiAnswer>> out;
  for (const auto& request : all) {
    const auto line = line_of(request);
    lines.push_back(line);
    requests.push_back(request);
    // The longest that fits: a stub for a page is nearer than one for the list.
    Stub* best = nullptr;
    std::vector<std::string> known;
    for (auto& stub : stubs_) {
      known.push_back(stub.line);
      if (line.starts_with(stub.line) && (best == nullptr || stub.line.size() > best->line.size())) best = &stub;
    }
    if (best == nullptr) {
      FAIL_CHECK("nobody said what answers " << line << "; the nearest is " << nearest(line, known));
      out.emplace_back(Error{Error::Kind::unavailable, "no stub for " + line, ""});
      continue;
    }
    out.emplace_back(best->answers[std::min(best->given++, best->answers.size() - 1)]);
    if (done) done(out.size());
  }
  return out;
}

}  // namespace mlctl::deploy::test
