#include "ctl/transfer/imap_client.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <chrono>

#include "common/base/ascii.h"
#include "common/base/scope.h"
#include "common/net/socket.h"
#include "common/sasl/client.h"
#include "common/tls/stream.h"

namespace quartet::transfer {
namespace {

constexpr std::chrono::seconds kConnect{30};
/// A server may take its time for a large mailbox; it says nothing meanwhile.
constexpr std::chrono::seconds kSilence{300};
constexpr std::chrono::seconds kLogout{5};

/// Blocks.
Outcome<std::vector<net::Address>> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failed != 0) return std::unexpected(host + ": " + ::gai_strerror(failed));
  const ScopeExit free([list] { ::freeaddrinfo(list); });
  std::vector<net::Address> addresses;
  for (const auto* one = list; one != nullptr; one = one->ai_next)
    addresses.push_back(net::Address::from_sockaddr(*one->ai_addr).with_port(port));
  return addresses;
}

async::Task<Outcome<std::unique_ptr<net::Stream>>> connect(std::string host, std::uint16_t port,
                                                           async::ThreadPool& pool) {
  const auto addresses = co_await async::offload(pool, [&] { return look_up(host, port); });
  if (!addresses) co_return std::unexpected(addresses.error());
  std::string trouble = host + ": no address";
  for (const auto& address : *addresses) {
    auto stream = co_await net::connect(address, {}, async::Deadline::after(kConnect));
    if (stream) co_return *std::move(stream);
    trouble = address.to_string() + ": " + net::to_string(stream.error());
  }
  co_return std::unexpected(trouble);
}

}  // namespace

async::Task<Outcome<std::unique_ptr<ImapClient>>> ImapClient::open(ImapAccount account, async::ThreadPool& pool) {
  auto stream = co_await connect(account.host, account.port, pool);
  if (!stream) co_return std::unexpected(stream.error());
  std::unique_ptr<ImapClient> client(new ImapClient(*std::move(stream)));
  const auto begun = co_await client->begin(account);
  if (!begun) co_return std::unexpected(account.host + ": " + begun.error());
  co_return client;
}

async::Task<Outcome<void>> ImapClient::begin(const ImapAccount& account) {
  if (account.tls == ImapTls::kImplicit) {
    const auto secured = co_await secure(account);
    if (!secured) co_return secured;
  }
  const auto greeting = co_await read_greeting(account);
  if (!greeting) co_return std::unexpected(greeting.error());
  // PREAUTH in clear text may be somebody's who wants to keep us from STARTTLS (RFC 9051 section 11.3).
  const bool known = greeting->name == "PREAUTH" && account.tls != ImapTls::kStartTls;
  if (greeting->name != "OK" && !known) co_return broken("the server does not want us: " + greeting->text);
  if (account.tls == ImapTls::kStartTls) {
    const auto started = co_await start_tls(account);
    if (!started) co_return started;
  }
  const auto learnt = co_await learn_capabilities();
  if (!learnt || known) co_return learnt;
  const auto in = co_await log_in(account);
  if (!in) co_return in;
  co_return co_await learn_capabilities();
}

async::Task<Outcome<void>> ImapClient::start_tls(const ImapAccount& account) {
  const auto answer = co_await ask("STARTTLS");
  if (!answer) co_return std::unexpected(answer.error());
  if (!reader_.unconsumed().empty())
    co_return broken("the server sent more in clear text behind its answer to STARTTLS");
  co_return co_await secure(account);
}

async::Task<Outcome<void>> ImapClient::secure(const ImapAccount& account) {
  auto secured =
      co_await tls::connect(std::move(stream_), account.context, account.host, async::Deadline::after(kConnect));
  if (!secured) co_return broken(net::to_string(secured.error()));
  stream_ = *std::move(secured);
  co_return Outcome<void>();
}

async::Task<Outcome<void>> ImapClient::log_in(const ImapAccount& account) {
  std::vector<std::string> mechanisms;
  for (const auto& capability : capabilities_)
    if (capability.starts_with("AUTH=")) mechanisms.push_back(capability.substr(5));
  if (!mechanisms.empty()) {
    const auto chosen = sasl::Client::choose(account.user, account.password, mechanisms, *stream_);
    if (chosen) co_return co_await authenticate(account, mechanisms);
  }
  if (offers("LOGINDISABLED")) co_return broken("the server offers no way to log in that we know");
  const bool literals = offers("LITERAL+") || offers("LITERAL-");
  const auto user = imap_string(account.user, literals), password = imap_string(account.password, literals);
  if (!user || !password) co_return broken("the server cannot be told this name or password");
  const auto answer = co_await ask(fmt::format("LOGIN {} {}", *user, *password));
  if (!answer) co_return std::unexpected(answer.error());
  co_return Outcome<void>();
}

async::Task<Outcome<void>> ImapClient::authenticate(const ImapAccount& account,
                                                    const std::vector<std::string>& mechanisms) {
  auto login = *sasl::Client::choose(account.user, account.password, mechanisms, *stream_);
  const auto tag = next_tag();
  bool told = offers("SASL-IR");
  auto sent = co_await write(
      fmt::format("{} AUTHENTICATE {}{}\r\n", tag, login.mechanism(), told ? " " + login.initial() : std::string()));
  for (;;) {
    if (!sent) co_return sent;
    const auto response = co_await read(kSilence);
    if (!response) co_return std::unexpected(response.error());
    if (response->kind == ImapResponse::Kind::kContinuation) {
      auto next = told ? login.respond(response->text) : Outcome<std::string>(login.initial());
      told = true;
      if (!next) co_return broken(next.error());
      sent = co_await write(*next + "\r\n");
    } else if (response->tag == tag) {
      if (response->name != "OK") co_return broken("login refused: " + response->text);
      if (!login.may_end()) co_return broken("the server did not show that it knows the password");
      co_return Outcome<void>();
    }
  }
}

async::Task<Outcome<void>> ImapClient::learn_capabilities() {
  const auto answer = co_await ask("CAPABILITY");
  if (!answer) co_return std::unexpected(answer.error());
  for (const auto& response : *answer) {
    if (response.name != "CAPABILITY") continue;
    capabilities_.clear();
    for (const auto& value : response.values) capabilities_.push_back(ascii::upper(value.text));
  }
  co_return Outcome<void>();
}

bool ImapClient::offers(std::string_view capability) const {
  return std::ranges::find(capabilities_, capability) != capabilities_.end();
}

async::Task<Outcome<ImapClient::Answer>> ImapClient::ask(std::string command) {
  std::vector<std::string> one;
  one.push_back(std::move(command));
  co_return co_await ask(std::move(one));
}

async::Task<Outcome<ImapClient::Answer>> ImapClient::ask(std::vector<std::string> commands) {
  std::string text;
  std::vector<std::string> tags;
  for (const auto& command : commands) {
    tags.push_back(next_tag());
    text += tags.back() + " " + command + "\r\n";
  }
  const auto sent = co_await write(std::move(text));
  if (!sent) co_return std::unexpected(sent.error());
  Answer answer;
  std::string refused;
  while (!tags.empty()) {
    auto response = co_await read(kSilence);
    if (!response) co_return std::unexpected(response.error());
    if (response->kind == ImapResponse::Kind::kUntagged) {
      if (response->name == "BYE") co_return broken("the server says goodbye: " + response->text);
      answer.push_back(*std::move(response));
      continue;
    }
    const auto tag = std::ranges::find(tags, response->tag);
    if (tag == tags.end()) co_return broken("the server answers what was not asked");
    tags.erase(tag);
    if (response->name != "OK") refused = response->text.empty() ? response->name : response->text;
  }
  if (!refused.empty()) co_return std::unexpected("the server refuses: " + refused);
  co_return answer;
}

async::Task<void> ImapClient::log_out() {
  if (broken_) co_return;
  const auto text = next_tag() + " LOGOUT\r\n";
  const auto deadline = async::Deadline::after(kLogout);
  auto sent = co_await stream_->write(text, deadline);
  if (!sent) co_return;
  for (;;) {
    const auto bytes = co_await stream_->read_some(deadline);
    if (!bytes) co_return;
  }
}

/// One that waits for TLS from the first octet on says nothing.
async::Task<Outcome<ImapResponse>> ImapClient::read_greeting(const ImapAccount& account) {
  auto greeting = co_await read(kConnect);
  if (greeting || account.tls == ImapTls::kImplicit) co_return greeting;
  co_return std::unexpected(greeting.error() + "; does that port want --tls implicit?");
}

async::Task<Outcome<ImapResponse>> ImapClient::read(std::chrono::seconds patience) {
  for (;;) {
    auto event = reader_.next();
    if (event && !*event) co_return broken(event->error());
    if (event) co_return **std::move(event);
    const auto bytes = co_await stream_->read_some(async::Deadline::after(patience));
    if (!bytes) co_return broken(net::to_string(bytes.error()));
    reader_.feed(*bytes);
  }
}

async::Task<Outcome<void>> ImapClient::write(std::string text) {
  if (broken_) co_return std::unexpected("the connection is lost");
  const auto sent = co_await stream_->write(text, async::Deadline::after(kSilence));
  if (!sent) co_return broken(net::to_string(sent.error()));
  co_return Outcome<void>();
}

std::string ImapClient::next_tag() { return fmt::format("q{}", ++tags_); }

std::unexpected<std::string> ImapClient::broken(std::string why) {
  broken_ = true;
  return std::unexpected(std::move(why));
}

}  // namespace quartet::transfer
