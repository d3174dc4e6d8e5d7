#include <nlohmann/json.hpp>

#include "release/audit.h"

namespace mlctl::release {
namespace {

using Json = nlohmann::ordered_json;

std::string field(const char* name, const std::string& value, const Style& style) {
  std::string label = name;
  label.resize(10, ' ');
  return value.empty() ? "" : "  " + paint(label, Tone::dim, style) + " " + escape_control(value) + "\n";
}

std::string statement_line(const AuditedStatement& statement, const Style& style) {
  const auto verdict = statement.verdict.value_or(validate::Verdict::pass);
  std::string line = "  " + paint(symbol(validate::symbol_of(verdict), style), validate::tone_of(verdict), style) +
                     " " + escape_control(statement.kind);
  if (!statement.environment.empty()) line += " " + escape_control(statement.environment);
  if (statement.verdict) line += "  " + std::string(validate::to_string(*statement.verdict));
  if (!statement.baseline.empty()) line += "  against " + escape_control(statement.baseline);
  return line + "  " + paint(escape_control(statement.created + "  unsigned"), Tone::dim, style) + "\n";
}

std::string place_line(const AuditedPlace& place, const Style& style) {
  std::string line = "  " + escape_control(place.environment) + "  " +
                     (place.newest ? paint("now", Tone::good, style) : "before") + "  #" + std::to_string(place.n) +
                     "  " + rfc3339(place.when) + "  " + escape_control(place.by) + "\n";
  if (!place.folder.empty()) line += "    in " + escape_control(place.folder) + "\n";
  return line;
}

}  // namespace

std::string to_text(const Audit& audit, const Style& style) {
  std::string out = paint(escape_control(audit.model + " " + audit.version), Tone::strong, style) + "\n";
  out += field("digest", audit.digest, style);
  out += field("tag", audit.tag + ", " + rfc3339(audit.when) + ", by " + audit.by, style);
  out += field("commit", audit.commit + "  " + audit.subject, style);
  out += field("author", audit.author, style);
  out += audit.statements.empty() ? "no evidence\n" : "evidence\n";
  for (const auto& statement : audit.statements) out += statement_line(statement, style);
  out += audit.places.empty() ? "runs nowhere\n" : "where\n";
  for (const auto& place : audit.places) out += place_line(place, style);
  for (const auto& gap : audit.gaps)
    out += paint(symbol(Symbol::warn, style), Tone::warn, style) + " missing: " + escape_control(gap) + "\n";
  if (audit.gaps.empty()) out += paint(symbol(Symbol::pass, style), Tone::good, style) + " the chain is whole\n";
  return out;
}

Json to_json(const Audit& audit) {
  Json statements = Json::array(), places = Json::array();
  for (const auto& s : audit.statements)
    statements.push_back({{"kind", s.kind},
                          {"environment", s.environment},
                          {"verdict", s.verdict ? Json(validate::to_string(*s.verdict)) : Json(nullptr)},
                          {"baseline", s.baseline},
                          {"digest", s.digest},
                          {"created", s.created},
                          {"signed", false}});
  for (const auto& p : audit.places)
    places.push_back({{"environment", p.environment},
                      {"assignment", p.n},
                      {"tag", p.tag},
                      {"by", p.by},
                      {"when", rfc3339(p.when)},
                      {"newest", p.newest},
                      {"folder", p.folder},
                      {"digestInFolder", p.in_folder},
                      {"differs", p.differs}});
  return {{"schemaVersion", 1},       {"model", audit.model},   {"version", audit.version},    {"digest", audit.digest},
          {"tag", audit.tag},         {"by", audit.by},         {"when", rfc3339(audit.when)}, {"commit", audit.commit},
          {"subject", audit.subject}, {"author", audit.author}, {"evidence", statements},      {"places", places},
          {"gaps", audit.gaps}};
}

}  // namespace mlctl::release
