#include "common/smtp/server_machine.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"
#include "common/sasl/server.h"
#include "common/smtp/atrn.h"

namespace quartet::smtp {
namespace {

/// RFC 2645 section 5.1: before the connection is turned around there is nothing to say of mail.
bool is_odmr(Verb verb) {
  switch (verb) {
    case Verb::kEhlo:
    case Verb::kHelo:
    case Verb::kStartTls:
    case Verb::kAuth:
    case Verb::kAtrn:
    case Verb::kNoop:
    case Verb::kRset:
    case Verb::kQuit:
    case Verb::kUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace

Reply ServerMachine::greeting() const {
  return {220, "", fmt::format("{} {} Quartet", features_.hostname, features_.lmtp ? "LMTP" : "ESMTP")};
}

void ServerMachine::count(const Reply& reply) {
  if (!reply.positive()) ++errors_;
}

ServerMachine::Action ServerMachine::refuse(int code, std::string enhanced, std::string text) {
  Reply reply(code, std::move(enhanced), std::move(text));
  count(reply);
  if (too_many_errors()) return Say{Reply(421, "4.7.0", "too many errors"), true};
  return Say{std::move(reply), false};
}

ServerMachine::Action ServerMachine::on_line_error(LineError error) {
  if (error == LineError::kTooLong) return refuse(500, "5.5.2", "line too long");
  if (error == LineError::kAuthTooLong) return refuse(500, "5.5.6", "the response is too long");
  return Say{Reply(500, "5.5.2", "a line must end with CR LF, and neither stands elsewhere"), true};
}

std::vector<std::string> ServerMachine::mechanisms() const {
  auto out = secure_ || features_.auth_in_clear ? features_.mechanisms : features_.clear_mechanisms;
  if (certified_ && !out.empty()) out.emplace(out.begin(), sasl::kExternal);
  return out;
}

Offered ServerMachine::offered() const {
  return {.size = esmtp_,
          .eight_bit = esmtp_,
          .binary = esmtp_,
          .smtputf8 = esmtp_,
          .dsn = esmtp_ && features_.dsn,
          .auth = esmtp_ && !mechanisms().empty(),
          .trace = esmtp_ && features_.trace,
          .require_tls = esmtp_ && require_tls_offered(),
          .priority = esmtp_ && features_.priority,
          .future_release = esmtp_ && features_.future_release.has_value(),
          .deliver_by = esmtp_ && features_.deliver_by.has_value()};
}

std::vector<std::string> ServerMachine::capabilities() const {
  if (features_.odmr) {
    // No PIPELINING: ATRN must be the last thing that is said before the answer to it.
    std::vector<std::string> lines = {features_.hostname, "ENHANCEDSTATUSCODES", "ATRN"};
    add_security(lines);
    return lines;
  }
  std::vector<std::string> lines = {
      features_.hostname,
      "PIPELINING",
      fmt::format("SIZE {}", features_.limits.message_size),
      "8BITMIME",
      "CHUNKING",
      "BINARYMIME",
      "SMTPUTF8",
      "ENHANCEDSTATUSCODES",
      fmt::format("LIMITS MAILMAX={} RCPTMAX={}", features_.limits.transactions, features_.limits.recipients)};
  if (features_.dsn) lines.emplace_back("DSN");
  add_security(lines);
  if (features_.etrn) lines.emplace_back("ETRN");
  if (features_.trace) lines.emplace_back("XTRACE");
  add_extensions(lines);
  return lines;
}

void ServerMachine::add_extensions(std::vector<std::string>& lines) const {
  if (require_tls_offered()) lines.emplace_back("REQUIRETLS");
  if (features_.priority) lines.emplace_back("MT-PRIORITY");
  if (features_.xclient) lines.emplace_back(offer_of(AttributeCommand::kXclient));
  if (features_.xforward) lines.emplace_back(offer_of(AttributeCommand::kXforward));
  if (const auto& release = features_.future_release) {
    lines.push_back(fmt::format("FUTURERELEASE {} {:%Y-%m-%dT%H:%M:%S}Z", release->most_seconds,
                                std::chrono::floor<std::chrono::seconds>(release->latest)));
  }
  if (const auto& by = features_.deliver_by)
    lines.push_back(by->least_seconds == 0 ? "DELIVERBY" : fmt::format("DELIVERBY {}", by->least_seconds));
}

void ServerMachine::add_security(std::vector<std::string>& lines) const {
  if (features_.starttls && !secure_) lines.emplace_back("STARTTLS");
  const auto names = mechanisms();
  if (names.empty()) return;
  std::string line = "AUTH";
  for (const auto& mechanism : names) line += " " + mechanism;
  lines.push_back(std::move(line));
}

ServerMachine::Action ServerMachine::on_command(const Command& command) {
  if (features_.odmr && !is_odmr(command.verb)) return refuse(502, "5.5.1", "this is ODMR: say ATRN");
  switch (command.verb) {
    case Verb::kEhlo:
    case Verb::kHelo:
    case Verb::kLhlo:
      return on_hello(command);
    case Verb::kMail:
      return on_mail(command);
    case Verb::kRcpt:
      return on_rcpt(command);
    case Verb::kData:
      return on_data(command);
    case Verb::kBdat:
      return on_bdat(command);
    case Verb::kRset:
      if (!command.argument.empty()) return refuse(501, "5.5.4", "RSET takes no argument");
      reset();
      return Say{Reply(250, "2.0.0", "forgotten")};
    case Verb::kNoop:
      return Say{Reply(250, "2.0.0", "done")};
    case Verb::kVrfy:
      if (command.argument.empty()) return refuse(501, "5.5.4", "expected VRFY name");
      // RFC 5321 section 3.5.3: neither yes nor no.
      return Say{Reply(252, "2.5.0", "cannot verify; send, and it will be tried")};
    case Verb::kExpn:
      return refuse(502, "5.5.1", "EXPN is not implemented");
    case Verb::kHelp:
      return Say{Reply(214, "2.0.0", "see RFC 5321")};
    case Verb::kQuit:
      return Say{Reply(221, "2.0.0", "goodbye"), true};
    case Verb::kStartTls:
      return on_starttls(command);
    case Verb::kAuth:
      return on_auth(command);
    case Verb::kEtrn:
      return on_etrn(command);
    case Verb::kAtrn:
      return on_atrn(command);
    case Verb::kXclient:
      return on_attributes(AttributeCommand::kXclient, command.argument);
    case Verb::kXforward:
      return on_attributes(AttributeCommand::kXforward, command.argument);
    case Verb::kUnknown:
      break;
  }
  return refuse(500, "5.5.2", "command not recognized");
}

ServerMachine::Action ServerMachine::on_hello(const Command& command) {
  const bool lhlo = command.verb == Verb::kLhlo;
  if (lhlo != features_.lmtp) {
    return refuse(500, "5.5.1", features_.lmtp ? "this is LMTP: use LHLO" : "this is not LMTP: use EHLO");
  }
  const auto domain = ascii::trim(command.argument);
  // Many clients send names that are none (RFC 5321 section 4.1.4 forbids to refuse mail for that); only what could not
  // be logged or written into Received is refused.
  const bool printable = std::ranges::all_of(
      domain, [](char c) { return c > 0x20 && c != 0x7f && c != '<' && c != '>' && c != '(' && c != ')'; });
  if (domain.empty() || domain.size() > 255 || !printable) return refuse(501, "5.5.4", "expected a domain name");
  Hello hello{std::string(domain), Reply(250, "", features_.hostname)};
  if (command.verb != Verb::kHelo) {
    const bool before = std::exchange(esmtp_, true);
    hello.reply.lines = capabilities();
    esmtp_ = before;
  }
  return hello;
}

void ServerMachine::hello_answered(const Hello& hello, const Reply& reply) {
  count(reply);
  if (!reply.positive()) return;
  reset();
  hello_domain_ = hello.domain;
  esmtp_ = hello.reply.lines.size() > 1;
}

ServerMachine::Action ServerMachine::on_mail(const Command& command) {
  if (hello_domain_.empty()) return refuse(503, "5.5.1", features_.lmtp ? "say LHLO first" : "say EHLO first");
  if (in_mail_) return refuse(503, "5.5.1", "a transaction is under way");
  if (features_.tls_required && !secure_) return refuse(530, "5.7.0", "say STARTTLS first");
  if (features_.auth_required && !authenticated_) return refuse(530, "5.7.0", "authentication required");
  if (transactions_ >= features_.limits.transactions)
    return Say{Reply(421, "4.7.0", "enough for one session; connect again"), true};
  auto parameters = parse_mail(command.argument, offered());
  if (!parameters) return refuse(parameters.error().code, parameters.error().enhanced, parameters.error().text());
  if (parameters->size.value_or(0) > features_.limits.message_size) {
    return refuse(552, "5.3.4", fmt::format("a message may have {} octets", features_.limits.message_size));
  }
  return Mail{*std::move(parameters)};
}

void ServerMachine::mail_answered(MailParameters parameters, const Reply& reply) {
  count(reply);
  if (!reply.positive()) return;
  in_mail_ = true;
  ++transactions_;
  transaction_ = {std::move(parameters), {}};
}

ServerMachine::Action ServerMachine::on_rcpt(const Command& command) {
  if (!in_mail_ || bdat_started_) return refuse(503, "5.5.1", "say MAIL first");
  // RFC 5321 section 4.5.3.1.10: 452, so that the client sends the rest in another transaction.
  // No error of the client's: else a long list would be cut off by errors_until_close, again at each attempt.
  if (transaction_.recipients.size() >= features_.limits.recipients)
    return Say{Reply(452, "4.5.3", "too many recipients")};
  auto what = offered();
  what.smtputf8 = transaction_.mail.smtputf8;
  auto parameters = parse_rcpt(command.argument, what);
  if (!parameters) return refuse(parameters.error().code, parameters.error().enhanced, parameters.error().text());
  return Rcpt{*std::move(parameters)};
}

void ServerMachine::rcpt_answered(RcptParameters parameters, const Reply& reply) {
  // LMTP is spoken by MTAs of the site, which guess no addresses: a list with many full mailboxes would be cut off each
  // time it is tried, and who comes behind them never get their mail.
  if (!features_.lmtp) count(reply);
  if (reply.positive()) transaction_.recipients.push_back(std::move(parameters));
}

ServerMachine::Action ServerMachine::on_data(const Command& command) {
  if (!command.argument.empty()) return refuse(501, "5.5.4", "DATA takes no argument");
  if (!in_mail_) return refuse(503, "5.5.1", "say MAIL first");
  if (bdat_started_) return refuse(503, "5.5.1", "the message has begun with BDAT");
  if (transaction_.mail.body == Body::kBinaryMime) return refuse(503, "5.5.1", "BINARYMIME needs BDAT");
  if (transaction_.recipients.empty()) {
    // Said along with the recipients (RFC 2920) it is no error where refusing these was none.
    if (features_.lmtp) return Say{Reply(no_recipients(), "5.5.1", "no valid recipients")};
    return refuse(no_recipients(), "5.5.1", "no valid recipients");
  }
  return Data{};
}

ServerMachine::Action ServerMachine::on_bdat(const Command& command) {
  const auto space = command.argument.find(' ');
  const auto size = ascii::to_number(std::string_view(command.argument).substr(0, space));
  const auto rest =
      space == std::string::npos ? std::string_view() : std::string_view(command.argument).substr(space + 1);
  const bool last = ascii::iequals(rest, "LAST");
  // Without a size the following octets cannot be told from commands: the session ends (RFC 3030 section 2).
  if (!size || (!rest.empty() && !last)) return Say{Reply(501, "5.5.4", "expected BDAT size [LAST]"), true};
  Bdat chunk{*size, last, std::nullopt};
  if (!in_mail_)
    chunk.refusal = Reply(503, "5.5.1", "say MAIL first");
  else if (transaction_.recipients.empty())
    chunk.refusal = Reply(no_recipients(), "5.5.1", "no valid recipients");
  if (chunk.refusal && !(features_.lmtp && in_mail_)) count(*chunk.refusal);
  bdat_started_ = in_mail_ && !chunk.refusal;
  return chunk;
}

ServerMachine::Action ServerMachine::on_starttls(const Command& command) {
  if (!command.argument.empty()) return refuse(501, "5.5.4", "STARTTLS takes no argument");
  if (!features_.starttls) return refuse(502, "5.5.1", "STARTTLS is not offered");
  if (secure_) return refuse(503, "5.5.1", "TLS is active");
  if (in_mail_) return refuse(503, "5.5.1", "not within a transaction");
  return StartTls{Reply(220, "2.0.0", "begin TLS")};
}

void ServerMachine::tls_started() {
  reset();
  hello_domain_.clear();
  esmtp_ = false;
  authenticated_ = false;
  secure_ = true;
}

ServerMachine::Action ServerMachine::on_auth(const Command& command) {
  if (features_.mechanisms.empty()) return refuse(502, "5.5.1", "AUTH is not offered");
  if (!esmtp_) return refuse(503, "5.5.1", "say EHLO first");
  const auto offered = mechanisms();
  if (offered.empty()) return refuse(538, "5.7.11", "encryption is required for authentication");
  if (authenticated_) return refuse(503, "5.5.1", "already authenticated");
  if (in_mail_) return refuse(503, "5.5.1", "not within a transaction");
  const auto words = ascii::split(command.argument, ' ');
  const auto mechanism = ascii::upper(words[0]);
  if (mechanism.empty()) return refuse(501, "5.5.4", "expected AUTH mechanism [response]");
  const auto has = [&mechanism](const auto& list) { return std::ranges::find(list, mechanism) != list.end(); };
  if (!has(offered) && has(features_.mechanisms))
    return refuse(538, "5.7.11", "encryption is required for this mechanism");
  if (!has(offered)) return refuse(504, "5.5.4", "mechanism not known");
  if (words.size() > 2) return refuse(501, "5.5.4", "expected AUTH mechanism [response]");
  // RFC 4954 section 4: it is the server that begins.
  if (words.size() == 2 && mechanism == sasl::kCramMd5) return refuse(501, "5.7.0", "CRAM-MD5 has no initial response");
  Auth auth{mechanism, std::nullopt};
  if (words.size() == 2) auth.initial = words[1] == "=" ? std::string() : std::string(words[1]);
  return auth;
}

void ServerMachine::auth_answered(const Reply& reply) {
  count(reply);
  if (reply.code == 235) authenticated_ = true;
}

ServerMachine::Action ServerMachine::on_etrn(const Command& command) {
  if (!features_.etrn) return refuse(502, "5.5.1", "ETRN is not offered");
  if (hello_domain_.empty()) return refuse(503, "5.5.1", "say EHLO first");
  if (in_mail_) return refuse(503, "5.5.1", "not within a transaction");
  if (command.argument.empty()) return refuse(500, "5.5.4", "expected ETRN name");
  const std::string_view name = command.argument;
  const bool option = name.starts_with('@') || name.starts_with('#');
  if (!is_domain(name.substr(option ? 1 : 0), false)) return refuse(501, "5.5.4", "bad name");
  return Etrn{command.argument};
}

/// RFC 2645 section 5.2.1: the authentication is asked for before anything else.
ServerMachine::Action ServerMachine::on_atrn(const Command& command) {
  if (!features_.odmr) return refuse(502, "5.5.1", "ATRN is not offered");
  if (!authenticated_) return refuse(530, "5.7.0", "authentication required");
  auto domains = parse_atrn(command.argument);
  if (!domains) return refuse(501, "5.5.4", "expected ATRN [domain[,domain...]]");
  return Atrn{*std::move(domains)};
}

ServerMachine::Action ServerMachine::on_attributes(AttributeCommand command, const std::string& argument) {
  const bool offered = command == AttributeCommand::kXclient ? features_.xclient : features_.xforward;
  if (!offered) return refuse(550, "5.7.0", "not offered to you");
  if (in_mail_) return refuse(503, "5.5.1", "not within a transaction");
  auto attributes = parse_attributes(command, argument);
  if (!attributes) return refuse(attributes.error().code, attributes.error().enhanced, attributes.error().text());
  return Attributes{command, *std::move(attributes)};
}

void ServerMachine::client_changed(bool authenticated) {
  reset();
  hello_domain_.clear();
  esmtp_ = false;
  certified_ = false;
  authenticated_ = authenticated;
}

void ServerMachine::queue_start_answered(const Reply& reply) { count(reply); }

void ServerMachine::message_ended() { reset(); }

void ServerMachine::reset() {
  in_mail_ = false;
  bdat_started_ = false;
  transaction_ = {};
}

}  // namespace quartet::smtp
