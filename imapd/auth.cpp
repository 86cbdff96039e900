// Who the client is: LOGIN and AUTHENTICATE, and what it is offered before and after (RFC 3501 sections 6.1.1, 6.2).
#include <algorithm>
#include <utility>

#include "common/sasl/exchange.h"
#include "imapd/commands.h"
#include "imapd/login.h"

namespace quartet::imapd {
namespace {

constexpr const char* kBeforeLogin = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE";
constexpr const char* kAfterLogin =
    " NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE REPLACE MULTIAPPEND ESEARCH SEARCHRES WITHIN LIST-EXTENDED LIST-STATUS "
    "SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE BINARY PREVIEW OBJECTID SAVEDATE UNAUTHENTICATE CONDSTORE QRESYNC "
    "CATENATE URL-PARTIAL UTF8=ACCEPT INPROGRESS UIDONLY "
    "PARTIAL SORT SORT=DISPLAY ESORT I18NLEVEL=1 SEARCH=FUZZY FILTERS CONTEXT=SEARCH CONTEXT=SORT MULTISEARCH NOTIFY "
    "THREAD=REFERENCES THREAD=ORDEREDSUBJECT METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE";

using LoggedIn = std::expected<std::string, Refusal>;

async::Task<LoggedIn> check(Context& context, sasl::Claim claim) {
  co_return co_await log_in(context.services, {"imap", context.client, context.secure, context.options.guard},
                            std::move(claim), context.failed_logins);
}

/// The response codes are those of RFC 5530.
Reply answer_to(Context& context, LoggedIn account) {
  if (account) {
    context.account = *std::move(account);
    return Reply::ok("Logged in", "CAPABILITY " + capabilities(context));
  }
  switch (account.error()) {
    case Refusal::kTooMany:
      return Reply::no("Too many sessions of this account", "LIMIT");
    case Refusal::kUnknown:
      return Reply::no("Nobody can tell now who you are, come later", "UNAVAILABLE");
    case Refusal::kLater:
      context.failed_logins = kMostFailedLogins;
      return Reply::no("Too many failed logins, come later", "UNAVAILABLE");
    case Refusal::kWrong:
      break;
  }
  return Reply::no("Wrong user or password", "AUTHENTICATIONFAILED");
}

/// A mechanism that is there within TLS must not seem to be missing for good.
Reply not_offered(const Context& context, const std::string& mechanism) {
  const auto within_tls = offered_mechanisms(context.services, true, {});
  const bool later = !context.secure && std::ranges::find(within_tls, mechanism) != within_tls.end();
  return later ? Reply::no("This mechanism needs TLS", "PRIVACYREQUIRED") : Reply::no("No such mechanism", "CANNOT");
}

/// With what the mechanism still has to say, and the client's answer to that.
async::Task<Reply> conclude(Context& context, Input& input, sasl::Exchange& exchange, sasl::Claim claim) {
  auto account = co_await check(context, std::move(claim));
  const bool wrong = !account && account.error() == Refusal::kWrong;
  const auto last = account ? exchange.accepted() : wrong ? exchange.refused() : std::nullopt;
  if (last) {
    context.output.line("+ " + last->text);
    const auto line = co_await input.line();
    if (!line || (account && !line->empty())) {
      if (account && context.services.on_logout) context.services.on_logout(*account);
      co_return Reply::bad("Cancelled");
    }
  }
  co_return answer_to(context, std::move(account));
}

}  // namespace

bool may_login(const Context& context) { return context.secure || context.options.login_in_clear; }

std::string capabilities(const Context& context) {
  std::string out = kBeforeLogin;
  if (!context.account.empty()) {
    out += kAfterLogin;
    if (!context.compressed) out += " COMPRESS=DEFLATE";
    if (context.namespaces() != nullptr) out += " ACL RIGHTS=texk LIST-MYRIGHTS";
    if (const auto limit = context.options.message_limit; limit != 0) out += " MESSAGELIMIT=" + std::to_string(limit);
    out += " APPENDLIMIT=" + std::to_string(context.options.message_size);
    return out;
  }
  if (!context.secure && !context.compressed && context.options.tls != nullptr) out += " STARTTLS";
  if (!may_login(context)) return out + " LOGINDISABLED";
  for (const auto& mechanism : offered_mechanisms(context.services, context.secure, context.certificate))
    out += " AUTH=" + mechanism;
  return out;
}

Answer login(Context& context, const Login& command) {
  if (!may_login(context)) co_return Reply::no("Passwords are taken on TLS only", "PRIVACYREQUIRED");
  auto account = co_await check(context, {"", command.user, sasl::Password{command.password}});
  co_return answer_to(context, std::move(account));
}

Answer authenticate(Context& context, Input& input, const Authenticate& command) {
  auto mechanism = offered_mechanism(context.services, command.mechanism, context.channel, context.certificate);
  if (mechanism == nullptr) co_return not_offered(context, command.mechanism);
  if (!may_login(context)) co_return Reply::no("Passwords are taken on TLS only", "PRIVACYREQUIRED");
  sasl::Exchange exchange(std::move(mechanism));
  auto outcome = exchange.begin(command.response);
  for (;;) {
    if (auto* claim = std::get_if<sasl::Claim>(&outcome))
      co_return co_await conclude(context, input, exchange, std::move(*claim));
    if (std::holds_alternative<sasl::Exchange::Cancelled>(outcome)) co_return Reply::bad("Cancelled");
    if (std::holds_alternative<sasl::Malformed>(outcome)) co_return Reply::bad("Malformed response");
    context.output.line("+ " + std::get<sasl::Challenge>(outcome).text);
    const auto line = co_await input.line();
    if (!line) co_return Reply::bad("Cancelled");
    outcome = exchange.on_line(*line);
  }
}

}  // namespace quartet::imapd
