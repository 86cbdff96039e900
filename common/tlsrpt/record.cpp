#include "common/tlsrpt/record.h"

#include <algorithm>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/encoding.h"

namespace quartet::tlsrpt {
namespace {

constexpr std::string_view kVersion = "v=TLSRPTv1";
constexpr std::string_view kMailTo = "mailto:";
constexpr std::size_t kMost = 10;

bool is_report_record(std::string_view text) {
  if (!text.starts_with(kVersion)) return false;
  const auto rest = ascii::trim(text.substr(kVersion.size()));
  return rest.empty() || rest.front() == ';';
}

/// RFC 3986 section 2.1; nullopt for what is no encoding.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = i + 2 < text.size() ? hex_decode(text.substr(i + 1, 2)) : std::nullopt;
    if (!byte) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

/// One address, and no fields behind '?'. What could not stand in a forward-path as it is will not do.
std::optional<MailTo> mail_to(std::string_view uri) {
  auto address = percent_decoded(uri.substr(kMailTo.size()));
  if (!address) return std::nullopt;
  const auto at = address->rfind('@');
  const auto bad = [](char c) { return c <= ' ' || c >= 127 || std::string_view("<>()[],;:\\\"?").contains(c); };
  if (at == 0 || at == std::string::npos || at + 1 == address->size() || std::ranges::any_of(*address, bad) ||
      std::ranges::count(*address, '@') != 1) {
    return std::nullopt;
  }
  return MailTo{*std::move(address)};
}

std::optional<Destination> destination(std::string_view uri) {
  if (ascii::istarts_with(uri, kMailTo)) {
    if (auto mail = mail_to(uri)) return Destination(*std::move(mail));
    return std::nullopt;
  }
  if (auto url = https::parse_url(uri)) return Destination(*std::move(url));
  return std::nullopt;
}

}  // namespace

std::vector<Destination> parse_record(const std::vector<std::string>& records) {
  if (std::ranges::count_if(records, is_report_record) != 1) return {};
  const std::string_view record = *std::ranges::find_if(records, is_report_record);
  std::vector<Destination> out;
  for (const auto field : ascii::split(record, ';')) {
    const auto trimmed = ascii::trim(field);
    if (!trimmed.starts_with("rua=")) continue;
    for (const auto uri : ascii::split(trimmed.substr(4), ',')) {
      auto found = destination(ascii::trim(uri));
      if (found && out.size() < kMost) out.push_back(*std::move(found));
    }
    break;
  }
  return out;
}

}  // namespace quartet::tlsrpt
