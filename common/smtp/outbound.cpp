#include "common/smtp/outbound.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/mime/charset.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/mime/seven_bit.h"
#include "common/smtp/orcpt.h"

namespace quartet::smtp {
namespace {

/// Many clients say SMTPUTF8 wherever it is offered (RFC 6531 section 3.4 wants it only where it is needed). What needs
/// none may go to a server without it.
bool needs_smtputf8(const OutboundTransaction& transaction) {
  const auto ascii = [](const OutboundRecipient& recipient) { return mime::is_ascii(recipient.address); };
  return !mime::is_ascii(transaction.reverse_path) || !std::ranges::all_of(transaction.recipients, ascii) ||
         mime::needs(transaction.message).eight_bit_header;
}

std::string notify_text(std::uint8_t notify) {
  if ((notify & kNotifyNever) != 0) return "NEVER";
  std::string text;
  if ((notify & kNotifySuccess) != 0) text += ",SUCCESS";
  if ((notify & kNotifyFailure) != 0) text += ",FAILURE";
  if ((notify & kNotifyDelay) != 0) text += ",DELAY";
  return text.substr(1);
}

/// RFC 5321 section 4.5.3.1.6: some hosts refuse longer lines, others cut them. What is signed stays as it is: changed,
/// it would be refused by more of them.
bool is_to_be_wrapped(const OutboundTransaction& transaction) {
  return !transaction.long_lines && transaction.body != Body::kBinaryMime && mime::has_long_line(transaction.message) &&
         mime::Header(transaction.message).find("DKIM-Signature") == nullptr;
}

std::expected<void, Reply> fits(std::size_t size, const Capabilities& offered) {
  if (offered.size_limit == 0 || size <= offered.size_limit) return {};
  return std::unexpected(Reply(552, "5.3.4", fmt::format("the server takes {} octets at most", offered.size_limit)));
}

}  // namespace

std::expected<void, Reply> prepare(const OutboundTransaction& transaction, const Capabilities& offered, Prepared& out) {
  out.message = transaction.message;
  out.body = transaction.body;
  out.smtputf8 = transaction.smtputf8 && offered.smtputf8;
  // RFC 6531 section 3.1.
  if (transaction.smtputf8 && !offered.smtputf8 && needs_smtputf8(transaction))
    return std::unexpected(Reply(553, "5.6.7", "the server does not take internationalized mail"));
  // RFC 8689 section 4.2.1.
  if (transaction.require_tls == RequireTls::kAlways && !offered.require_tls)
    return std::unexpected(Reply(550, "5.7.30", "the server does not offer REQUIRETLS"));
  // RFC 2852 section 4.1.4: a message that must come back in time goes only to who brings it back.
  if (transaction.by && !transaction.by->notify) {
    if (!offered.deliver_by) return std::unexpected(Reply(550, "5.3.3", "the server does not offer DELIVERBY"));
    if (transaction.by->seconds < offered.deliver_by_least) {
      return std::unexpected(
          Reply(550, "5.4.7", fmt::format("the server takes no less than {} seconds", offered.deliver_by_least)));
    }
  }
  const bool cannot_binary = out.body == Body::kBinaryMime && !(offered.binary && offered.chunking);
  const bool cannot_eight_bit = out.body == Body::k8BitMime && !offered.eight_bit;
  // Clients send it without saying so.
  const bool undeclared = out.body == Body::k7Bit && !offered.eight_bit && !mime::is_ascii(out.message);
  const bool must = cannot_binary || cannot_eight_bit;
  if (must || undeclared || is_to_be_wrapped(transaction)) {
    auto converted = transaction.to_seven_bit ? transaction.to_seven_bit(transaction.message) : std::nullopt;
    if (!converted && !must) return fits(out.message.size(), offered);
    // Binary by its name only: a signature, or octets of a header, are no reason to return it (RFC 3030 section 3).
    if (!converted && offered.eight_bit && !mime::needs(out.message).binary) {
      out.body = Body::k8BitMime;
      return fits(out.message.size(), offered);
    }
    if (!converted) {
      return std::unexpected(Reply(554, "5.6.3",
                                   fmt::format("the server takes {}, and this message cannot be converted",
                                               offered.eight_bit ? "no binary mail" : "7-bit mail only")));
    }
    out.converted = *std::move(converted);
    out.message = out.converted;
    out.body = Body::k7Bit;
  }
  return fits(out.message.size(), offered);
}

std::string mail_command(const OutboundTransaction& transaction, const Capabilities& offered,
                         const Prepared& prepared) {
  std::string line = fmt::format("MAIL FROM:<{}>", transaction.reverse_path);
  if (offered.size) line += fmt::format(" SIZE={}", prepared.message.size());
  if (prepared.body == Body::k8BitMime) line += " BODY=8BITMIME";
  if (prepared.body == Body::kBinaryMime) line += " BODY=BINARYMIME";
  if (prepared.smtputf8) line += " SMTPUTF8";
  if (offered.dsn && transaction.ret != Ret::kDefault)
    line += transaction.ret == Ret::kFull ? " RET=FULL" : " RET=HDRS";
  if (offered.dsn && !transaction.envid.empty()) line += " ENVID=" + xtext_encode(transaction.envid);
  // RFC 4954 section 5: who submitted the message we do not vouch for, and it is no submission of our own login's.
  if (offered.logged_in) line += " AUTH=<>";
  if (offered.trace && !transaction.trace.empty()) line += " XTRACE=" + xtext_encode(transaction.trace);
  if (offered.require_tls && transaction.require_tls != RequireTls::kNo) line += " REQUIRETLS";
  if (offered.priority && transaction.priority != 0) line += fmt::format(" MT-PRIORITY={}", transaction.priority);
  if (offered.deliver_by && transaction.by) line += " BY=" + to_string(*transaction.by);
  return line + "\r\n";
}

std::string rcpt_command(const OutboundRecipient& recipient, const Capabilities& offered, const Prepared& prepared) {
  std::string line = fmt::format("RCPT TO:<{}>", recipient.address);
  if (offered.dsn && recipient.notify != 0) line += " NOTIFY=" + notify_text(recipient.notify);
  if (offered.dsn && !recipient.orcpt.empty()) line += " ORCPT=" + orcpt_value(recipient.orcpt, prepared.smtputf8);
  return line + "\r\n";
}

}  // namespace quartet::smtp
