#include "common/smtp/path.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/date.h"
#include "common/net/address.h"
#include "common/smtp/orcpt.h"

namespace quartet::smtp {
namespace {

constexpr std::size_t kMostLocalPart = 64;
constexpr std::size_t kMostDomain = 255;
constexpr std::size_t kMostMailbox = 254;  // in a path of 256 octets with its brackets

Reply syntax(std::string text) { return {501, "5.5.4", std::move(text)}; }

bool is_utf8_byte(char c) { return (c & 0x80) != 0; }

bool is_atext(char c, bool utf8) {
  return ascii::is_alnum(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos ||
         (utf8 && is_utf8_byte(c));
}

bool is_dot_string(std::string_view text, bool utf8) {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos)
    return false;
  return std::ranges::all_of(text, [utf8](char c) { return c == '.' || is_atext(c, utf8); });
}

bool is_quoted_string(std::string_view text, bool utf8) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '"') return false;
    if (text[i] == '\\' && ++i + 1 >= text.size()) return false;
    const bool printable = text[i] >= 0x20 && text[i] < 0x7f;
    if (!printable && !(utf8 && is_utf8_byte(text[i]))) return false;
  }
  return true;
}

/// RFC 5321 section 4.1.3: an IPv4 address, "IPv6:" and one, or another tag and what it means.
bool is_literal(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  const auto is = [](std::string_view ip, net::Address::Family family) {
    const auto address = net::Address::from_ip(ip, 0);
    return address && address->family() == family;
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return is(text, net::Address::Family::kIpv4);
  const auto tag = text.substr(0, colon);
  const auto rest = text.substr(colon + 1);
  if (ascii::iequals(tag, "IPv6")) return is(rest, net::Address::Family::kIpv6);
  const auto ldh = [](char c) { return ascii::is_alnum(c) || c == '-'; };
  const auto content = [](char c) { return c > 0x20 && c < 0x7f && c != '[' && c != '\\' && c != ']'; };
  return !tag.empty() && tag.back() != '-' && std::ranges::all_of(tag, ldh) && !rest.empty() &&
         std::ranges::all_of(rest, content);
}

bool is_label(std::string_view text, bool utf8) {
  if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-') return false;
  return std::ranges::all_of(
      text, [utf8](char c) { return ascii::is_alnum(c) || c == '-' || c == '_' || (utf8 && is_utf8_byte(c)); });
}

struct Path {
  std::string mailbox;
  std::string_view rest;  // the parameters
};

/// Where the path's '>' is: not one within a quoted local part.
std::size_t closing_bracket(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (text[i] == '>' && !quoted)
      return i;
  }
  return std::string_view::npos;
}

std::expected<Path, Reply> parse_path(std::string_view argument, std::string_view keyword, bool utf8) {
  if (!ascii::istarts_with(argument, keyword))
    return std::unexpected(syntax("expected " + std::string(keyword) + "<address>"));
  argument.remove_prefix(keyword.size());
  // RFC 5321 section 4.1.1.2 has no space here, but old clients send one, and it cannot mean anything else.
  while (argument.starts_with(' ')) argument.remove_prefix(1);
  const auto close = closing_bracket(argument);
  if (!argument.starts_with('<') || close == std::string_view::npos)
    return std::unexpected(syntax("the address must stand in < >"));
  auto mailbox = argument.substr(1, close - 1);
  const auto rest = argument.substr(close + 1);
  if (!rest.empty() && rest.front() != ' ') return std::unexpected(syntax("a space must follow the address"));
  // A source route is accepted and ignored (RFC 5321 appendix C).
  if (mailbox.starts_with('@')) {
    const auto colon = mailbox.find(':');
    if (colon == std::string_view::npos) return std::unexpected(syntax("bad source route"));
    mailbox.remove_prefix(colon + 1);
    if (mailbox.empty()) return std::unexpected(syntax("the address behind the source route is missing"));
  }
  if (!utf8 && std::ranges::any_of(mailbox, is_utf8_byte))
    return std::unexpected(Reply{553, "5.6.7", "an address beyond ASCII needs SMTPUTF8"});
  if (mailbox.empty() || ascii::iequals(mailbox, "postmaster")) return Path{std::string(mailbox), rest};
  if (!is_mailbox(mailbox, utf8)) {
    // RFC 3463 section 3.2: of a sender it is 5.1.7.
    return std::unexpected(Reply{553, keyword == "FROM:" ? "5.1.7" : "5.1.3", "bad address syntax"});
  }
  return Path{std::string(mailbox), rest};
}

/// Calls `take(keyword in upper case, value)` for each parameter, of which none may come twice; it returns a reply to
/// refuse.
template <typename Take>
std::optional<Reply> each_parameter(std::string_view rest, Take take) {
  std::vector<std::string> seen;
  for (const auto word : ascii::split(rest, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    const auto keyword = ascii::upper(word.substr(0, equals));
    if (std::ranges::find(seen, keyword) != seen.end()) return syntax("a parameter is given twice");
    seen.push_back(keyword);
    const auto value = equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    if (auto refusal = take(keyword, value)) return refusal;
  }
  return std::nullopt;
}

Reply unknown_parameter(const std::string& keyword) {
  return {555, "5.5.4", "parameter " + keyword.substr(0, 64) + " is not recognized"};
}

/// Parameters of extensions that change how and when the message is sent on.
std::optional<Reply> take_extension(MailParameters& mail, const Offered& offered, const std::string& keyword,
                                    std::string_view value) {
  if (keyword == "REQUIRETLS" && offered.require_tls) {
    if (!value.empty()) return syntax("REQUIRETLS takes no value");
    mail.require_tls = true;
  } else if (keyword == "MT-PRIORITY" && offered.priority) {
    mail.priority = parse_priority(value);
    if (!mail.priority) return syntax("bad MT-PRIORITY");
  } else if (keyword == "HOLDFOR" && offered.future_release) {
    mail.hold_for = parse_hold_for(value);
    if (!mail.hold_for) return syntax("bad HOLDFOR");
  } else if (keyword == "HOLDUNTIL" && offered.future_release) {
    mail.hold_until = mime::parse_rfc3339(value);
    if (!mail.hold_until) return syntax("bad HOLDUNTIL");
  } else if (keyword == "BY" && offered.deliver_by) {
    mail.by = parse_deliver_by(value);
    if (!mail.by) return syntax("bad BY");
  } else {
    return unknown_parameter(keyword);
  }
  // RFC 4865 section 4: one of them.
  if (mail.hold_for && mail.hold_until) return syntax("either HOLDFOR or HOLDUNTIL");
  return std::nullopt;
}

std::optional<Reply> take_mail(MailParameters& mail, const Offered& offered, const std::string& keyword,
                               std::string_view value) {
  if (keyword == "SIZE" && offered.size) {
    mail.size = ascii::to_number(value);
    if (!mail.size || value.size() > 20) return syntax("bad SIZE");
  } else if (keyword == "BODY" && offered.eight_bit) {
    if (ascii::iequals(value, "7BIT"))
      mail.body = Body::k7Bit;
    else if (ascii::iequals(value, "8BITMIME"))
      mail.body = Body::k8BitMime;
    else if (ascii::iequals(value, "BINARYMIME") && offered.binary)
      mail.body = Body::kBinaryMime;
    else
      return syntax("bad BODY");
  } else if (keyword == "SMTPUTF8" && offered.smtputf8) {
    if (!value.empty()) return syntax("SMTPUTF8 takes no value");
    mail.smtputf8 = true;
  } else if (keyword == "RET" && offered.dsn) {
    if (ascii::iequals(value, "FULL"))
      mail.ret = Ret::kFull;
    else if (ascii::iequals(value, "HDRS"))
      mail.ret = Ret::kHeaders;
    else
      return syntax("bad RET");
  } else if (keyword == "ENVID" && offered.dsn) {
    auto envid = printable_xtext(value);
    if (!envid || envid->empty() || envid->size() > 100) return syntax("bad ENVID");
    mail.envid = *std::move(envid);
  } else if (keyword == "AUTH" && offered.auth) {
    auto auth = value == "<>" ? std::optional<std::string>("") : printable_xtext(value);
    if (!auth) return syntax("bad AUTH");
    mail.auth = std::move(auth);
  } else if (keyword == "XTRACE" && offered.trace) {
    auto trace = printable_xtext(value);
    if (!trace || trace->size() > 64) return syntax("bad XTRACE");
    mail.trace = *std::move(trace);
  } else {
    return take_extension(mail, offered, keyword, value);
  }
  return std::nullopt;
}

std::optional<std::uint8_t> parse_notify(std::string_view value) {
  if (ascii::iequals(value, "NEVER")) return kNotifyNever;
  std::uint8_t notify = 0;
  for (const auto word : ascii::split(value, ',')) {
    if (ascii::iequals(word, "SUCCESS"))
      notify |= kNotifySuccess;
    else if (ascii::iequals(word, "FAILURE"))
      notify |= kNotifyFailure;
    else if (ascii::iequals(word, "DELAY"))
      notify |= kNotifyDelay;
    else
      return std::nullopt;
  }
  return notify;
}

std::optional<Reply> take_rcpt(RcptParameters& rcpt, const Offered& offered, const std::string& keyword,
                               std::string_view value) {
  if (keyword == "NOTIFY" && offered.dsn) {
    const auto notify = parse_notify(value);
    if (!notify) return syntax("bad NOTIFY");
    rcpt.notify = *notify;
  } else if (keyword == "ORCPT" && offered.dsn) {
    auto orcpt = parse_orcpt(value);
    const bool raw = std::ranges::any_of(value, is_utf8_byte);
    if (!orcpt || (raw && !offered.smtputf8)) return syntax("bad ORCPT");
    rcpt.orcpt = *std::move(orcpt);
  } else {
    return unknown_parameter(keyword);
  }
  return std::nullopt;
}

}  // namespace

bool is_domain(std::string_view text, bool utf8) {
  if (text.empty() || text.size() > kMostDomain || (utf8 && !mime::is_utf8(text))) return false;
  if (text.front() == '[') return is_literal(text);
  return std::ranges::all_of(ascii::split(text, '.'), [utf8](std::string_view label) { return is_label(label, utf8); });
}

bool is_mailbox(std::string_view text, bool utf8) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return false;
  const auto local = text.substr(0, at);
  if ((local.size() > kMostLocalPart && text.size() > kMostMailbox) || !is_domain(text.substr(at + 1), utf8))
    return false;
  if (utf8 && !mime::is_utf8(text)) return false;
  return is_dot_string(local, utf8) || is_quoted_string(local, utf8);
}

std::expected<MailParameters, Reply> parse_mail(std::string_view argument, const Offered& offered) {
  auto path = parse_path(argument, "FROM:", offered.smtputf8);
  if (!path) return std::unexpected(path.error());
  // Only a recipient may be <postmaster> (RFC 5321 section 4.1.1.3).
  if (!path->mailbox.empty() && path->mailbox.find('@') == std::string::npos)
    return std::unexpected(Reply{553, "5.1.7", "bad address syntax"});
  MailParameters mail;
  mail.reverse_path = std::move(path->mailbox);
  const auto refusal = each_parameter(path->rest, [&](const std::string& keyword, std::string_view value) {
    return take_mail(mail, offered, keyword, value);
  });
  if (refusal) return std::unexpected(*refusal);
  if (!mail.smtputf8 && std::ranges::any_of(mail.reverse_path, is_utf8_byte)) {
    return std::unexpected(Reply{553, "5.6.7", "an address beyond ASCII needs SMTPUTF8"});
  }
  return mail;
}

std::expected<RcptParameters, Reply> parse_rcpt(std::string_view argument, const Offered& offered) {
  auto path = parse_path(argument, "TO:", offered.smtputf8);
  if (!path) return std::unexpected(path.error());
  if (path->mailbox.empty()) return std::unexpected(Reply{501, "5.1.3", "the recipient's address is missing"});
  RcptParameters rcpt;
  rcpt.forward_path = std::move(path->mailbox);
  const auto refusal = each_parameter(path->rest, [&](const std::string& keyword, std::string_view value) {
    return take_rcpt(rcpt, offered, keyword, value);
  });
  if (refusal) return std::unexpected(*refusal);
  return rcpt;
}

std::string xtext_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c > 0x20 && c < 0x7f && c != '+' && c != '=') {
      out += c;
    } else {
      out += '+';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

std::optional<std::string> xtext_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c <= 0x20 || c == 0x7f || c == '=') return std::nullopt;
    if (c != '+') {
      out += c;
      continue;
    }
    const auto value = ascii::to_number<unsigned char>(text.substr(i + 1, 2), 16);
    if (!value || i + 2 >= text.size()) return std::nullopt;
    out += static_cast<char>(*value);
    i += 2;
  }
  return out;
}

}  // namespace quartet::smtp
