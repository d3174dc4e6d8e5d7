#include <nlohmann/json.hpp>

#include "release/statement.h"
#include "release/verification.h"

namespace mlctl::release {
namespace {

using Json = nlohmann::ordered_json;

std::string line(Symbol mark, Tone tone, const std::string& text, const Style& style) {
  return paint(symbol(mark, style), tone, style) + " " + text + "\n";
}

std::string bytes_text(const Verified& verified, const Style& style) {
  const auto& report = verified.report;
  const bool whole = is_whole(verified);
  std::string text = line(
      whole ? Symbol::pass : Symbol::fail, whole ? Tone::good : Tone::bad,
      verified.shown + (whole ? " is whole  " : " is not what it should be  ") + to_string(verified.digest), style);
  text += "  " + count_text(report.layers, "layer") + ", " + count_text(report.files, "file") + ", " +
          human_bytes(report.bytes) + " read\n";
  for (const auto& problem : report.problems) text += "  " + escape_control(problem) + "\n";
  for (const auto& note : verified.notes) text += "  " + escape_control(note) + "\n";
  return text;
}

std::string unsigned_because(const Verified& verified) {
  if (verified.signatures.empty()) return "not signed";
  const bool files = std::any_of(verified.signatures.begin(), verified.signatures.end(),
                                 [](const auto& one) { return one.state.trusted == registry::Trusted::valid; });
  return files ? "signed over the files alone, not over this digest" : "no valid signature";
}

std::string signatures_text(const Verified& verified, const Style& style) {
  std::string text;
  if (verified.trust.empty())
    text = line(Symbol::skip, Tone::dim,
                "signatures: not asked for (--key, --roots, or `trust:` in mlctl.yaml say whose count)", style);
  else if (is_signed(verified))
    text = line(Symbol::pass, Tone::good, "signed, by the trust of " + verified.trust, style);
  else
    text = line(Symbol::fail, Tone::bad, unsigned_because(verified) + ", by the trust of " + verified.trust, style);
  Rows rows;
  for (const auto& one : verified.signatures)
    rows.push_back({"  " + escape_control(one.kind), escape_control(signature_text(one.state, !verified.trust.empty())),
                    escape_control(one.created)});
  return text + render_table({}, rows, style);
}

std::string evidence_text(const Verified& verified) {
  std::string text;
  for (const auto& one : verified.evidence) {
    text += "  " + escape_control(registry::to_string(one.kind));
    if (const auto stated = stated_in(one); stated && !stated->environment.empty())
      text += " " + escape_control(stated->environment);
    if (one.kind == registry::EvidenceKind::other) text += " " + escape_control(one.predicate_type);
    text += "  " + escape_control(signature_text(one.signature, !verified.trust.empty())) + "\n";
  }
  return text.empty() ? "no evidence\n" : "evidence\n" + text;
}

std::string policy_text(const Verified& verified, const Style& style) {
  if (verified.environment.empty()) return "";
  if (verified.policy.empty())
    return line(Symbol::skip, Tone::dim, escape_control(verified.environment) + " requires nothing", style);
  std::string text;
  for (const auto& answer : verified.policy)
    text += answer.unmet.empty()
                ? line(Symbol::pass, Tone::good,
                       escape_control(verified.environment + " requires a " + answer.requirement + ": met"), style)
                : line(Symbol::fail, Tone::bad, escape_control(answer.unmet.substr(0, answer.unmet.find('\n'))), style);
  return text;
}

}  // namespace

std::string to_text(const Verified& verified, const Style& style) {
  return bytes_text(verified, style) + signatures_text(verified, style) + evidence_text(verified) +
         policy_text(verified, style);
}

Json to_json(const Verified& verified) {
  Json signatures = Json::array(), evidence = Json::array(), policy = Json::array();
  for (const auto& one : verified.signatures) {
    Json json = {{"kind", one.kind}, {"digest", to_string(one.digest)}, {"created", one.created}};
    json.update(to_json(one.state, !verified.trust.empty()));
    signatures.push_back(std::move(json));
  }
  for (const auto& one : verified.evidence)
    evidence.push_back({{"kind", registry::to_string(one.kind)},
                        {"predicateType", one.predicate_type},
                        {"digest", to_string(one.digest)},
                        {"created", one.created},
                        {"signature", to_json(one.signature, !verified.trust.empty())}});
  for (const auto& answer : verified.policy)
    policy.push_back({{"requires", answer.requirement}, {"met", answer.unmet.empty()}, {"why", answer.unmet}});
  Json data = {{"schemaVersion", 1},
               {"model", to_string(verified.model)},
               {"digest", to_string(verified.digest)},
               {"verified", holds(verified)},
               {"whole", is_whole(verified)},
               {"layers", verified.report.layers},
               {"files", verified.report.files},
               {"bytesRead", verified.report.bytes},
               {"problems", verified.report.problems},
               {"notes", verified.notes}};
  data["trust"] = verified.trust.empty() ? Json(nullptr) : Json(verified.trust);
  data["signed"] = verified.trust.empty() ? Json(nullptr) : Json(is_signed(verified));
  data["signatures"] = std::move(signatures);
  data["evidence"] = std::move(evidence);
  if (!verified.environment.empty()) {
    data["environment"] = verified.environment;
    data["policy"] = std::move(policy);
  }
  return data;
}

}  // namespace mlctl::release
