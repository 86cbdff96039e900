#include "common/sieve/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/builder.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/sieve/letter.h"

namespace quartet::sieve {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find_first_of("\r\n"))); }

/// Fields that every answer begins with.
Fields begin(const Answering& answering, const std::string& from, const std::string& to, const std::string& subject) {
  return {{"Date", to_rfc5322(answering.time)},
          {"From", from.empty() ? answering.user : from},
          {"To", to.empty() ? "undisclosed-recipients:;" : to},
          {"Subject", first_line(subject)},
          {"Message-ID", answering.message_id}};
}

bool is_message_id(std::string_view text) {
  // One that does not fit into a line cannot be written at all (RFC 5322 section 2.1.1).
  return text.size() < 900 && text.starts_with('<') && text.find('>') == text.size() - 1 && text.contains('@') &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

/// What is no identifier would be written as encoded words, which may not stand there (RFC 2047 section 5).
std::string ids_in(std::string text) {
  std::ranges::replace(text, '\t', ' ');
  std::string out;
  for (const auto word : ascii::split(text, ' '))
    if (is_message_id(word)) out.append(out.empty() ? "" : " ").append(word);
  return out;
}

/// RFC 5322 section 3.6.4; an old thread keeps its beginning and its end.
void refer(Fields& fields, std::string_view id, std::string_view before) {
  const auto message_id = ids_in(std::string(id)), references = ids_in(std::string(before));
  if (message_id.empty()) return;
  fields.emplace_back("In-Reply-To", message_id);
  const bool fits = references.size() < 4000;
  fields.emplace_back("References", references.empty() || !fits ? message_id : references + " " + message_id);
}

std::string list_of(const std::vector<std::string>& addresses) { return fmt::format("{}", fmt::join(addresses, ", ")); }

/// Our ids occur nowhere else.
std::string boundary_of(std::string_view message_id) {
  std::string out = "=_";
  for (const char c : message_id.substr(0, 60)) out += ascii::is_alnum(c) ? c : '_';
  return out;
}

std::string header_of(const Fields& fields) {
  auto out = mime::build_message({.fields = fields, .text = {}, .attachments = {}});
  // At the beginning of a line: the words may be in a Subject, too.
  return out.substr(0, out.find("\r\nMIME-Version:") + 2);
}

}  // namespace

std::string vacation_reply(const Vacation& vacation, const Answering& answering) {
  auto fields = begin(answering, vacation.from, vacation.to, vacation.subject);
  refer(fields, vacation.in_reply_to, vacation.references);
  fields.emplace_back("Auto-Submitted", "auto-replied (vacation)");
  fields.emplace_back("Precedence", "bulk");
  if (!vacation.mime)
    return mime::build_message({.fields = std::move(fields), .text = vacation.reason, .attachments = {}});
  auto out = header_of(fields) + "MIME-Version: 1.0\r\n";
  mime::append_crlf(out, vacation.reason);
  return out;
}

std::string notification(const Notify& notify, const Answering& answering) {
  auto fields = begin(answering, notify.from, list_of(notify.to.to), notify.message);
  if (!notify.to.cc.empty()) fields.emplace_back("Cc", list_of(notify.to.cc));
  fields.emplace_back("Auto-Submitted", fmt::format("auto-notified; owner-email=\"{}\"", answering.user));
  fields.emplace_back("X-Priority", notify.importance == "1"   ? "1 (Highest)"
                                    : notify.importance == "3" ? "5 (Lowest)"
                                                               : "3 (Normal)");
  for (const auto& [name, value] : notify.to.fields) {
    // RFC 5436 section 2.7: what the URI says never replaces what identifies the message or where it came from.
    static constexpr std::string_view kOurs[] = {
        "date",        "from",           "sender",       "message-id",   "received",
        "return-path", "auto-submitted", "content-type", "mime-version", "content-transfer-encoding"};
    if (std::ranges::none_of(kOurs, [&](auto known) { return ascii::iequals(known, name); }))
      fields.emplace_back(name, value);
  }
  const auto text = !notify.to.body.empty() ? notify.to.body
                                            : fmt::format("{}\r\n\r\nFrom: {}\r\nSubject: {}\r\n", notify.message,
                                                          notify.about_from, notify.about_subject);
  return mime::build_message({.fields = std::move(fields), .text = text, .attachments = {}});
}

std::string refusal(const Reject& reject, const std::string& sender, std::string_view original,
                    const Answering& answering) {
  const mime::Header header(original);
  auto fields = begin(answering, {}, sender, "Refused: " + header.text("Subject"));
  const auto message_id = header.text("Message-ID");
  refer(fields, message_id, header.text("References"));
  fields.emplace_back("Auto-Submitted", "auto-replied (rejected)");
  const auto boundary = boundary_of(answering.message_id);
  // RFC 5429 section 2.2.1.
  std::string text = mime::build_message(
      {.fields = {},
       .text = "Your message was refused by a mail filter of the recipient, which says:\r\n\r\n" + reject.reason,
       .attachments = {}});
  text.erase(0, text.find("Content-"));  // an entity has no MIME-Version
  std::string returned;
  mime::append_crlf(returned, original.substr(0, header.fields_size()));
  auto out = header_of(fields);
  out += fmt::format(
      "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=disposition-notification;\r\n "
      "boundary=\"{}\"\r\n\r\n",
      boundary);
  out += fmt::format("--{}\r\n{}\r\n", boundary, text);
  out += fmt::format(
      "--{0}\r\nContent-Type: message/disposition-notification\r\n\r\nReporting-UA: {1}; Quartet\r\n"
      "Final-Recipient: rfc822;{2}\r\n{3}Disposition: automatic-action/MDN-sent-automatically; deleted\r\n\r\n",
      boundary, answering.hostname, answering.user,
      message_id.empty() ? "" : fmt::format("Original-Message-ID: {}\r\n", message_id));
  out += fmt::format(
      "--{0}\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: {1}\r\n\r\n{2}\r\n--{0}--\r\n",
      boundary, mime::scan_lines(returned).eight_bit ? "8bit" : "7bit", returned);
  return out;
}

Edited with_fault(std::string_view message, std::string_view fault) {
  Letter letter(message);
  letter.add("X-Sieve-Error", fault, false);
  return letter.edited();
}

}  // namespace quartet::sieve
