#include "validate/html.h"

#include <algorithm>
#include <cmath>

#include "validate/html_style.h"
#include "validate/svg.h"

namespace mlctl::validate {
namespace {

std::string verdict_pill(std::optional<Verdict> verdict, bool big = false) {
  const std::string name = verdict ? to_string(*verdict) : "not reached";
  const std::string look = verdict ? name : "waiting";
  Style style;
  const auto mark = verdict ? symbol(symbol_of(*verdict), style) : symbol(Symbol::running, style);
  return "<span class=\"verdict " + std::string(big ? "big " : "") + look + "\"><span aria-hidden=\"true\">" + mark +
         "</span>" + name + "</span>";
}

std::string cell(const std::string& content, const char* look = "") {
  return *look == '\0' ? "<td>" + content + "</td>" : "<td class=\"" + std::string(look) + "\">" + content + "</td>";
}

std::string html_lines(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    out += (at == 0 ? "" : "<br>") + html_text(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::string facts_list(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::string out;
  for (const auto& [name, value] : facts) {
    if (value.empty()) continue;
    const bool mono = value.starts_with("sha256:") || name == "commit";
    out += "<dt>" + html_text(name) + "</dt><dd>" +
           (mono ? "<code>" + html_text(value) + "</code>" : html_text(value)) + "</dd>";
  }
  return out.empty() ? out : "<dl class=\"facts\">" + out + "</dl>";
}

std::string steps_table(const std::vector<PageStep>& steps) {
  if (steps.empty()) return "";
  const bool environments =
      std::any_of(steps.begin(), steps.end(), [](const PageStep& step) { return !step.environment.empty(); });
  std::string out = "<section><h2>Steps</h2><div class=\"card\"><table><thead><tr><th>step</th>";
  if (environments) out += "<th>environment</th>";
  out += "<th>verdict</th><th>what happened</th><th class=\"number\">took</th></tr></thead><tbody>";
  for (const auto& step : steps) {
    out += "<tr>" + cell(html_text(step.name), "name");
    if (environments) out += cell(html_text(step.environment));
    out += cell(verdict_pill(step.verdict)) + cell(html_text(step.detail)) +
           cell(step.took ? html_text(human_duration(*step.took)) : "", "number") + "</tr>";
  }
  return out + "</tbody></table></div></section>";
}

std::string checks_table(const Report& report) {
  std::string out =
      "<div class=\"card\"><table><thead><tr><th>check</th><th>verdict</th><th>why</th></tr></thead><tbody>";
  for (const auto& check : report.checks) {
    out += "<tr>" + cell(html_text(check.name), "name") + cell(verdict_pill(check.verdict)) +
           cell(html_lines(check.reason)) + "</tr>";
  }
  if (report.checks.empty()) out += "<tr><td colspan=\"3\">nothing was checked</td></tr>";
  return out + "</tbody></table></div>";
}

std::string interval_text(const Metric& metric) {
  if (!metric.interval) return "";
  const auto& [low, high, level] = *metric.interval;
  const auto percent = number_text(level * 100) + " %: ";
  if (std::isfinite(low) && std::isfinite(high))
    return percent + number_text(low) + " to " + number_text(high, metric.unit);
  if (std::isfinite(high)) return percent + "at most " + number_text(high, metric.unit);
  if (std::isfinite(low)) return percent + "at least " + number_text(low, metric.unit);
  return "no finite " + number_text(level * 100) + " % interval";
}

std::string metric_row(const Check& check, const Metric& metric) {
  const auto place = interval_place(metric);
  std::string name = html_text(metric.name) + "<div class=\"note\">" + html_text(check.name) +
                     (metric.note.empty() ? "" : ", " + html_text(metric.note)) + "</div>";
  std::string value = html_text(number_text(metric.value, metric.unit));
  if (metric.interval) value += "<div class=\"note\">" + html_text(interval_text(metric)) + "</div>";
  std::string limit;
  if (metric.limit)
    limit =
        std::string(metric.better == Better::less ? "at most " : "at least ") + number_text(*metric.limit, metric.unit);
  std::string words;
  if (!place.empty()) words = "<div class=\"note place " + place.substr(0, place.find(' ')) + "\">" + place + "</div>";
  return "<tr>" + cell(name, "name") + cell(value, "number") + cell(interval_plot(metric) + words) +
         cell(html_text(limit), "number") +
         cell(metric.samples == 0 ? "" : html_text(number_text(static_cast<double>(metric.samples))), "number") +
         "</tr>";
}

std::string metrics_table(const Report& report) {
  std::string rows;
  for (const auto& check : report.checks) {
    for (const auto& metric : check.metrics) rows += metric_row(check, metric);
  }
  if (rows.empty()) return "";
  return "<h3>Measurements and limits</h3><div class=\"card\"><table><thead><tr><th>measurement</th><th "
         "class=\"number\">value</th><th>interval and limit</th>"
         "<th class=\"number\">limit</th><th class=\"number\">n</th></tr></thead><tbody>" +
         rows +
         "</tbody></table></div>"
         "<p class=\"note\">The line in the middle is the limit, the tinted left half is what it allows. Each row has "
         "its own scale. A check passes when "
         "the whole interval lies on the allowed side, fails when none of it does, and is inconclusive when it "
         "crosses.</p>";
}

std::string key(const std::string& arm, const std::string& name, bool thin) {
  return "<span class=\"key\"><svg viewBox=\"0 0 30 8\" aria-hidden=\"true\"><path class=\"line " + arm_class(arm) +
         (thin ? " thin" : "") + "\" d=\"M1 4L29 4\"/></svg>" + html_text(name) + "</span>";
}

// Plots of things that share a title, in the order of their first appearance.
template <typename T, typename Plot, typename Keys>
std::string figures(const std::vector<T>& all, Plot plot, Keys keys) {
  std::vector<std::string> titles;
  for (const auto& one : all) {
    if (std::find(titles.begin(), titles.end(), one.title) == titles.end()) titles.push_back(one.title);
  }
  std::string out;
  for (const auto& title : titles) {
    std::vector<const T*> group;
    for (const auto& one : all) {
      if (one.title == title) group.push_back(&one);
    }
    out += "<h3>" + html_text(title) + "</h3><div class=\"card\"><figure><figcaption>" + keys(group) + "</figcaption>" +
           plot(group) + "</figure></div>";
  }
  return out;
}

std::string distribution_keys(const std::vector<const Distribution*>& group) {
  std::string out;
  for (const auto* d : group) {
    out += key(d->arm,
               d->arm + ": n = " + number_text(static_cast<double>(d->samples())) + ", p50 " +
                   number_text(d->quantile(0.5), d->unit) + ", p99 " + number_text(d->quantile(0.99), d->unit) +
                   ", max " + number_text(d->largest, d->unit),
               false);
  }
  return out;
}

std::string series_keys(const std::vector<const Series*>& group) {
  std::string out;
  std::vector<std::string> seen;
  for (const auto* s : group) {
    out += key(s->arm, s->name, std::find(seen.begin(), seen.end(), s->arm) != seen.end());
    seen.push_back(s->arm);
  }
  return out;
}

std::string findings_list(const Report& report) {
  std::string items;
  for (const auto& check : report.checks) {
    for (const auto& finding : check.findings) {
      const std::string severity = to_string(finding.severity);
      items +=
          "<li><span class=\"verdict " + severity + "\">" + severity + "</span> <b>" + html_text(finding.rule) + "</b>";
      if (!finding.file.empty()) items += " <code>" + html_text(finding.file) + "</code>";
      items += "<p>" + html_lines(finding.message) + "</p>";
      if (!finding.hint.empty()) items += "<p class=\"note\">hint: " + html_text(finding.hint) + "</p>";
      items += "</li>";
    }
  }
  return items.empty() ? items : "<h3>Findings</h3><div class=\"card\"><ul class=\"findings\">" + items + "</ul></div>";
}

std::string machine_list(const Report& report) {
  std::vector<std::pair<std::string, std::string>> facts(report.machine.begin(), report.machine.end());
  if (report.seed) facts.emplace_back("seed", std::to_string(*report.seed));
  const auto seconds = (report.finished - report.started).count();
  if (seconds > 0)
    facts.emplace_back("measured", rfc3339(report.started) + ", " + human_duration(std::chrono::seconds(seconds)));
  if (facts.empty()) return "";
  return "<h3>Where these numbers come from</h3>" + facts_list(facts);
}

std::string report_section(const Report& report) {
  std::string title = html_text(report.kind);
  if (!report.environment.empty()) title += " for " + html_text(report.environment);
  std::string out = "<section><h2>" + title + " " + verdict_pill(overall(report)) + "</h2>";
  if (!report.baseline_version.empty())
    out += "<p class=\"note\">compared with " + html_text(report.baseline_version) + "</p>";
  out += checks_table(report) + findings_list(report) + metrics_table(report);
  out += figures(report.distributions, distribution_plot, distribution_keys);
  out += figures(report.series, series_plot, series_keys);
  return out + machine_list(report) + "</section>";
}

}  // namespace

static constexpr std::string_view page_end = ". This page needs nothing but itself.</footer></main></body></html>\n";

std::string to_html(const Page& page) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>";
  out += html_text(page.title + ": " + to_string(page.verdict)) + "</title><style>" + std::string(html_style) +
         "</style></head><body><main>";
  out += "<header><p class=\"kicker\">" + html_text(page.subtitle) + "</p><h1>" + html_text(page.title) + "</h1>" +
         verdict_pill(page.verdict, true);
  if (!page.summary.empty()) out += "<p class=\"summary\">" + html_lines(page.summary) + "</p>";
  out += facts_list(page.facts) + "</header>\n" + steps_table(page.steps) + "\n";
  for (const auto& report : page.reports) out += report_section(report) + "\n";
  out += "<footer>Made by mlctl " + std::string(MLCTL_VERSION) + " at " + rfc3339(page.made) + std::string(page_end);
  return out;
}

bool is_page(std::string_view html) {
  return html.ends_with(page_end);
}

Page page_of(const Report& report) {
  Page page;
  page.title = report.model + (report.version.empty() ? "" : " " + report.version);
  page.subtitle = report.kind + (report.environment.empty() ? "" : " for " + report.environment);
  page.verdict = overall(report);
  const auto decides = std::find_if(report.checks.begin(), report.checks.end(),
                                    [&](const Check& check) { return check.verdict == page.verdict; });
  if (page.verdict != Verdict::pass && decides != report.checks.end())
    page.summary = decides->name + ": " + decides->reason;
  page.facts = {{"digest", report.digest},
                {"compared with", report.baseline_version},
                {"baseline digest", report.baseline_digest}};
  page.reports = {report};
  page.made = report.finished;
  return page;
}

}  // namespace mlctl::validate
