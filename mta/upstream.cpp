#include "mta/upstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>

#include "common/async/wait.h"
#include "common/base/ascii.h"
#include "common/net/socket.h"
#include "common/relay/tls_choice.h"
#include "common/smtp/atrn.h"
#include "common/smtp/client_session.h"
#include "common/smtp/path.h"
#include "mta/routes.h"

namespace quartet::mta {
namespace {

using Kind = Asked::Kind;
using Session = smtp::ClientSession;

constexpr std::chrono::seconds kLongestPause{60};
constexpr int kMostRounds = 12;    // of ETRN: about ten minutes; the provider goes on by itself
constexpr int kMostUncounted = 3;  // of these with 250: Postfix and Exim never say that nothing is left
constexpr std::uint16_t kOdmrPort = 366;

/// RFC 5321 section 4.2.4: the command is not implemented, or not here.
bool is_unknown(int code) { return code == 500 || code == 502 || code == 504; }

Asked failed(const smtp::ClientError& error, std::string method = {}) {
  Asked out{Kind::kFailed, std::move(method), 0, error.detail};
  if (!error.reply) return out;
  out.code = static_cast<std::uint16_t>(error.reply->code);
  // A password that is refused today will be refused in a minute; to go on trying may lock the account.
  if (error.reply->permanent()) out.kind = Kind::kStopped;
  return out;
}

Asked heard(Kind kind, std::string method, const smtp::Reply& reply) {
  return {kind, std::move(method), static_cast<std::uint16_t>(reply.code), reply.text()};
}

using Opened = std::expected<std::unique_ptr<Session>, Asked>;

async::Task<Opened> open_session(const relay::Candidate& host, const Upstream& upstream, const Means& means) {
  smtp::ClientOptions options;
  options.hostname = means.options.hostname;
  options.implicit_tls = upstream.implicit_tls;
  if (upstream.hop.credentials)
    options.login = smtp::ClientLogin{upstream.hop.credentials->user, upstream.hop.credentials->password};
  if (const auto allowed = relay::choose_tls(host, means.options.tls, options); !allowed)
    co_return std::unexpected(Asked{Kind::kFailed, "", 0, allowed.error().text});
  for (;;) {
    auto stream = co_await net::connect(host.address, {}, async::Deadline::after(means.options.connect_timeout));
    if (!stream) {
      const auto reason = net::to_string(stream.error());
      co_return std::unexpected(
          Asked{Kind::kFailed, "", 0, fmt::format("{} ({}): {}", host.name, host.address.to_string(), reason)});
    }
    auto session = co_await Session::open(*std::move(stream), options);
    if (session) co_return *std::move(session);
    // As for mail: TLS that is only taken where it is offered must not stand in the way.
    const bool without = options.starttls == smtp::StartTls::kIfOffered && !options.login &&
                         session.error().kind == smtp::ClientError::Kind::kTls;
    if (!without) co_return std::unexpected(failed(session.error()));
    options.starttls = smtp::StartTls::kNever;
  }
}

async::Task<Opened> connect(const Upstream& upstream, const Means& means) {
  auto found = co_await relay::find_candidates(means.resolver, upstream.hop, {}, means.options.lookup);
  if (!found) co_return std::unexpected(Asked{Kind::kFailed, "", 0, found.error().text});
  Asked last;
  for (const auto& host : found->hosts) {
    auto session = co_await open_session(host, upstream, means);
    if (session) co_return *std::move(session);
    last = std::move(session.error());
    if (last.kind == Kind::kStopped) break;
  }
  co_return std::unexpected(std::move(last));
}

/// If the provider does not know ATRN the session goes on.
async::Task<Asked> by_atrn(Session& session, const Upstream& upstream, const Means& means) {
  const auto reply = co_await session.ask(smtp::atrn_command(upstream.domains), means.atrn_timeout);
  if (!reply) co_return failed(reply.error(), "ATRN");
  const auto kind = meaning_of_atrn(reply->code);
  if (kind != Kind::kDone) {
    if (!is_unknown(reply->code)) co_await session.quit();
    co_return heard(kind, "ATRN", *reply);
  }
  auto stream = session.release();
  if (!stream) co_return Asked{Kind::kFailed, "ATRN", 250, "the provider spoke although it was our turn"};
  const auto end = co_await means.serve(std::move(stream));
  if (end == smtp::SessionEnd::kQuit) co_return heard(Kind::kDone, "ATRN", *reply);
  co_return Asked{Kind::kFailed, "ATRN", 250, fmt::format("the turned connection: {}", smtp::to_string(end))};
}

/// What is asked for, and how that went.
struct Node {
  std::string name;
  bool started = false;
  int uncounted = 0;  // times that the answer was 250
};

/// Whether there is a point in asking again (RFC 1985 section 5.1).
bool goes_on(Node& node, int code) {
  if (meaning_of_etrn(code) != Kind::kDone) return false;
  node.started = true;
  return code != 250 || ++node.uncounted < kMostUncounted;
}

/// Until the provider has nothing left for any node (251). What one is refused for is told when the others are through.
async::Task<Asked> by_etrn(Session& session, const Upstream& upstream, const Means& means) {
  std::vector<Node> left;
  for (const auto& name : upstream.etrn_nodes) left.push_back({name});
  std::optional<Asked> refused;
  Asked last{Kind::kNothing, "ETRN", 251, ""};
  auto pause = means.pause;
  for (int round = 0; !left.empty(); ++round) {
    for (auto node = left.begin(); node != left.end();) {
      const auto reply = co_await session.ask("ETRN " + node->name + "\r\n", std::chrono::minutes(5));
      if (!reply) co_return failed(reply.error(), "ETRN");
      const auto kind = meaning_of_etrn(reply->code);
      if (kind == Kind::kFailed && node->started) {
        // What was started goes on: Exim says 458 while it does.
      } else if (kind == Kind::kFailed || kind == Kind::kStopped) {
        if (!refused || kind == Kind::kStopped) refused = heard(kind, "ETRN", *reply);
      } else if (kind == Kind::kDone || last.kind != Kind::kDone) {
        last = heard(kind, "ETRN", *reply);
      }
      node = goes_on(*node, reply->code) ? std::next(node) : left.erase(node);
    }
    if (left.empty() || round + 1 >= kMostRounds) break;
    const auto waited = co_await async::sleep_for(pause);
    if (waited == async::Wait::kCancelled) break;
    pause = std::min<std::chrono::milliseconds>(2 * pause, kLongestPause);
  }
  co_await session.quit();
  co_return refused ? *std::move(refused) : std::move(last);
}

/// Whether no session without TLS comes of it.
bool is_sure(relay::TlsPolicy policy) {
  return policy == relay::TlsPolicy::kVerify || policy == relay::TlsPolicy::kEncrypt ||
         policy == relay::TlsPolicy::kDaneOnly;
}

}  // namespace

Kind meaning_of_atrn(int code) {
  if (code == 250) return Kind::kDone;
  if (code == 453) return Kind::kNothing;
  return code / 100 == 5 ? Kind::kStopped : Kind::kFailed;
}

Kind meaning_of_etrn(int code) {
  if (code == 251) return Kind::kNothing;
  if (code == 250 || code == 252 || code == 253) return Kind::kDone;
  return code / 100 == 5 ? Kind::kStopped : Kind::kFailed;
}

async::Task<Asked> ask_upstream(const Upstream& upstream, const Means& means) {
  auto session = co_await connect(upstream, means);
  if (!session) co_return std::move(session.error());
  const auto& offered = (*session)->capabilities();
  const bool atrn =
      upstream.method != Upstream::Method::kEtrn && (offered.atrn || upstream.method == Upstream::Method::kAtrn);
  if (atrn) {
    auto asked = co_await by_atrn(**session, upstream, means);
    // Offered, and then not known (RFC 5321 section 4.2.4): not for us. There may be the other way.
    if (!is_unknown(asked.code)) co_return asked;
    if (upstream.method != Upstream::Method::kAuto || !offered.etrn) {
      co_await (*session)->quit();
      co_return asked;
    }
  }
  if (offered.etrn || upstream.method == Upstream::Method::kEtrn)
    co_return co_await by_etrn(**session, upstream, means);
  co_await (*session)->quit();
  co_return Asked{Kind::kStopped, "", 0, "the host offers neither ATRN nor ETRN"};
}

namespace {

std::vector<std::string> read_etrn_nodes(service::Checker& checker, const config::v1::Upstream& source,
                                         const std::vector<std::string>& domains) {
  if (source.method() == config::v1::Upstream::ATRN && !source.etrn_node().empty())
    checker.fault(source, "etrn_node", "is for ETRN, which the method excludes");
  for (int i = 0; i < source.etrn_node_size(); ++i) {
    const auto& node = source.etrn_node(i);
    const auto name = std::string_view(node).substr(node.starts_with('@') || node.starts_with('#') ? 1 : 0);
    const bool sayable = std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
    if (name.empty() || !sayable || node.size() > 255)
      checker.fault(source, "etrn_node", "expected \"domain\", \"@domain\" or \"#name\"", i);
  }
  return source.etrn_node().empty() ? domains
                                    : std::vector<std::string>(source.etrn_node().begin(), source.etrn_node().end());
}

}  // namespace

std::vector<Upstream> read_upstreams(service::Checker& checker, const config::v1::Mta& source,
                                     const directory::Directory* directory,
                                     const std::vector<std::string>& relay_domains) {
  using Config = config::v1::Upstream;
  std::vector<Upstream> out;
  std::unordered_set<std::string> names;
  for (const auto& each : source.upstream()) {
    Upstream upstream;
    upstream.name = each.name();
    checker.require(each, "name", each.name());
    if (!names.insert(each.name()).second) checker.fault(each, "name", "is used by another upstream");
    upstream.method = each.method() == Config::ATRN   ? Upstream::Method::kAtrn
                      : each.method() == Config::ETRN ? Upstream::Method::kEtrn
                                                      : Upstream::Method::kAuto;
    const bool etrn = upstream.method == Upstream::Method::kEtrn;
    upstream.hop.kind = relay::NextHop::Kind::kHosts;
    auto host = relay::parse_host(each.host(), etrn ? 25 : kOdmrPort);
    if (host)
      upstream.hop.hosts.push_back(*std::move(host));
    else
      checker.fault(each, "host", host.error());
    const bool login = !each.login().empty();
    upstream.hop.tls = service::tls_policy(
        each.tls(), login || each.implicit_tls() ? relay::TlsPolicy::kVerify : relay::TlsPolicy::kMay);
    const bool protects = is_sure(upstream.hop.tls);
    if (login) upstream.hop.credentials = relay::Credentials{each.login(), each.password()};
    if (login && !protects)
      checker.fault(each, "tls", "a login needs ENCRYPT, VERIFY or DANE_ONLY: the password must not go in clear");
    if (each.implicit_tls() && !protects) checker.fault(each, "tls", "implicit_tls needs ENCRYPT, VERIFY or DANE_ONLY");
    if (!etrn && !login) checker.fault(each, "login", "is required for ATRN");
    upstream.implicit_tls = each.implicit_tls();
    if (each.domain().empty()) checker.fault(each, "domain", "at least one is required");
    for (int i = 0; i < each.domain_size(); ++i) {
      auto domain = ascii::lower(each.domain(i));
      const bool named = smtp::is_domain(domain, false) && domain.contains('.');
      if (!named) checker.fault(each, "domain", "expected a domain of at least two labels", i);
      const bool local = directory != nullptr &&
                         directory->resolve("postmaster@" + domain).kind != directory::Resolution::Kind::kNotLocal;
      if (named && !local && !covers(relay_domains, domain))
        checker.fault(each, "domain", "is neither of the directory nor a relay_domain: its mail would be refused", i);
      upstream.domains.push_back(std::move(domain));
    }
    upstream.etrn_nodes = read_etrn_nodes(checker, each, upstream.domains);
    upstream.source = each.SerializeAsString();
    upstream.at_start = !each.not_at_start();
    upstream.on_outbound = each.on_outbound_connect();
    upstream.every = std::chrono::seconds(each.every_seconds());
    out.push_back(std::move(upstream));
  }
  return out;
}

}  // namespace quartet::mta
