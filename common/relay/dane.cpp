#include "common/relay/dane.h"

#include <fmt/format.h>

#include "common/async/task_group.h"

namespace quartet::relay {
namespace {

using State = DaneFinding::State;

// When to look again: the DNS cache knows better how long a denial holds, this only bounds how long we do not ask it.
constexpr auto kAskAgain = std::chrono::minutes(10);
constexpr auto kAskAgainAfterFailure = std::chrono::seconds(5);

DaneFinding from_records(const dns::Records<dns::Tlsa>& found, const std::string& base) {
  std::vector<tls::TlsaRecord> all;
  for (const auto& record : found.values)
    all.push_back({record.usage, record.selector, record.matching_type, record.data});
  DaneFinding finding{
      .state = State::kUsable, .dane = {base, {}, tls::usable(all)}, .detail = "", .expires = found.expires};
  if (finding.dane.records.empty()) {
    finding.state = State::kUnusable;
    finding.detail = fmt::format("no TLSA record of {} is usable", base);
  }
  return finding;
}

DaneFinding insecure(const std::string& name) {
  return {State::kInsecure, {}, fmt::format("{} is not secured by DNSSEC", name), SteadyTime::max()};
}

DaneFinding failed(std::string detail) {
  return {State::kFailed, {}, std::move(detail), std::chrono::steady_clock::now() + kAskAgainAfterFailure};
}

async::Task<DaneFinding> look_up(dns::Resolver& resolver, std::string base, std::uint16_t port,
                                 async::Deadline deadline) {
  const auto again = std::chrono::steady_clock::now() + kAskAgain;
  const auto found = co_await resolver.tlsa(fmt::format("_{}._tcp.{}", port, base), deadline);
  if (found && found->authentic) co_return from_records(*found, base);
  if (found) co_return DaneFinding{State::kNone, {}, fmt::format("the TLSA records of {} are not signed", base), again};
  switch (found.error().code) {
    case dns::Code::kNoSuchDomain:
    case dns::Code::kNoData:
    case dns::Code::kBadName:  // too long with _25._tcp in front: it cannot exist
      co_return DaneFinding{State::kNone, {}, fmt::format("{} has no TLSA records", base), again};
    default:
      break;
  }
  co_return failed(found.error().detail);
}

/// A host whose addresses are not signed: it may be an alias out of a zone that is (RFC 7672 section 2.2.2). The owner
/// of that zone has its TLSA records there, and no use of DNSSEC at the other end.
async::Task<DaneFinding> find_at_alias(dns::Resolver& resolver, const DaneHost& host, async::Deadline deadline) {
  if (host.name == host.canonical_name) co_return insecure(host.name);
  const auto alias = co_await resolver.lookup({host.name, dns::Type::kCname}, deadline);
  if (!alias && !alias.error().permanent()) co_return failed(alias.error().detail);
  if (!alias || !(*alias)->authentic) co_return insecure(host.name);
  co_return co_await look_up(resolver, host.name, host.port, deadline);
}

async::Task<void> find_into(dns::Resolver& resolver, DaneHost host, std::vector<std::string> reference,
                            async::Deadline deadline, DaneFinding& finding, std::size_t& pending, async::Event& done) {
  finding = co_await find_dane(resolver, std::move(host), std::move(reference), deadline);
  if (--pending == 0) done.set();
}

}  // namespace

async::Task<DaneFinding> find_dane(dns::Resolver& resolver, DaneHost host, std::vector<std::string> reference,
                                   async::Deadline deadline) {
  if (!host.named) co_return insecure(host.name);
  DaneFinding finding;
  if (host.authentic) {
    finding = co_await look_up(resolver, host.canonical_name, host.port, deadline);
    if (finding.state == State::kNone && host.name != host.canonical_name)
      finding = co_await look_up(resolver, host.name, host.port, deadline);
  } else {
    finding = co_await find_at_alias(resolver, host, deadline);
  }
  for (auto& name : reference) {
    if (name != finding.dane.base_domain) finding.dane.names.push_back(std::move(name));
  }
  co_return finding;
}

async::Task<std::vector<DaneFinding>> find_dane_of_all(dns::Resolver& resolver, std::vector<DaneHost> hosts,
                                                       std::vector<std::string> reference, async::Deadline deadline) {
  std::vector<DaneFinding> findings(hosts.size());
  std::size_t pending = hosts.size();
  if (pending == 0) co_return findings;
  async::Event done;
  async::TaskGroup group;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    group.spawn(find_into(resolver, std::move(hosts[i]), reference, deadline, findings[i], pending, done));
  // The group has a stop state of its own: pass on that we are to stop.
  const auto waited = co_await done.wait(async::Deadline::never());
  if (waited == async::Wait::kCancelled) group.request_stop();
  co_await group.join();
  co_return findings;
}

}  // namespace quartet::relay
