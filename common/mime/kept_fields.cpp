#include "common/mime/kept_fields.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/base/ascii.h"
#include "common/mime/varint.h"

namespace quartet::mime {
namespace {

constexpr char kVersion = 1;
// A longer selection is that of a mass mailing or an attack; it is read from the message.
constexpr std::size_t kMostBytes = 16 * 1024;

/// What Thunderbird, Apple Mail, Outlook, mutt, Roundcube and K-9 ask for to show a list. A name's place is its number
/// in the blobs: new names go to the end.
constexpr std::array<std::string_view, 44> kNames = {
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Description",
    "Content-Disposition",
    "Content-Class",
    "MIME-Version",
    "Importance",
    "Priority",
    "X-Priority",
    "X-MSMail-Priority",
    "Newsgroups",
    "List-Id",
    "List-Post",
    "List-Help",
    "List-Subscribe",
    "List-Unsubscribe",
    "Mail-Reply-To",
    "Mail-Followup-To",
    "Disposition-Notification-To",
    "Return-Path",
    "Delivered-To",
    "X-Original-To",
    "Lines",
    "User-Agent",
    "X-Mailer",
    "Auto-Submitted",
    "Precedence",
    "X-Label",
    "X-Draft-Info",
    "X-Uniform-Type-Identifier",
    "X-Universally-Unique-Identifier",
    "X-Spam-Flag",
    "X-Spam-Status",
};
static_assert(kNames.size() <= 64);

std::optional<std::size_t> number_of(std::string_view name) {
  const auto found = std::ranges::find_if(kNames, [name](std::string_view kept) { return ascii::iequals(kept, name); });
  if (found == kNames.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kNames.begin());
}

}  // namespace

std::optional<KeptFields> kept_fields(const std::vector<std::string>& names) {
  KeptFields wanted = 0;
  for (const auto& name : names) {
    const auto number = number_of(name);
    if (!number) return std::nullopt;
    wanted |= KeptFields{1} << *number;
  }
  return wanted;
}

std::string encode_kept_fields(const Header& header) {
  std::string out(1, kVersion);
  for (const Field& field : header.fields()) {
    const auto number = number_of(field.name);
    if (!number) continue;
    const bool ended = field.raw.ends_with('\n');
    put_varint(out, *number);
    put_varint(out, field.raw.size() + (ended ? 0 : 2));
    out += field.raw;
    if (!ended) out += "\r\n";
    if (out.size() > kMostBytes) return {};
  }
  return out;
}

bool append_kept_fields(std::string& out, std::string_view blob, KeptFields wanted) {
  if (blob.empty() || blob.front() != kVersion) return false;
  const auto begin = out.size();
  VarintReader in(blob.substr(1));
  while (!in.done()) {
    const auto number = in.number();
    const auto text = in.text();
    if (number < kNames.size() && (wanted >> number & 1) != 0) out += text;
  }
  if (in.ok()) {
    out += "\r\n";
    return true;
  }
  out.resize(begin);
  return false;
}

}  // namespace quartet::mime
