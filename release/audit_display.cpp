#include <nlohmann/json.hpp>

#include "release/audit.h"
#include "release/audit_cluster.h"
#include "release/signature_text.h"

namespace mlctl::release {
namespace {

using Json = nlohmann::ordered_json;

std::string field(const char* name, const std::string& value, const Style& style) {
  std::string label = name;
  label.resize(10, ' ');
  return value.empty() ? "" : "  " + paint(label, Tone::dim, style) + " " + escape_control(value) + "\n";
}

std::string statement_line(const AuditedStatement& statement, bool asked, const Style& style) {
  const auto verdict = statement.verdict.value_or(validate::Verdict::pass);
  const auto mark = statement.counts ? validate::symbol_of(verdict) : Symbol::skip;
  const auto tone = statement.counts ? validate::tone_of(verdict) : Tone::dim;
  std::string line = "  " + paint(symbol(mark, style), tone, style) + " " + escape_control(statement.kind);
  if (!statement.environment.empty()) line += " " + escape_control(statement.environment);
  if (statement.verdict) line += "  " + std::string(validate::to_string(*statement.verdict));
  if (!statement.baseline.empty()) line += "  against " + escape_control(statement.baseline);
  const auto signature = signature_text(statement.signature, asked) + (statement.counts ? "" : ", does not count");
  return line + "  " + paint(escape_control(statement.created + "  " + signature), Tone::dim, style) + "\n";
}

std::string signature_line(const registry::VersionSignature& one, bool asked, const Style& style) {
  const bool good = one.state.trusted == registry::Trusted::valid;
  const bool open = !asked && one.state.trusted == registry::Trusted::untrusted;
  const bool stranger = one.state.trusted == registry::Trusted::untrusted;
  const auto mark = good ? Symbol::pass : open ? Symbol::skip : stranger ? Symbol::warn : Symbol::fail;
  return "  " +
         paint(symbol(mark, style),
               good   ? Tone::good
               : open ? Tone::dim
                      : Tone::bad,
               style) +
         " " + escape_control(one.kind + "  " + signature_text(one.state, asked)) + "  " +
         paint(escape_control(one.created), Tone::dim, style) + "\n";
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
  if (!audit.signatures.empty()) out += "signatures\n";
  for (const auto& one : audit.signatures) out += signature_line(one, audit.trust, style);
  out += audit.statements.empty() ? "no evidence\n" : "evidence\n";
  for (const auto& statement : audit.statements) out += statement_line(statement, audit.trust, style);
  out += audit.places.empty() ? "runs nowhere\n" : "where\n";
  for (const auto& place : audit.places) out += place_line(place, style);
  if (!audit.clusters.empty()) out += "clusters\n";
  for (const auto& cluster : audit.clusters) out += cluster_text(cluster, style);
  for (const auto& gap : audit.gaps) out += symbol(Symbol::warn, style) + " missing: " + escape_control(gap) + "\n";
  if (audit.gaps.empty()) out += symbol(Symbol::pass, style) + " the chain is whole\n";
  return out;
}

Json to_json(const Audit& audit) {
  Json statements = Json::array(), places = Json::array(), clusters = Json::array();
  for (const auto& cluster : audit.clusters) clusters.push_back(cluster_json(cluster));
  for (const auto& s : audit.statements)
    statements.push_back({{"kind", s.kind},
                          {"environment", s.environment},
                          {"verdict", s.verdict ? Json(validate::to_string(*s.verdict)) : Json(nullptr)},
                          {"baseline", s.baseline},
                          {"digest", s.digest},
                          {"created", s.created},
                          {"counts", s.counts},
                          {"signed", s.signature.trusted == registry::Trusted::valid},
                          {"signature", to_json(s.signature, audit.trust)}});
  Json signatures = Json::array();
  for (const auto& one : audit.signatures)
    signatures.push_back({{"kind", one.kind},
                          {"signature", to_json(one.state, audit.trust)},
                          {"created", one.created},
                          {"digest", to_string(one.digest)}});
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
          {"subject", audit.subject}, {"author", audit.author}, {"signatures", signatures},    {"evidence", statements},
          {"places", places},         {"clusters", clusters},   {"gaps", audit.gaps}};
}

}  // namespace mlctl::release
