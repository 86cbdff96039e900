#include "imapd/proto/message_url.h"

#include "common/base/ascii.h"
#include "common/mime/charset.h"

namespace quartet::imapd {
namespace {

constexpr std::size_t kMaxUrl = 8192;
constexpr std::size_t kMaxPrinted = 1024;

/// bchar of RFC 5092 section 11, without pct-encoded.
constexpr bool is_path_char(char c) {
  return ascii::is_alnum(c) || std::string_view("-._~!$'()*+,&=:@/").find(c) != std::string_view::npos;
}

/// "%41b" is "Ab"; nullopt for characters that must be encoded and are not, and for NUL.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '%') {
      if (!is_path_char(text.front())) return std::nullopt;
      out.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    const auto octet = ascii::to_number<unsigned>(text.substr(1, 2), 16);
    if (text.size() < 3 || !octet || *octet == 0) return std::nullopt;
    out.push_back(static_cast<char>(*octet));
    text.remove_prefix(3);
  }
  return out;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!ascii::istarts_with(text, prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::string_view take_to(std::string_view& text, std::string_view ends) {
  const auto taken = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(taken.size());
  return taken;
}

std::optional<std::uint32_t> nz_number(std::string_view text) {
  const auto number = ascii::to_number<std::uint32_t>(text);
  return number.value_or(0) == 0 || text.front() == '0' ? std::nullopt : number;
}

/// "0.1024", "512"
std::optional<MessageUrl::Partial> parse_partial(std::string_view text) {
  const auto dot = text.find('.');
  const auto offset = ascii::to_number<std::uint64_t>(text.substr(0, dot));
  if (!offset) return std::nullopt;
  MessageUrl::Partial partial{*offset, std::nullopt};
  if (dot == std::string_view::npos) return partial;
  partial.count = ascii::to_number<std::uint64_t>(text.substr(dot + 1));
  if (partial.count.value_or(0) == 0) return std::nullopt;
  return partial;
}

/// "/INBOX;UIDVALIDITY=1/", up to what the UID follows; nothing for a path relative to the selected mailbox.
bool parse_mailbox(std::string_view& text, MessageUrl& url) {
  if (text.starts_with(';')) return true;
  if (!take(text, "/")) return false;
  auto name = take_to(text, ";");
  // "//" is followed by the name of a server.
  if (name.starts_with('/')) return false;
  if (take(text, ";UIDVALIDITY=")) {
    url.uidvalidity = nz_number(take_to(text, "/"));
    if (!url.uidvalidity || !take(text, "/")) return false;
  } else {
    if (!name.ends_with('/')) return false;
    name.remove_suffix(1);
  }
  auto mailbox = decode(name);
  if (!mailbox || mailbox->empty() || !mime::is_utf8(*mailbox)) return false;
  url.mailbox = ascii::iequals(*mailbox, "INBOX") ? "INBOX" : *std::move(mailbox);
  return true;
}

}  // namespace

std::optional<MessageUrl> parse_message_url(std::string_view text) {
  MessageUrl url;
  if (text.size() > kMaxUrl || !parse_mailbox(text, url) || !take(text, ";UID=")) return std::nullopt;
  const auto uid = nz_number(take_to(text, "/"));
  if (!uid) return std::nullopt;
  url.uid = *uid;
  if (take(text, "/;SECTION=")) {
    const auto words = text.substr(0, text.find("/;"));
    text.remove_prefix(words.size());
    const auto decoded = decode(words);
    auto section = decoded && !decoded->empty() ? mime::parse_section(*decoded) : std::nullopt;
    if (!section) return std::nullopt;
    url.section = *std::move(section);
  }
  if (take(text, "/;PARTIAL=")) {
    url.partial = parse_partial(text);
    if (!url.partial) return std::nullopt;
    text = {};
  }
  if (!text.empty()) return std::nullopt;
  return url;
}

std::string printable_url(std::string_view url) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : url.substr(0, kMaxPrinted)) {
    if (c > ' ' && c < '\x7F' && c != ']') {
      out.push_back(c);
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[octet >> 4]);
    out.push_back(kDigits[octet & 0xF]);
  }
  return out;
}

}  // namespace quartet::imapd
