#include "common/sieve/mailto.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/sieve/address.h"

namespace quartet::sieve {
namespace {

constexpr std::size_t kMostRecipients = 10;

std::optional<std::string> percent_decode(std::string_view in) {
  std::string out;
  while (!in.empty()) {
    if (in.front() != '%') {
      out += in.front();
      in.remove_prefix(1);
      continue;
    }
    const auto code = in.size() < 3 ? std::nullopt : ascii::to_number<unsigned>(in.substr(1, 2), 16);
    if (!code || *code == 0) return std::nullopt;
    out += static_cast<char>(*code);
    in.remove_prefix(3);
  }
  if (!mime::is_utf8(out)) return std::nullopt;
  return out;
}

/// `told`: null for recipients that the message does not name.
bool add_recipients(std::string_view list, std::vector<std::string>* told, Mailto& out) {
  for (const auto& address : mime::parse_addresses(list, kMostRecipients + 1)) {
    if (!is_outbound(address, list)) return false;
    auto text = address.address();
    if (std::ranges::count(out.recipients, text) != 0) continue;
    if (told != nullptr) told->push_back(text);
    out.recipients.push_back(std::move(text));
  }
  return out.recipients.size() <= kMostRecipients;
}

/// One "name=value"; false if it is wrong.
bool add_field(std::string_view field, Mailto& out) {
  const auto equals = field.find('=');
  if (equals == std::string_view::npos) return false;
  auto name = percent_decode(field.substr(0, equals));
  auto value = percent_decode(field.substr(equals + 1));
  if (!name || !value || name->empty()) return false;
  const bool printable = std::ranges::all_of(*name, [](char c) { return c > ' ' && c < 127 && c != ':'; });
  if (!printable) return false;
  const auto lower = ascii::lower(*name);
  if (lower == "to") return add_recipients(*value, &out.to, out);
  if (lower == "cc") return add_recipients(*value, &out.cc, out);
  if (lower == "bcc") return add_recipients(*value, nullptr, out);
  if (lower == "body") {
    out.body = *std::move(value);
    return true;
  }
  std::erase_if(*value, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  if (lower == "subject")
    out.subject = *std::move(value);
  else
    out.fields.emplace_back(*std::move(name), *std::move(value));
  return true;
}

}  // namespace

std::optional<Mailto> parse_mailto(std::string_view uri) {
  constexpr std::string_view kScheme = "mailto:";
  if (!ascii::istarts_with(uri, kScheme)) return std::nullopt;
  if (std::ranges::any_of(uri, [](char c) { return static_cast<unsigned char>(c) <= ' '; })) return std::nullopt;
  uri.remove_prefix(kScheme.size());
  Mailto out;
  const auto query = uri.find('?');
  const auto to = percent_decode(uri.substr(0, query));
  if (!to || !add_recipients(*to, &out.to, out)) return std::nullopt;
  if (query != std::string_view::npos) {
    for (const auto field : ascii::split(uri.substr(query + 1), '&')) {
      if (!add_field(field, out)) return std::nullopt;
    }
  }
  if (out.recipients.empty()) return std::nullopt;
  return out;
}

}  // namespace quartet::sieve
