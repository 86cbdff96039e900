#include "ctl/sendmail/letter.h"

#include <array>

#include "common/mime/address.h"
#include "common/mime/compose.h"
#include "common/mime/header.h"
#include "common/mime/trace.h"

namespace quartet::sendmail {
namespace {

/// RFC 5321 section 2.3.8: CR and LF go out as CRLF only. CRs before an LF, which careless programs double, are one
/// end.
std::string with_crlf(std::string_view input, bool dot_ends) {
  std::string out;
  out.reserve(input.size() + input.size() / 16 + 2);
  while (!input.empty()) {
    const auto end = input.find_first_of("\r\n");
    const auto line = input.substr(0, end);
    if (dot_ends && line == ".") break;
    out.append(line).append("\r\n");
    if (end == std::string_view::npos) break;
    auto next = end;
    while (next < input.size() && input[next] == '\r') ++next;
    if (next == input.size() || input[next] != '\n') next = end;  // lone CRs: each a line end
    input.remove_prefix(next + 1);
  }
  return out;
}

bool is_any(const mime::Field& field, const std::array<std::string_view, 3>& names) {
  for (const auto name : names)
    if (field.is(name)) return true;
  return false;
}

constexpr std::array<std::string_view, 3> kFields = {"To", "Cc", "Bcc"};
constexpr std::array<std::string_view, 3> kResentFields = {"Resent-To", "Resent-Cc", "Resent-Bcc"};

/// With Resent- fields their first block is the newest, and the one that counts.
std::vector<std::string> recipient_values(const mime::Header& header) {
  std::vector<std::string> out;
  for (const auto name : kResentFields)
    if (const auto* field = header.find(name)) out.emplace_back(field->value);
  if (!out.empty()) return out;
  for (const auto& field : header.fields())
    if (is_any(field, kFields)) out.emplace_back(field.value);
  return out;
}

std::string missing_fields(const mime::Header& header, const Author& author, WallTime now) {
  std::string out;
  if (header.find("From") == nullptr)
    mime::append_address_field(out, "From", mime::format_mailbox(author.full_name, author.address));
  if (header.find("Date") == nullptr) out += "Date: " + to_rfc5322(now) + "\r\n";
  if (header.find("Message-ID") == nullptr) out += "Message-ID: " + mime::new_message_id(author.hostname) + "\r\n";
  return out;
}

}  // namespace

Letter make_letter(std::string_view input, bool dot_ends, bool take_recipients, const Author& author, WallTime now) {
  const auto text = with_crlf(input, dot_ends);
  const mime::Header header(text);
  Letter letter;
  if (take_recipients) letter.recipients = recipient_values(header);
  auto& out = letter.message;
  for (const auto& field : header.fields()) {
    if (take_recipients && (field.is("Bcc") || field.is("Resent-Bcc"))) continue;
    out.append(field.raw);
  }
  out += missing_fields(header, author, now);
  out += "\r\n";
  out.append(std::string_view(text).substr(header.size()));
  return letter;
}

std::vector<std::string> addresses_in(std::string_view text, const std::string& domain) {
  std::vector<std::string> out;
  for (auto& address : mime::parse_addresses(text)) {
    // "@b.example" is kept, so that whoever calls hears of it and no recipient is lost in silence.
    if (address.kind != mime::Address::Kind::kMailbox || (address.local.empty() && address.domain.empty())) continue;
    if (address.domain.empty()) address.domain = domain;
    out.push_back(address.address());
  }
  return out;
}

}  // namespace quartet::sendmail
