// Whether a reply is due (RFC 5230 section 4.5 and 4.6), and which.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/ascii.h"
#include "common/mime/address.h"
#include "common/mime/encoded_word.h"
#include "common/sieve/address.h"
#include "common/sieve/compiler.h"
#include "common/sieve/interpreter.h"

namespace quartet::sieve {
namespace {

/// Local parts that no person reads.
bool is_machine(std::string_view address) {
  const auto local = ascii::lower(address.substr(0, address.rfind('@')));
  static constexpr std::array<std::string_view, 7> kNames = {"mailer-daemon", "listserv", "majordomo", "noreply",
                                                             "no-reply",      "bounce",   "bounces"};
  return std::ranges::count(kNames, local) != 0 || local.starts_with("owner-") || local.ends_with("-request") ||
         local.ends_with("-owner") || local.starts_with("bounce-") || local.starts_with("bounces+");
}

/// RFC 5230 section 5.2.
std::string default_subject(const std::string& original) {
  return original.empty() ? "Automated reply" : "Auto: " + original;
}

bool is_message_id(std::string_view text) {
  text = ascii::trim(text);
  return text.starts_with('<') && text.find('>') == text.size() - 1 && text.contains('@') && !text.contains(' ');
}

bool contains_address(const std::vector<std::string>& list, std::string_view address) {
  return std::ranges::any_of(list, [&](const auto& one) { return ascii::iequals(one, address); });
}

}  // namespace

/// "" if it is due.
std::string Interpreter::why_no_reply(const std::vector<std::string>& mine) const {
  if (input_.from.empty()) return "the sender is <>";
  if (is_machine(input_.from)) return "the sender is a program";
  if (contains_address(mine, input_.from) || is_own(input_.from)) return "the sender is the user";
  const auto automatic = letter_.first("Auto-Submitted");
  if (!automatic.empty() && !ascii::istarts_with(automatic, "no")) return "the message was sent by a program";
  for (const auto* name :
       {"List-Id", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Post", "List-Owner", "List-Archive"}) {
    if (!letter_.fields(name).empty()) return "the message came by a list";
  }
  const auto precedence = ascii::lower(letter_.first("Precedence"));
  if (precedence == "bulk" || precedence == "junk" || precedence == "list") return "the message was sent to many";
  // What Exchange asks for, as others do who answer.
  const auto suppressed = ascii::lower(letter_.first("X-Auto-Response-Suppress"));
  if (suppressed.contains("all") || suppressed.contains("oof")) return "the message asks for no automatic answer";
  for (const auto* name : {"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"}) {
    for (const auto field : letter_.fields(name)) {
      for (const auto& address : mime::parse_addresses(field)) {
        if (contains_address(mine, address.address()) || is_own(address.address())) return "";
      }
    }
  }
  return "no address of the user is named as recipient";
}

void Interpreter::act(const VacationSpec& spec) {
  if (has_vacation_) return fail("vacation twice");
  has_vacation_ = true;
  for (const auto& action : out_.actions) {
    if (std::holds_alternative<Reject>(action)) return fail("vacation after reject");
  }
  auto mine = own_addresses();
  for (const auto& address : values(spec.addresses)) {
    if (auto one = single_address(address); !one.empty()) mine.push_back(std::move(one));
  }
  Vacation out;
  out.from = spec.from ? single_mailbox(value(*spec.from)) : std::string();
  if (!out.from.empty()) mine.push_back(single_address(out.from));
  out_.no_vacation = why_no_reply(mine);
  if (!out_.no_vacation.empty()) return;
  out.to = input_.from;
  out.seconds = spec.seconds;
  out.mime = spec.mime;
  out.reason = value(spec.reason);
  const auto subject = spec.subject ? value(*spec.subject) : std::string();
  // RFC 5230 section 4.2: without a handle, what is said is what distinguishes.
  const auto handle = spec.handle ? "handle\n" + value(*spec.handle)
                                  : fmt::format("said\n{}\n{}\n{}\n{}", subject, out.from, out.mime, out.reason);
  out.key = fmt::format("vacation\n{}\n{}", ascii::lower(out.to), handle);
  out.subject = spec.subject ? subject : default_subject(mime::decode_words(letter_.first("Subject")));
  out.in_reply_to = letter_.first("Message-ID");
  out.references = letter_.first("References");
  // RFC 5322 section 3.6.4: only one that names a single message; old ones hold prose.
  const auto before = letter_.first("In-Reply-To");
  if (out.references.empty() && is_message_id(before)) out.references = before;
  add(std::move(out));
}

}  // namespace quartet::sieve
