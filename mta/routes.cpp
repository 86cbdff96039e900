#include "mta/routes.h"

#include <algorithm>
#include <unordered_set>

#include "common/base/ascii.h"
#include "common/mime/idna.h"
#include "common/service/pipe.h"
#include "common/service/site_policies.h"
#include "common/smtp/path.h"
#include "mta/batch_smtp.h"

namespace quartet::mta {
namespace {

using config::v1::SenderRoute;
using config::v1::Transport;
using relay::NextHop;
using service::Checker;

class Routes {
 public:
  Routes(Checker& checker, const config::v1::Mta& source, const relay::Options& options)
      : checker_(checker), source_(source) {
    if (source.mx_port() > 65535) checker.fault(source, "mx_port", "at most 65535");
    table_.tls_policies = service::tls_policies(checker, source.sending());
    table_.site_policies = service::site_policies(checker, source.sending(), options);
    table_.mx = by_mx();
    table_.mx.tls = service::tls_policy(source.mx_tls(), relay::TlsPolicy::kDane);
  }

  void read_links() {
    std::unordered_set<std::string> names;
    std::unordered_set<std::string> domains;
    for (const auto& link : source_.link()) {
      checker_.require(link, "name", link.name());
      if (!link.name().empty() && !smtp::is_domain(link.name(), false))
        checker_.fault(link, "name", "letters, digits, hyphens and dots only: it is named in ETRN #name");
      if (!names.insert(ascii::lower(link.name())).second) checker_.fault(link, "name", "is used by another link");
      if (link.domain().empty()) checker_.fault(link, "domain", "at least one is required");
      const bool turned_only = link.mode() == config::v1::Link::ATRN;
      relay::RoutingTable::Link out{.name = link.name(),
                                    .domains = {},
                                    .next_hop = next_hop(link.next_hop()),
                                    .on_request = link.on_request() || turned_only,
                                    .turned_only = turned_only,
                                    .min_interval = std::chrono::seconds(link.min_interval_seconds())};
      for (int i = 0; i < link.domain_size(); ++i) {
        auto domain = mime::ascii_domain(link.domain(i));
        if (!is_domain_pattern(domain)) checker_.fault(link, "domain", "expected \"domain\" or \".domain\"", i);
        if (!domains.insert(domain).second) checker_.fault(link, "domain", "belongs to a link already", i);
        out.domains.push_back(std::move(domain));
      }
      table_.links.push_back(std::move(out));
    }
  }

  void read_transports() {
    for (const auto& transport : source_.transport()) {
      auto match = mime::ascii_address(transport.match());
      const bool address = match.contains('@');
      if (address ? !smtp::is_mailbox(match, true) : !is_domain_pattern(match))
        checker_.fault(transport, "match", "expected an address, \"domain\" or \".domain\"");
      if (!table_.transports.try_emplace(std::move(match), action(transport)).second)
        checker_.fault(transport, "match", "has a transport already");
    }
  }

  void read_sender_routes() {
    for (const auto& route : source_.sender_route()) {
      if (route.sender().empty() == route.login().empty()) {
        checker_.fault(route, "sender", "expected either `sender` or `login`");
        continue;
      }
      const bool by_login = route.sender().empty();
      auto match = by_login ? ascii::lower(route.login()) : mime::ascii_address(route.sender());
      const bool address = match.contains('@');
      if (!by_login && match != "<>" && (address ? !smtp::is_mailbox(match, true) : !is_domain_pattern(match)))
        checker_.fault(route, "sender", "expected an address, \"domain\", \".domain\" or \"<>\"");
      auto& routes = by_login ? table_.logins : table_.senders;
      if (!routes.try_emplace(std::move(match), action(route)).second)
        checker_.fault(route, by_login ? "login" : "sender", "has a route already");
    }
  }

  void read_defaults(const directory::Directory* directory) {
    if (source_.has_local()) {
      const auto local = service::next_hop(checker_, source_.local());
      if (directory != nullptr) {
        for (const auto& domain : directory->domains()) table_.local_domains.emplace(mime::ascii_domain(domain), local);
      }
    }
    if (source_.has_smart_host()) table_.smart_host = service::next_hop(checker_, source_.smart_host());
  }

  relay::RoutingTable take() { return std::move(table_); }

 private:
  NextHop by_mx() const {
    NextHop hop;
    hop.kind = NextHop::Kind::kMx;
    hop.mx_port = static_cast<std::uint16_t>(source_.mx_port() != 0 ? source_.mx_port() : 25);
    return hop;
  }

  NextHop next_hop(const config::v1::NextHop& hop) const {
    if (hop.host().empty() && hop.tls() == config::v1::NextHop::TLS_UNSPECIFIED && hop.login().empty())
      return table_.mx;
    auto out = service::next_hop(checker_, hop, true);
    out.mx_port = table_.mx.mx_port;
    return out;
  }

  NextHop action(const Transport& transport) const {
    switch (transport.action_case()) {
      case Transport::kPipe:
        return service::read_pipe(checker_, source_.agent(), transport.pipe());
      case Transport::kBsmtp:
        return read_batch(checker_, transport.bsmtp());
      case Transport::ACTION_NOT_SET:
        checker_.fault(transport, "match", "needs an action: next_hop, hold, discard, error, mx, pipe or bsmtp");
        return {};
      default:
        return common_action(transport);
    }
  }

  NextHop action(const SenderRoute& route) const {
    if (route.action_case() == SenderRoute::ACTION_NOT_SET)
      checker_.fault(route, route.sender().empty() ? "login" : "sender",
                     "needs an action: next_hop, hold, discard, error or mx");
    return common_action(route);
  }

  /// Which field is written decides, so "discard: false" would discard: the opposite of what it says.
  template <typename Route>
  void refuse_false(const Route& route) const {
    const char* const field = route.has_hold() && !route.hold()         ? "hold"
                              : route.has_discard() && !route.discard() ? "discard"
                              : route.has_mx() && !route.mx()           ? "mx"
                                                                        : nullptr;
    if (field != nullptr) checker_.fault(route, field, "can only be true: without it name another action");
  }

  /// What both kinds of routes may say.
  template <typename Route>
  NextHop common_action(const Route& route) const {
    refuse_false(route);
    if (route.has_next_hop()) return next_hop(route.next_hop());
    if (route.has_mx()) return table_.mx;
    NextHop out;
    if (route.has_hold()) out.kind = NextHop::Kind::kHold;
    if (route.has_discard()) out.kind = NextHop::Kind::kDiscard;
    if (route.has_error()) {
      out.kind = NextHop::Kind::kError;
      out.error = route.error();
    }
    return out;
  }

  Checker& checker_;
  const config::v1::Mta& source_;
  relay::RoutingTable table_;
};

}  // namespace

std::shared_ptr<const relay::Router> read_routes(Checker& checker, const config::v1::Mta& source,
                                                 const directory::Directory* directory, const relay::Options& options) {
  Routes routes(checker, source, options);
  routes.read_links();
  routes.read_transports();
  routes.read_sender_routes();
  routes.read_defaults(directory);
  if (!checker.ok()) return nullptr;
  return std::make_shared<const relay::Router>(routes.take());
}

bool covers(const std::vector<std::string>& patterns, std::string_view domain) {
  return std::ranges::any_of(patterns, [domain](const std::string& pattern) {
    return pattern.starts_with('.') ? domain.size() > pattern.size() && domain.ends_with(pattern) : domain == pattern;
  });
}

}  // namespace quartet::mta
