// From a site to its hosts: connections, transactions, replies.
#include <algorithm>

#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/mime/seven_bit.h"
#include "common/relay/dial.h"
#include "common/relay/figures.h"
#include "common/relay/impl.h"
#include "common/relay/tls_choice.h"
#include "common/relay/tls_report.h"
#include "common/smtp/client_session.h"
#include "common/smtp/too_many.h"
#include "common/smtp/within_host.h"
#include "common/spool/handling.h"

namespace quartet::relay {
namespace {

/// For memory that other deliveries hold; a server waits longer than that for a command.
constexpr auto kWaitForRoom = std::chrono::seconds(60);

smtp::OutboundTransaction to_transaction(const Job& job, std::string_view body, bool within_host, bool lmtp) {
  static constexpr smtp::Body kBodies[] = {smtp::Body::k7Bit, smtp::Body::k8BitMime, smtp::Body::kBinaryMime};
  static constexpr smtp::Ret kRets[] = {smtp::Ret::kDefault, smtp::Ret::kFull, smtp::Ret::kHeaders};
  const auto& envelope = job.message->envelope;
  smtp::OutboundTransaction out;
  out.reverse_path = envelope.reverse_path;
  out.body = kBodies[static_cast<int>(envelope.body_type)];
  out.smtputf8 = envelope.smtputf8;
  out.ret = kRets[static_cast<int>(envelope.ret)];
  out.envid = envelope.envid;
  out.trace = envelope.trace_id;
  if (envelope.require_tls) {
    const bool anywhere = within_host || envelope.reverse_path.empty();
    out.require_tls = anywhere ? smtp::RequireTls::kWhereOffered : smtp::RequireTls::kAlways;
  }
  out.priority = envelope.priority;
  if (const auto deadline = spool::deadline(envelope); deadline && !lmtp) {
    constexpr std::int64_t kMost = 999'999'999;
    const auto left = std::chrono::floor<std::chrono::seconds>(deadline->at - wall_now()).count();
    const auto least = deadline->notify ? -kMost : 1;
    out.by = {static_cast<std::int32_t>(std::clamp(left, least, kMost)), deadline->notify, deadline->trace};
  }
  for (const auto& recipient : job.recipients)
    out.recipients.push_back({recipient.address, recipient.notify, recipient.orcpt});
  out.message = body;
  out.long_lines = within_host || lmtp;
  out.to_seven_bit = [](std::string_view message) -> std::optional<std::string> {
    auto converted = mime::to_seven_bit(message);
    if (!converted) return std::nullopt;
    return *std::move(converted);
  };
  return out;
}

/// RFC 5321 section 4.2.1: the first digit decides; what was not heard is transient.
Attempt::Verdict verdict_of(const smtp::Reply& reply) {
  if (reply.positive()) return Attempt::Verdict::kAccepted;
  return reply.permanent() ? Attempt::Verdict::kPermanent : Attempt::Verdict::kTransient;
}

std::vector<Attempt> attempts_of(Job job, const smtp::TransactionResult& result, const NextHop& next_hop,
                                 const std::string& host, const smtp::ClientSession* session) {
  const auto* tls = session == nullptr ? nullptr : session->stream().tls();
  const bool by_passed_on = session != nullptr && session->capabilities().deliver_by;
  const auto security = describe_tls(tls);
  std::vector<Attempt> attempts;
  for (std::size_t i = 0; i < job.recipients.size(); ++i) {
    const auto& reply = result.recipients[i];
    Attempt attempt;
    attempt.claim = std::move(job.recipients[i]);
    attempt.final_delivery = next_hop.protocol == Protocol::kLmtp || next_hop.kind == NextHop::Kind::kPipe;
    attempt.dsn_passed_on = result.dsn_passed_on;
    attempt.by_passed_on = by_passed_on;
    attempt.tls = security;
    if (reply.code != 0) attempt.verdict = verdict_of(reply);
    if (result.refused_here) {
      attempt.reply = {0, reply.enhanced, host + ": " + reply.text(), ""};
    } else if (reply.code != 0) {
      attempt.reply = {static_cast<std::uint16_t>(reply.code), reply.enhanced, reply.text(), host};
    } else {
      attempt.reply =
          result.broken ? reply_of(*result.broken, host) : spool::Reply{0, "4.4.2", "no reply was heard", ""};
      if (result.sent == smtp::Sent::kEnd) attempt.reply.text += "; the message was sent and may have been accepted";
    }
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

/// All recipients of `jobs` for one reason, and none was tried by itself.
std::vector<Attempt> end_all(std::vector<Job> jobs, const spool::Reply& reason,
                             Attempt::Verdict verdict = Attempt::Verdict::kTransient) {
  std::vector<Attempt> attempts;
  for (auto& job : jobs) {
    for (auto& claim : job.recipients) {
      Attempt attempt;
      attempt.claim = std::move(claim);
      attempt.verdict = verdict;
      attempt.reply = reason;
      attempts.push_back(std::move(attempt));
    }
  }
  return attempts;
}

std::vector<Attempt> fail_for_now(Job job, const spool::Reply& reason) {
  std::vector<Job> jobs;
  jobs.push_back(std::move(job));
  return end_all(std::move(jobs), reason);
}

/// RFC 2852 section 4.1.5.
bool has_to_come_back(const spool::Message& message, WallTime now) {
  const auto deadline = spool::deadline(message.envelope);
  return deadline && !deadline->notify && deadline->at <= now;
}

/// Takes those out of the job whose domains are too many for the connection, which has had mail for `domains` (RFC 9422
/// section 4.3).
std::optional<Job> beyond(Job& job, std::set<std::string>& domains, std::uint64_t most) {
  Job rest{job.message, {}};
  Job within{job.message, {}};
  for (auto& claim : job.recipients) {
    auto domain = mime::domain_of(claim.address);
    const bool fits = domains.contains(domain) || domains.size() < most;
    if (fits) domains.insert(std::move(domain));
    (fits ? within : rest).recipients.push_back(std::move(claim));
  }
  job = std::move(within);
  return rest.recipients.empty() ? std::nullopt : std::optional(std::move(rest));
}

/// Leaves `most` recipients in the job and gives the others.
Job split(Job& job, std::size_t most) {
  Job rest{job.message, {}};
  const auto first = job.recipients.begin() + static_cast<std::ptrdiff_t>(most);
  rest.recipients.assign(std::make_move_iterator(first), std::make_move_iterator(job.recipients.end()));
  job.recipients.erase(first, job.recipients.end());
  return rest;
}

/// Takes those out of the job, and out of the result, for whom the transaction had no room while it took others: they
/// go in the next one at once (RFC 5321 section 4.5.3.1.10), for by the retry schedule a list would take days.
std::optional<Job> without_room(Job& job, smtp::TransactionResult& result) {
  if (std::ranges::none_of(result.recipients, &smtp::Reply::positive)) return std::nullopt;
  Job rest{job.message, {}};
  Job told{job.message, {}};
  std::vector<smtp::Reply> words;
  for (std::size_t i = 0; i < job.recipients.size(); ++i) {
    const bool again = smtp::is_too_many(result.recipients[i]);
    (again ? rest : told).recipients.push_back(std::move(job.recipients[i]));
    if (!again) words.push_back(std::move(result.recipients[i]));
  }
  job = std::move(told);
  result.recipients = std::move(words);
  return rest.recipients.empty() ? std::nullopt : std::optional(std::move(rest));
}

/// Whether the host as a whole takes nothing now, so that another one may (RFC 5321 section 5.1). What was sent to its
/// end may have been taken, and what has to do with policy (a rate, greylisting) is for the same host to lift.
bool takes_nothing(const smtp::TransactionResult& result) {
  if (result.sent == smtp::Sent::kEnd && result.broken) return false;
  const auto of_host = [](const smtp::Reply& reply) {
    if (reply.code == 0 || reply.code == 421) return reply.enhanced.empty() || reply.enhanced.starts_with("4.3.");
    return reply.code / 100 == 4 && reply.enhanced.starts_with("4.3.");
  };
  if (result.broken && result.broken->reply && !of_host(*result.broken->reply)) return false;
  return std::ranges::all_of(result.recipients, of_host);
}

bool lacks_required_tls(const Site& site, const spool::Reply& reason) {
  return site.next_hop().sender_tls == SenderTls::kRequired && reason.code == 0 &&
         (reason.enhanced == "5.7.10" || reason.enhanced == "5.7.30");
}

/// That a host was passed over for good, and not only for now. One that says 521 takes mail from nobody, ever
/// (RFC 7504 section 3); of a smart host that is a fault of the operator's, which is no reason to return mail.
bool never_takes(const Site& site, const spool::Reply& reason) {
  return lacks_required_tls(site, reason) || (reason.code == 521 && site.next_hop().kind == NextHop::Kind::kMx);
}

}  // namespace

async::Task<void> Relay::Impl::connect_into(Site& site, std::optional<Connection>& connection) {
  auto found = co_await connect(site);
  if (found) connection.emplace(*std::move(found));
}

/// Connects, in a group of its own: nothing is transmitted yet, and a host that does not answer must not hold up the
/// end of the agent for the time that transactions get.
async::Task<void> Relay::Impl::reach(Site& site, std::optional<Connection>& connection) {
  if (stopping_) co_return;
  async::TaskGroup group;
  dialling_.push_back(&group);
  group.spawn(connect_into(site, connection));
  co_await group.join();
  std::erase(dialling_, &group);
}

async::Task<void> Relay::Impl::connection(Site& site) {
  std::optional<Connection> connection;
  co_await reach(site, connection);
  site.connected();
  if (connection) {
    count_connection(1);
    const auto retire = async::Deadline::after(options_.connection_lifetime);
    auto most = site.policy().messages_per_connection;
    if (const auto limit = offered(*connection).transactions_limit; limit != 0)
      most = static_cast<unsigned>(std::min<std::uint64_t>(most, limit));
    bool usable = true;
    while (usable && !stopping_ && !suspended(site) && !retire.passed() && connection->carried < most) {
      auto job = next_job(site);
      if (!job) {
        if (!in_line_.empty()) break;  // others need the place
        look_after(site);
        ++site.waiting;
        ++idle_connections_;
        const auto waited = co_await site.work.wait(async::Deadline::after(options_.idle_timeout));
        --site.waiting;
        --idle_connections_;
        if (waited != async::Wait::kReady) break;
        continue;
      }
      usable = co_await deliver(site, *connection, *std::move(job));
      ++connection->carried;
    }
    if (usable && connection->session) co_await connection->session->quit();
    connection.reset();
    count_connection(-1);
  }
  connection_ended(site);
}

const smtp::Capabilities& Relay::Impl::offered(const Connection& connection) {
  static const smtp::Capabilities nothing;
  return connection.session ? connection.session->capabilities() : nothing;
}

Relay::Impl::Connection Relay::Impl::open_transport(const Site& site) {
  return {nullptr, "", 0, make_transport(site.next_hop(), options_.hostname, files())};
}

async::Task<std::optional<Relay::Impl::Connection>> Relay::Impl::connect(Site& site) {
  if (by_transport(site.next_hop().kind)) {
    co_await async::yield();  // the recipients of one message come one after the other, and belong together
    co_return open_transport(site);
  }
  if (site.hosts_expire <= std::chrono::steady_clock::now()) {
    const auto generation = generation_;
    auto found = co_await find_hosts(site.next_hop(), site.domain(), site.policy().families);
    const auto& next_hop = site.next_hop();
    const bool signatures_count =
        by_dane(next_hop.tls) || next_hop.sender_tls == SenderTls::kRequired || options_.lookup.sts != nullptr;
    if (found && found->site != site.hosts_key) {
      route_anew(site);
      co_return std::nullopt;
    }
    if (!found && found.error().ours) {
      note_scarcity(found.error().text);
      co_return std::nullopt;
    }
    if (!found && signatures_count) {  // what was known of TLSA records is out of date
      site_failed(site, {0, "4.4.3", found.error().text, ""});
      co_return std::nullopt;
    }
    // Hosts known before are better than none while the DNS is down.
    if (found) {
      site.hosts = std::move(found->hosts);
      if (generation == generation_) site.hosts_expire = found->expires;
    }
  }
  const auto hosts = site.hosts_in_order(std::chrono::steady_clock::now());
  bool hopeless = true;
  for (std::size_t i = 0; i < hosts.size() && !stopping_ && !suspended(site); ++i) {
    const bool last = i + 1 == hosts.size();
    auto connection = co_await try_host(site, hosts[i], last);
    if (connection) co_return std::optional(*std::move(connection));
    auto& [reason, ours] = connection.error();
    if (ours) {
      note_scarcity(reason.text);
      break;
    }
    hopeless = hopeless && never_takes(site, reason);
    if (!last) continue;
    if (hopeless)
      refuse_ready(site, reason);
    else
      site_failed(site, std::move(reason));
  }
  co_return std::nullopt;
}

async::Task<std::expected<Relay::Impl::Connection, NoSession>> Relay::Impl::try_host(Site& site, Candidate host,
                                                                                     bool last) {
  const auto timeout = last ? options_.connect_timeout : options_.connect_timeout_with_others;
  std::optional<TlsOutcome> tls;
  const auto note = [&tls](const Candidate& tried, const auto& failure) { tls.emplace(tried, failure); };
  auto session = co_await dial({.tls = options_.tls,
                                .client = client_options(options_, site.next_hop()),
                                .host = host,
                                .domain = site.domain(),
                                .timeout = timeout,
                                .sources = {site.policy().source_addresses, site.next_source++},
                                .note = note});
  if (session && options_.on_connected) options_.on_connected(host);
  if (session) {
    co_return Connection{*std::move(session), describe(host), 0, nullptr, std::move(tls), {}, host.address};
  }
  if (tls) note_failed_tls(site, *tls);
  auto failure = std::move(session.error());
  if (!failure.ours)
    log::warn("relay.host_failed", {{"site", site.key()},
                                    {"host", host.name},
                                    {"address", host.address.to_string()},
                                    {"code", failure.reason.code},
                                    {"reason", failure.reason.text}});
  co_return std::unexpected(std::move(failure));
}

async::Task<bool> Relay::Impl::deliver(Site& site, Connection& connection, Job job) {
  const auto size = job.message->size;
  const bool room = co_await bodies_.enter(size, async::Deadline::after(kWaitForRoom));
  if (!room) {
    put_back(std::move(job.recipients), wall_now() + kWaitForRoom);
    co_return true;
  }
  const bool usable = co_await transmit(site, connection, std::move(job));
  bodies_.leave(size);
  co_return usable;
}

async::Task<bool> Relay::Impl::transmit(Site& site, Connection& connection, Job job) {
  if (has_to_come_back(*job.message, wall_now())) {
    auto attempts = fail_for_now(std::move(job), {0, "4.4.7", "the time that the sender gave is over", ""});
    // Why it was not delivered in time says more.
    for (auto& attempt : attempts)
      if (attempt.claim.attempts != 0) attempt.reply = attempt.claim.last;
    conclude(std::move(attempts), site.policy().retry);
    co_return true;
  }
  const auto id = job.message->id;
  spool::Spool::Body body = spool_.cached_body(id);
  if (!body) {
    auto read = co_await spool_.body(id);
    if (!read) {
      conclude(fail_for_now(std::move(job), {0, "4.3.0", "the message cannot be read: " + read.error().detail, ""}),
               site.policy().retry);
      co_return true;
    }
    body = *std::move(read);
  }
  if (const auto most = offered(connection).recipients_limit; most != 0 && job.recipients.size() > most)
    site.untake(split(job, static_cast<std::size_t>(most)));
  if (const auto most = offered(connection).domains_limit; most != 0) {
    if (auto rest = beyond(job, connection.domains, most)) site.untake(*std::move(rest));
    if (job.recipients.empty()) {  // another connection may have them
      co_await connection.session->quit();
      co_return false;
    }
  }
  if (connection.tls && counts_tls(site)) {
    for (const auto& claim : job.recipients) {
      auto domain = mime::domain_of(claim.address);
      if (!connection.reported.contains(domain)) note_tls(site, *connection.tls, domain);
      connection.reported.insert(std::move(domain));
    }
  }
  const bool lmtp = site.next_hop().protocol == Protocol::kLmtp;
  const bool within_host = !connection.session || smtp::within_host(connection.session->stream(), lmtp);
  const auto transaction = to_transaction(job, *body, within_host, lmtp);
  if (job.recipients.front().attempts == 0) time_phase(Phase::kQueue, age_of(*job.message));
  const PhaseTimer sending(Phase::kTransaction);
  smtp::TransactionResult result;
  if (connection.session)
    result = co_await connection.session->send(transaction);
  else
    result = co_await connection.transport->carry(id, job.recipients.front().ordinal, transaction);
  sending.done();
  const bool silent = std::ranges::all_of(result.recipients, [](const smtp::Reply& reply) { return reply.code == 0; });
  // A kept connection that the peer had closed meanwhile says nothing about the mail: it goes on the next one. Not so
  // once some of it went out: the peer may have choked on it, or have accepted it and not said so (RFC 1047).
  const bool other_way = connection.carried > 0 || !site.dials;
  if (result.broken && other_way && silent && result.sent == smtp::Sent::kNothing &&
      result.broken->kind == smtp::ClientError::Kind::kNetwork) {
    site.last_failure = result.broken->detail;
    put_back(std::move(job.recipients), {});
    co_return false;
  }
  if (connection.address && takes_nothing(result) &&
      site.pass_over(*connection.address, std::chrono::steady_clock::now())) {
    co_await leave(site, connection, result);
    put_back(std::move(job.recipients), {});
    co_return false;
  }
  const auto* tls = connection.session ? connection.session->stream().tls() : nullptr;
  if (connection.session)
    count_tls(tls, static_cast<std::size_t>(std::ranges::count_if(result.recipients, &smtp::Reply::positive)));
  if (!lmtp)
    if (auto rest = without_room(job, result)) site.untake(*std::move(rest));
  site.note_done(job.recipients.size(), std::chrono::steady_clock::now());
  auto attempts = attempts_of(std::move(job), result, site.next_hop(), connection.host, connection.session.get());
  for (const auto& attempt : attempts)
    if (attempt.verdict == Attempt::Verdict::kTransient) site.note_deferred(attempt.claim);
  conclude(std::move(attempts), site.policy().retry);
  if (result.broken) {
    site_failed(site, reply_of(*result.broken, connection.host));
    co_return false;
  }
  site.concurrency().on_success();
  open_connections(site);
  co_return true;
}

/// For another host of the site.
async::Task<void> Relay::Impl::leave(Site& site, Connection& connection, const smtp::TransactionResult& result) {
  const auto reason = result.broken ? reply_of(*result.broken, connection.host).text : result.recipients[0].text();
  log::warn("relay.host_failed", {{"site", site.key()},
                                  {"host", connection.host},
                                  {"address", connection.address->to_string()},
                                  {"code", result.recipients[0].code},
                                  {"reason", reason}});
  site.last_failure = reason;
  if (!result.broken) co_await connection.session->quit();
}

/// Only hosts that MX records name: the TLS of others is between them and us. And only mail that wants TLS as the
/// domain says: of other mail, the reports themselves above all, nothing is to be learnt (RFC 8460 section 3).
bool Relay::Impl::counts_tls(const Site& site) const {
  const auto& next_hop = site.next_hop();
  return tls_reports_ != nullptr && next_hop.kind == NextHop::Kind::kMx && next_hop.sender_tls != SenderTls::kOptional;
}

/// A session counts for each domain whose mail it carries, by what that domain wants of the host; domains of one site
/// may differ in that as long as it makes no difference to delivery.
void Relay::Impl::note_tls(const Site& site, const TlsOutcome& outcome, const std::string& domain) {
  if (outcome.host.tls == TlsPolicy::kNone) return;
  const auto policy = router()->site_policy(domain);
  const auto known = resolved_.find(resolution_key(site.next_hop(), domain, policy.get()));
  if (known == resolved_.end()) return;  // it is not known any more what the domain wants
  auto host = outcome.host;
  host.sts_finding = known->second.sts;
  host.sts = sts_of(host.sts_finding.policy.get(), host.name);
  auto failure = outcome.failure;
  if (failure.result_type().empty()) {
    failure = reported_policy_failure(host);
    failure.set_sending_ip(outcome.failure.sending_ip());
  }
  tls_reports_->reports.note(reported_policy(host, domain), failure);
}

/// For those whose mail waits for it.
void Relay::Impl::note_failed_tls(const Site& site, const TlsOutcome& outcome) {
  if (!counts_tls(site)) return;
  for (const auto& domain : site.ready_domains()) note_tls(site, outcome, domain);
}

void Relay::Impl::site_failed(Site& site, spool::Reply reason) {
  site.concurrency().on_failure(std::chrono::steady_clock::now());
  site.last_failure = reason.text;
  // A connection that the site opened ends with the failure; what was ready for it waits for the next.
  if (!site.dials || !site.concurrency().dead()) return;
  log::warn("relay.site_dead", {{"site", site.key()}, {"reason", reason.text}, {"ready", site.ready()}});
  defer_ready(site, reason);
}

/// No host of the site may have what waits for it, or takes any mail, which is for its senders to know (RFC 8689
/// section 4.2.1, RFC 7504 section 3).
void Relay::Impl::refuse_ready(Site& site, const spool::Reply& reason) {
  auto attempts = end_all(site.take_all(), reason, Attempt::Verdict::kPermanent);
  if (!attempts.empty()) conclude(std::move(attempts), site.policy().retry);
}

/// The records of the site's domain no longer lead to it. Mail of other domains that share its hosts must not follow.
void Relay::Impl::route_anew(Site& site) {
  std::erase_if(resolved_, [&site](const auto& entry) { return entry.second.site == &site; });
  for (auto& job : site.take_all()) put_back(std::move(job.recipients), wall_now() + std::chrono::seconds(1));
}

/// What waits for a dead site goes back to the queue; its attempt counts, for it would have ended the same way.
void Relay::Impl::defer_ready(Site& site, const spool::Reply& reason) {
  // A refusal of the session says nothing about a recipient: the mail is put off even after a 5yz greeting (but 521).
  auto reply = reason;
  if (reply.enhanced.empty()) reply.enhanced = "4.4.1";
  if (reply.enhanced.starts_with('5')) reply.enhanced.front() = '4';
  auto attempts = end_all(site.take_all(), reply);
  for (const auto& attempt : attempts) site.note_deferred(attempt.claim);
  if (!attempts.empty()) conclude(std::move(attempts), site.policy().retry);
}

}  // namespace quartet::relay
