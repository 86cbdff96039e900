// Paths and parameters of MAIL and RCPT: RFC 5321 sections 4.1.1.2, 4.1.1.3, 4.1.2, with RFC 1870 (SIZE), 6152 and 3030
// (BODY), 6531 (SMTPUTF8), 3461 (RET, ENVID, NOTIFY, ORCPT), 4954 (AUTH), 8689 (REQUIRETLS), and those of extensions.h.
// Sans-IO.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/smtp/extensions.h"
#include "common/smtp/reply.h"

namespace quartet::smtp {

enum class Body { k7Bit, k8BitMime, kBinaryMime };
enum class Ret { kDefault, kFull, kHeaders };

/// NOTIFY, combined with |; 0: the parameter was absent.
enum : std::uint8_t { kNotifySuccess = 1, kNotifyFailure = 2, kNotifyDelay = 4, kNotifyNever = 8 };

struct MailParameters {
  std::string reverse_path;  // local@domain without brackets; empty: the null reverse-path
  std::optional<std::uint64_t> size;
  Body body = Body::k7Bit;
  bool smtputf8 = false;
  Ret ret = Ret::kDefault;
  std::string envid;                // decoded from xtext
  std::optional<std::string> auth;  // decoded; "": AUTH=<>
  std::string trace;                // our own XTRACE, of trusted hops only
  bool require_tls = false;
  std::optional<std::int8_t> priority;
  std::optional<std::chrono::seconds> hold_for;  // not together with hold_until
  std::optional<WallTime> hold_until;
  std::optional<DeliverBy> by;
};

struct RcptParameters {
  std::string forward_path;  // local@domain, or "postmaster"
  std::uint8_t notify = 0;
  std::string orcpt;  // "type;address", decoded from xtext
};

/// Which parameters this session has offered; others are 555.
struct Offered {
  bool size = true;
  bool eight_bit = true;
  bool binary = true;
  bool smtputf8 = true;
  bool dsn = true;
  bool auth = false;
  bool trace = false;
  bool require_tls = false;
  bool priority = false;
  bool future_release = false;
  bool deliver_by = false;
};

/// The argument of MAIL ("FROM:<a@b> SIZE=1") or RCPT ("TO:<a@b>"); the error is the reply to send.
std::expected<MailParameters, Reply> parse_mail(std::string_view argument, const Offered& offered);
std::expected<RcptParameters, Reply> parse_rcpt(std::string_view argument, const Offered& offered);

/// A mailbox local@domain in its RFC 5321 form (quoted local parts, address literals; UTF-8 if `utf8`); sizes within
/// section 4.5.3.1 (local part 64, domain 255 octets). A longer local part will do if the whole fits into a path: SRS
/// and mailing lists make such ones.
bool is_mailbox(std::string_view text, bool utf8);

/// A domain name or an address literal, as in EHLO and after '@'.
bool is_domain(std::string_view text, bool utf8);

/// RFC 3461 section 4.
std::string xtext_encode(std::string_view text);
std::optional<std::string> xtext_decode(std::string_view text);

}  // namespace quartet::smtp
