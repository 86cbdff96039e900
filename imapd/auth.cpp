// Who the client is: LOGIN and AUTHENTICATE, and what it is offered before and after (RFC 3501 sections 6.1.1, 6.2).
#include <utility>

#include "common/async/wait.h"
#include "common/base/encoding.h"
#include "common/log/log.h"
#include "common/sasl/server.h"
#include "common/service/passwords.h"
#include "imapd/commands.h"

namespace quartet::imapd {
namespace {

constexpr const char* kBeforeLogin = "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE IDLE";
constexpr const char* kAfterLogin =
    " NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE MULTIAPPEND ESEARCH SEARCHRES WITHIN LIST-EXTENDED LIST-STATUS "
    "SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE BINARY PREVIEW CONDSTORE QRESYNC PARTIAL SORT SORT=DISPLAY ESORT "
    "THREAD=REFERENCES THREAD=ORDEREDSUBJECT QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE";

Reply refusal() { return Reply::no("Wrong user or password", "AUTHENTICATIONFAILED"); }

async::Task<Reply> check(Context& context, sasl::Credentials credentials) {
  auto account = co_await context.services.authenticate(credentials.authentication, credentials.authorization,
                                                        std::move(credentials.password));
  if (account.empty()) {
    service::count_login("imap", false);
    log::warn("imap.login_refused",
              {{"login", credentials.authentication}, {"peer", context.peer}, {"reason", "wrong user or password"}});
    if (++context.failed_logins > 1) co_await async::sleep_for(service::kLoginPause);
    co_return refusal();
  }
  if (context.services.on_login && !context.services.on_login(account)) {
    log::warn("imap.login_refused", {{"login", account}, {"peer", context.peer}, {"reason", "too many sessions"}});
    co_return Reply::no("Too many sessions of this account", "LIMIT");
  }
  context.account = std::move(account);
  service::count_login("imap", true);
  log::info("imap.login", {{"account", context.account}, {"peer", context.peer}, {"tls", context.secure}});
  co_return Reply::ok("Logged in", "CAPABILITY " + capabilities(context));
}

}  // namespace

bool may_login(const Context& context) { return context.secure || context.options.login_in_clear; }

std::string capabilities(const Context& context) {
  std::string out = kBeforeLogin;
  if (!context.account.empty()) {
    out += kAfterLogin;
    out += " APPENDLIMIT=" + std::to_string(context.options.message_size);
    return out;
  }
  if (!context.secure && context.options.tls != nullptr) out += " STARTTLS";
  if (!may_login(context)) return out + " LOGINDISABLED";
  for (const auto& mechanism : sasl::server_mechanisms()) out += " AUTH=" + mechanism;
  return out;
}

Answer login(Context& context, const Login& command) {
  if (!may_login(context)) co_return Reply::no("Passwords are taken on TLS only", "PRIVACYREQUIRED");
  sasl::Credentials credentials;
  credentials.authentication = command.user;
  credentials.password = command.password;
  co_return co_await check(context, std::move(credentials));
}

Answer authenticate(Context& context, Input& input, const Authenticate& command) {
  const auto mechanism = sasl::make_server(command.mechanism);
  if (mechanism == nullptr) co_return Reply::no("No such mechanism", "CANNOT");
  if (!may_login(context)) co_return Reply::no("Passwords are taken on TLS only", "PRIVACYREQUIRED");
  auto encoded = command.response;
  std::optional<std::string> response;
  for (;;) {
    if (encoded) {
      response = base64_decode(*encoded);
      if (!response) co_return Reply::bad("Not base64");
    }
    auto step = mechanism->step(response ? std::optional<std::string_view>(*response) : std::nullopt);
    if (auto* credentials = std::get_if<sasl::Credentials>(&step))
      co_return co_await check(context, std::move(*credentials));
    if (std::holds_alternative<sasl::Malformed>(step)) co_return Reply::bad("Malformed response");
    context.output.line("+ " + base64_encode(std::get<sasl::Challenge>(step).text));
    encoded = co_await input.line(context.options.login_timeout);
    if (!encoded || *encoded == "*") co_return Reply::bad("Cancelled");
  }
}

}  // namespace quartet::imapd
