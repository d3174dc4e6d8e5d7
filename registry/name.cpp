#include "registry/name.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/terminal.h"

namespace mlctl::registry {
namespace {

constexpr std::size_t part_limit = 32;
constexpr std::size_t version_limit = 100;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_char(char c) {
  return is_lower(c) || is_digit(c);
}
bool is_identifier_char(char c) {
  return is_name_char(c) || (c >= 'A' && c <= 'Z') || c == '-';
}

bool is_part(std::string_view text) {
  if (text.empty() || text.size() > part_limit) return false;
  if (!is_name_char(text.front()) || !is_name_char(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_name_char(c) || c == '-'; });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

std::optional<std::uint64_t> parse_number_part(std::string_view text) {
  if (!all_digits(text) || (text.size() > 1 && text.front() == '0') || text.size() > 19) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

bool are_identifiers(std::string_view text, bool leading_zeros) {
  for (const auto part : split(text, '.')) {
    if (part.empty() || !std::all_of(part.begin(), part.end(), is_identifier_char)) return false;
    if (!leading_zeros && all_digits(part) && part.size() > 1 && part.front() == '0') return false;
  }
  return true;
}

// Semver 2.0.0, rule 11.4: numbers below words, numbers by value, the longer list wins a tie.
std::strong_ordering compare_identifier(std::string_view a, std::string_view b) {
  const bool a_number = all_digits(a), b_number = all_digits(b);
  if (a_number != b_number) return a_number ? std::strong_ordering::less : std::strong_ordering::greater;
  if (a_number && a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

std::strong_ordering compare_identifiers(std::string_view a, std::string_view b) {
  const auto left = split(a, '.'), right = split(b, '.');
  for (std::size_t i = 0; i < left.size() && i < right.size(); ++i)
    if (const auto order = compare_identifier(left[i], right[i]); order != 0) return order;
  return left.size() <=> right.size();
}

Error not_a_version(std::string_view text) {
  return {Error::Kind::usage, "not a version: " + escape_control(text.substr(0, 200)),
          "versions look like v1.2.3, v1.2.3-rc.1 or v1.2.3+build"};
}

}  // namespace

Result<ModelName> parse_model_name(std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() <= 2 && std::all_of(parts.begin(), parts.end(), is_part)) {
    if (parts.size() == 1) return ModelName{"", std::string(parts[0])};
    return ModelName{std::string(parts[0]), std::string(parts[1])};
  }
  const bool upper = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return Error{Error::Kind::usage, "not a model name: " + escape_control(text.substr(0, 200)),
               upper ? "model names are lower case"
                     : "model names look like credit-risk or fraud/credit-risk: lower case, digits and '-', at most 32 "
                       "characters a part"};
}

std::string to_string(const ModelName& model) {
  return model.tenant.empty() ? model.name : model.tenant + "/" + model.name;
}

bool is_stage_name(std::string_view text) {
  return is_part(text);
}

std::strong_ordering operator<=>(const Version& a, const Version& b) {
  if (const auto order = a.major <=> b.major; order != 0) return order;
  if (const auto order = a.minor <=> b.minor; order != 0) return order;
  if (const auto order = a.patch <=> b.patch; order != 0) return order;
  if (a.prerelease.empty() != b.prerelease.empty())
    return a.prerelease.empty() ? std::strong_ordering::greater : std::strong_ordering::less;
  if (const auto order = compare_identifiers(a.prerelease, b.prerelease); order != 0) return order;
  return a.build.compare(b.build) <=> 0;
}

Result<Version> parse_version(std::string_view text) {
  const auto whole = text;
  if (text.size() > version_limit || text.empty() || text.front() != 'v') return not_a_version(whole);
  text.remove_prefix(1);
  Version version;
  if (const auto plus = text.find('+'); plus != std::string_view::npos) {
    version.build = text.substr(plus + 1);
    text = text.substr(0, plus);
    if (!are_identifiers(version.build, true)) return not_a_version(whole);
  }
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    version.prerelease = text.substr(dash + 1);
    text = text.substr(0, dash);
    if (!are_identifiers(version.prerelease, false)) return not_a_version(whole);
  }
  const auto parts = split(text, '.');
  if (parts.size() != 3) return not_a_version(whole);
  const auto major = parse_number_part(parts[0]);
  const auto minor = parse_number_part(parts[1]);
  const auto patch = parse_number_part(parts[2]);
  if (!major || !minor || !patch) return not_a_version(whole);
  version.major = *major;
  version.minor = *minor;
  version.patch = *patch;
  return version;
}

std::string to_string(const Version& version) {
  std::string text =
      "v" + std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
  if (!version.prerelease.empty()) text += "-" + version.prerelease;
  if (!version.build.empty()) text += "+" + version.build;
  return text;
}

Version next_version(const Version& version, Bump bump) {
  Version next{version.major, version.minor, version.patch, "", ""};
  const bool prerelease = !version.prerelease.empty();
  if (bump == Bump::major) {
    if (!prerelease || version.minor != 0 || version.patch != 0) ++next.major;
    next.minor = next.patch = 0;
  } else if (bump == Bump::minor) {
    if (!prerelease || version.patch != 0) ++next.minor;
    next.patch = 0;
  } else if (!prerelease) {
    ++next.patch;
  }
  return next;
}

std::string registry_tag(const Version& version) {
  std::string tag = to_string(version);
  std::replace(tag.begin(), tag.end(), '+', '_');
  return tag;
}

Result<Version> version_of_registry_tag(std::string_view tag) {
  std::string text(tag);
  if (text.find('+') != std::string::npos) return not_a_version(tag);
  if (const auto mark = text.find('_'); mark != std::string::npos) text[mark] = '+';
  return parse_version(text);
}

}  // namespace mlctl::registry
