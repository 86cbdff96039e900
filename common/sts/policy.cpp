#include "common/sts/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/dns/codec.h"

namespace quartet::sts {
namespace {

constexpr std::string_view kVersion = "v=STSv1";
constexpr std::size_t kMostHosts = 1000;
constexpr std::uint32_t kLongestAge = 31'557'600;  // RFC 8461 section 3.2

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) { return ascii::is_alnum(c); });
}

/// The record's id if it is valid; "" if it is not.
std::string id_of(std::string_view record) {
  std::string id;
  auto rest = record.substr(kVersion.size());
  while (!trim(rest).empty()) {
    rest = trim(rest);
    if (rest.front() != ';') return "";
    rest.remove_prefix(1);
    const auto end = std::min(rest.find(';'), rest.size());
    const auto field = trim(rest.substr(0, end));
    rest.remove_prefix(end);
    if (field.empty()) {
      if (!rest.empty()) return "";  // only the last delimiter may have nothing behind it
      break;
    }
    const auto equals = field.find('=');
    if (equals == 0 || equals == std::string_view::npos) return "";
    if (field.substr(0, equals) == "id" && id.empty()) {
      if (!is_id(field.substr(equals + 1))) return "";
      id = field.substr(equals + 1);
    }
  }
  return id;
}

std::optional<Mode> mode_of(std::string_view text) {
  if (text == "none") return Mode::kNone;
  if (text == "testing") return Mode::kTesting;
  if (text == "enforce") return Mode::kEnforce;
  return std::nullopt;
}

/// The fields as they come.
struct Fields {
  std::optional<std::string> version, mode, max_age;
  std::vector<std::string> mx;
};

std::expected<Fields, std::string> read_fields(std::string_view text) {
  Fields fields;
  for (auto line : ascii::split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim(line);
    if (line.empty()) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return std::unexpected(fmt::format("no field: \"{}\"", line.substr(0, 80)));
    const auto name = line.substr(0, colon);
    const std::string value(trim(line.substr(colon + 1)));
    const auto first = [&value](std::optional<std::string>& field) {
      if (!field) field = value;
    };
    if (name == "version") first(fields.version);
    if (name == "mode") first(fields.mode);
    if (name == "max_age") first(fields.max_age);
    if (name != "mx") continue;
    if (fields.mx.size() >= kMostHosts) return std::unexpected("too many hosts");
    fields.mx.push_back(ascii::lower(value));
  }
  return fields;
}

bool is_pattern(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  return !text.ends_with('.') && dns::canonical_name(text).has_value();
}

}  // namespace

std::expected<Policy, std::string> parse_policy(std::string_view text) {
  auto fields = read_fields(text);
  if (!fields) return std::unexpected(std::move(fields.error()));
  if (fields->version != "STSv1") return std::unexpected("version is not STSv1");
  const auto mode = fields->mode ? mode_of(*fields->mode) : std::nullopt;
  if (!mode) return std::unexpected("mode is none of enforce, testing, none");
  const auto max_age = fields->max_age ? ascii::to_number<std::uint32_t>(*fields->max_age) : std::nullopt;
  if (!max_age || *max_age > kLongestAge) return std::unexpected("max_age is not a number up to 31557600");
  if (*mode != Mode::kNone && fields->mx.empty()) return std::unexpected("no mx");
  if (!std::ranges::all_of(fields->mx, is_pattern)) return std::unexpected("an mx is no host name");
  return Policy{*mode, std::move(fields->mx), std::chrono::seconds(*max_age)};
}

std::optional<std::string> policy_id(const std::vector<std::string>& records) {
  const std::string* only = nullptr;
  for (const auto& record : records) {
    if (!record.starts_with(kVersion)) continue;
    const auto behind = trim(std::string_view(record).substr(kVersion.size()));
    if (!behind.starts_with(';')) continue;
    if (only != nullptr) return std::nullopt;
    only = &record;
  }
  if (only == nullptr) return std::nullopt;
  auto id = id_of(*only);
  if (id.empty()) return std::nullopt;
  return id;
}

bool allows(const Policy& policy, std::string_view host) {
  const auto dot = host.find('.');
  // A wildcard stands for just one label.
  const auto parent = dot == std::string_view::npos || dot == 0 ? std::string_view() : host.substr(dot);
  return std::ranges::any_of(policy.mx, [&](const std::string& pattern) {
    return pattern.starts_with("*.") ? !parent.empty() && pattern.substr(1) == parent : pattern == host;
  });
}

}  // namespace quartet::sts
