// What the parser of MAIL and RCPT lets through keeps its promises, and is read back when it is written again.
#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/check.h"
#include "common/mime/charset.h"
#include "common/smtp/outbound.h"
#include "common/smtp/path.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// The argument of a command line.
std::string argument_of(std::string line, std::string_view verb) {
  QUARTET_CHECK(line.starts_with(verb) && line.ends_with("\r\n"));
  line.erase(0, verb.size());
  line.resize(line.size() - 2);
  return line;
}

Capabilities everything() {
  Capabilities all;
  all.dsn = all.smtputf8 = all.trace = all.require_tls = all.priority = all.deliver_by = true;
  return all;
}

void check_mail(std::string_view input) {
  const Offered offered{
      .auth = true, .trace = true, .require_tls = true, .priority = true, .future_release = true, .deliver_by = true};
  const auto mail = parse_mail(input, offered);
  if (!mail) {
    QUARTET_CHECK(mail.error().code >= 500);
    return;
  }
  QUARTET_CHECK(mail->reverse_path.empty() || is_mailbox(mail->reverse_path, mail->smtputf8));
  QUARTET_CHECK(printable(mail->envid) && printable(mail->trace) && printable(mail->auth.value_or("")));
  OutboundTransaction out;
  out.reverse_path = mail->reverse_path;
  out.smtputf8 = mail->smtputf8;
  out.ret = mail->ret;
  out.envid = mail->envid;
  out.trace = mail->trace;
  if (mail->require_tls) out.require_tls = RequireTls::kAlways;
  out.priority = mail->priority.value_or(0);
  out.by = mail->by;
  Prepared prepared;
  prepared.body = mail->body;
  prepared.smtputf8 = mail->smtputf8;
  const auto again = parse_mail(argument_of(mail_command(out, everything(), prepared), "MAIL "), offered);
  QUARTET_CHECK(again.has_value());
  QUARTET_CHECK(again->reverse_path == mail->reverse_path && again->body == mail->body && again->ret == mail->ret);
  QUARTET_CHECK(again->require_tls == mail->require_tls && again->by == mail->by);
  QUARTET_CHECK(again->priority.value_or(0) == mail->priority.value_or(0));
  QUARTET_CHECK(!(mail->hold_for && mail->hold_until));
  QUARTET_CHECK(again->envid == mail->envid && again->trace == mail->trace && again->smtputf8 == mail->smtputf8);
}

void check_rcpt(std::string_view input) {
  const auto rcpt = parse_rcpt(input, {});
  if (!rcpt) {
    QUARTET_CHECK(rcpt.error().code >= 500);
    return;
  }
  // RFC 6533 section 3: UTF-8 in one type alone.
  const bool international = ascii::istarts_with(rcpt->orcpt, "utf-8;") && mime::is_utf8(rcpt->orcpt);
  QUARTET_CHECK(!rcpt->forward_path.empty() && (printable(rcpt->orcpt) || international));
  QUARTET_CHECK(rcpt->orcpt.find_first_of("\r\n") == std::string::npos);
  Prepared prepared;
  prepared.smtputf8 = true;
  const auto command = rcpt_command({rcpt->forward_path, rcpt->notify, rcpt->orcpt}, everything(), prepared);
  const auto again = parse_rcpt(argument_of(command, "RCPT "), {});
  // Written out, an ORCPT may be longer than it came: "+2B" stands for an octet that some send as it is.
  if (!again) return;
  QUARTET_CHECK(again->forward_path == rcpt->forward_path && again->notify == rcpt->notify &&
                again->orcpt == rcpt->orcpt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::as_text(data, size);
  check_mail(input);
  check_rcpt(input);
  QUARTET_CHECK(xtext_decode(xtext_encode(input)) == input);
  if (const auto decoded = xtext_decode(input)) QUARTET_CHECK(xtext_decode(xtext_encode(*decoded)) == decoded);
  return 0;
}
