// The inside of the relay; only the .cpp files of this folder include it.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/async/task_group.h"
#include "common/relay/clock_watch.h"
#include "common/relay/domain_sites.h"
#include "common/relay/gate.h"
#include "common/relay/links.h"
#include "common/relay/names.h"
#include "common/relay/relay.h"
#include "common/relay/suspensions.h"
#include "common/relay/transport.h"

namespace quartet::smtp {
class ClientSession;
struct TransactionResult;
}  // namespace quartet::smtp

namespace quartet::relay {

/// What became of one recipient in one attempt.
struct Attempt {
  enum class Verdict { kAccepted, kTransient, kPermanent };
  spool::Claim claim;
  Verdict verdict = Verdict::kTransient;
  spool::Reply reply;
  bool expired = false;         // kPermanent: for lack of time, not by a refusal
  bool counts = true;           // false: put off without having been tried
  bool by_passed_on = false;    // kAccepted: the next hop watches the sender's deadline now (RFC 2852)
  bool dsn_passed_on = false;   // kAccepted: the next hop took over the duty to notify (RFC 3461 section 5.2.1)
  std::string tls{};            // of the session, for the log; empty if there was none
  bool final_delivery = false;  // kAccepted: by LMTP, into a mailbox
};

struct NoSession;

/// Whether the end of an attempt that did not count is more than a time to come back: the message has expired, or its
/// sender is to be told of the delay.
bool says_something(const Attempt& attempt, const Options& options, const RetrySchedule& retry, WallTime now);

/// What the TLS of a session, or of the attempt at one, was like.
struct TlsOutcome {
  Candidate host;
  tlsrpt::v1::FailureDetails failure;  // empty: as it should be
};

/// What other threads may touch of a relay; shared, because the spool and the loop may call after the relay is gone.
struct WakeUp : std::enable_shared_from_this<WakeUp> {
  async::Event event;  // loop thread only
  std::atomic<bool> posted = false;
  std::mutex mutex;             // guards what follows
  async::Loop* loop = nullptr;  // while run() runs
  bool stopping = false;        // stop() came, maybe before run()
  std::chrono::seconds grace{20};

  void wake();
  /// Runs `function` on the loop if the relay still runs then; false if it does not run.
  bool post(std::move_only_function<void()> function);
};

class Relay::Impl {
 public:
  Impl(Options options, std::shared_ptr<const Router> router, spool::Spool& spool);

  async::Task<void> run();
  void stop(std::chrono::seconds grace);

  void sites(std::move_only_function<void(std::vector<SiteStatus>)> done);
  void clear_backoff(std::string site, std::move_only_function<void(std::optional<std::vector<std::string>>)> done);
  void settle(std::move_only_function<void()> done);
  void probe(Probe probe, ProbeListener listener);
  void explain(std::string address, std::move_only_function<void(Explanation)> done);
  std::uint64_t make_due(std::vector<std::string> domains);
  StartAnswer start(const RoutingTable::Link& link, bool at_once);
  std::uint64_t link_resumed(const std::string& name);
  void revive_sites();
  void wake_up() { wake_up_->wake(); }
  bool running() const;  // and is to go on
  bool runs() const;
  async::Task<void> deliver_over(std::unique_ptr<net::Stream> stream, Turn turn);

  Options options_;  // loop thread only; a reload replaces them between two steps of whoever reads them
  spool::Spool& spool_;
  Links links_;
  Suspensions suspensions_;
  DomainSites domain_sites_;
  Rules rules_;

  void set_router(std::shared_ptr<const Router> router);
  void reload(Options options, std::shared_ptr<const Router> router);
  std::shared_ptr<const Router> router() const;

 private:
  std::vector<SiteStatus> site_status() const;
  void revive(const std::string& link);

  // reload.cpp: new settings while it works
  struct Reporting {
    Reporting(TlsReportOptions options, std::shared_ptr<dns::Resolver> resolver, spool::Spool& spool)
        : reports(std::move(options), std::move(resolver), spool) {}
    TlsReports reports;
    async::TaskGroup work;
  };
  void replace_router(std::shared_ptr<const Router> router);
  void release_if_changed(const RoutingTable::Link& link, const Router& router);
  void set_options(Options options);
  void route_all_anew();
  void set_tls_reports();
  static async::Task<void> end_reporting(std::unique_ptr<Reporting> reporting);

  // scheduler.cpp: from the spool to sites
  async::Task<void> schedule();
  std::chrono::microseconds time_to_sleep();
  void look_at_clock(SteadyTime now);
  RetrySchedule with_doubt(const RetrySchedule& retry) const;
  void dispatch(spool::Claim claim);
  void give_up(std::vector<spool::Claim> claims);
  bool not_released(spool::Claim& claim);
  bool keep_waiting(spool::Claim& claim, const RoutingTable::Link& link);
  static std::string resolution_key(const NextHop& next_hop, const std::string& domain, const SitePolicy* policy);
  void to_site(spool::Claim claim, const NextHop& next_hop, std::shared_ptr<const SitePolicy> policy);
  async::Task<void> look_up(std::string key, NextHop next_hop, std::string domain,
                            std::shared_ptr<const SitePolicy> policy);
  async::Task<std::expected<Candidates, Unroutable>> find_hosts(NextHop next_hop, std::string domain,
                                                                dns::Families families);
  std::shared_ptr<const SitePolicy> policy_of_hosts(const std::vector<Candidate>& hosts) const;
  std::shared_ptr<const SitePolicy> policy_of(const std::string& domain) const;
  std::shared_ptr<const SitePolicy> renewed_policy(const Site& site) const;
  Site& site(const std::string& key, const NextHop& next_hop, const std::string& domain,
             std::shared_ptr<const SitePolicy> policy);
  void offer(Site& site, spool::Claim claim);
  void open_connections(Site& site);
  bool open_connection(Site& site);
  bool may_connect() const;
  void note_scarcity(const std::string& reason);
  void connection_ended(Site& site);
  void serve_line();
  void look_after(Site& site);
  void look_after_sites(SteadyTime now);
  void end_an_idle_connection();
  void postpone(Site& site, spool::Claim claim);
  void put_off(spool::Claim claim, const RetrySchedule& retry, std::string status, std::string why, WallTime until);
  void put_back(std::vector<spool::Claim> claims, WallTime due);
  async::ThreadPool& files();
  void forget_idle_sites();

  // withhold.cpp: what an operator suspended or paused
  bool anything_withheld() const { return suspensions_.any() || links_.any_paused(); }
  void end_what_is_over();
  bool withheld(spool::Claim& claim, const std::string& domain, const std::string& site);
  void withhold_ready();
  std::optional<Job> next_job(Site& site);
  bool suspended(const Site& site) const { return suspensions_.has_site(site.key(), wall_now()); }

  // ruling.cpp: what standing rules say
  enum class Ruling {
    kNone,       // no rule applies
    kSeenTo,     // held, dropped or put off: the claim is gone
    kGivenUp,    // it is to fail with its last reply
    kElsewhere,  // it has another next hop now
  };
  Ruling obey_rules(spool::Claim& claim, bool throttle);
  async::Task<void> end_rules();
  void look_after_rules(bool tidy);

  // explain.cpp: what would be done
  Explanation explain_route(const std::string& address, const std::string& domain) const;
  async::Task<void> explain_into(std::string address, std::move_only_function<void(Explanation)> done);

  // probe.cpp: what a delivery would meet
  async::Task<std::expected<Candidates, Unroutable>> find_probed(Probe probe, NextHop& next_hop);
  async::Task<void> run_probe(Probe probe, ProbeListener listener);

  // delivery.cpp: from a site to its hosts
  struct Connection {
    std::unique_ptr<smtp::ClientSession> session;  // null: there is a transport
    std::string host;                              // for people
    unsigned carried = 0;                          // transactions
    std::unique_ptr<Transport> transport = nullptr;
    std::optional<TlsOutcome> tls = std::nullopt;  // of the session, for reports
    std::set<std::string> reported{};              // domains for which it has been counted
    std::optional<net::Address> address{};         // of a host that we dialled
    std::set<std::string> domains{};               // of its recipients, if the host limits their number
  };
  async::Task<void> connection(Site& site);
  async::Task<void> reach(Site& site, std::optional<Connection>& connection);
  async::Task<void> connect_into(Site& site, std::optional<Connection>& connection);
  static const smtp::Capabilities& offered(const Connection& connection);
  async::Task<std::optional<Connection>> connect(Site& site);
  Connection open_transport(const Site& site);
  async::Task<std::expected<Connection, NoSession>> try_host(Site& site, Candidate host, bool last);
  async::Task<bool> deliver(Site& site, Connection& connection, Job job);
  async::Task<bool> transmit(Site& site, Connection& connection, Job job);
  static async::Task<void> leave(Site& site, Connection& connection, const smtp::TransactionResult& result);
  bool counts_tls(const Site& site) const;
  void note_tls(const Site& site, const TlsOutcome& outcome, const std::string& domain);
  void note_failed_tls(const Site& site, const TlsOutcome& outcome);
  void site_failed(Site& site, spool::Reply reason);
  void refuse_ready(Site& site, const spool::Reply& reason);
  void route_anew(Site& site);
  void defer_ready(Site& site, const spool::Reply& reason);

  // turn.cpp: over connections that a site opened itself
  struct Turned;
  async::Task<void> turned(std::unique_ptr<net::Stream> stream, Turn turn, async::Event& ended);
  async::Task<void> replace_older(const Turned& state);
  static async::Task<void> watch(Turned& state, net::SessionRecord& record);
  void stop_turned();
  void end_turns_of_no_link();
  void attach(Turned& state);
  void detach(Turned& state);
  Turned* turned_for(const RoutingTable::Link& link, std::string_view domain);
  void offer(Turned& state, spool::Claim claim);
  bool expects_more(const Turned& state, SteadyTime now) const;
  async::Task<void> drive(Turned& state, Connection& connection, bool& usable);

  // outcome.cpp: from replies to records and notices
  void conclude(std::vector<Attempt> attempts, const RetrySchedule& retry);
  async::Task<void> fail(std::vector<Attempt> attempts);
  void notify(std::shared_ptr<const spool::Message> message, std::vector<spool::Outcome> outcomes,
              std::vector<Notice> notices);
  async::Task<void> notify_from_disk(std::shared_ptr<const spool::Message> message,
                                     std::vector<spool::Outcome> outcomes, std::vector<Notice> notices);
  void record_with_notice(const std::shared_ptr<const spool::Message>& message, std::vector<spool::Outcome> outcomes,
                          const std::vector<Notice>& notices, std::string_view body);

  std::shared_ptr<WakeUp> wake_up_ = std::make_shared<WakeUp>();
  mutable std::mutex router_mutex_;
  std::shared_ptr<const Router> router_;
  std::shared_ptr<const SitePolicy> usual_;
  Names names_;
  std::unique_ptr<Reporting> tls_reports_;  // if they are wanted
  std::uint64_t generation_ = 0;            // counts the reloads: what was looked up before the last is not used
  Budget budget_;                           // of what all sites have ready
  std::unordered_map<std::string, std::unique_ptr<Site>> sites_;
  struct Resolved {
    Site* site = nullptr;
    SteadyTime expires{};
    sts::Finding sts{};
  };
  std::unordered_map<std::string, Resolved> resolved_;                     // by next hop and domain
  std::unordered_map<std::string, std::vector<spool::Claim>> looking_up_;  // claims that wait for a look-up
  Budget look_up_budget_;                                                  // of those
  Turns look_up_turns_;                                                    // of those beyond
  std::size_t given_up_ = 0;                                               // recipients whose fail() runs
  Turns give_up_turns_;
  Gate bodies_;
  std::size_t connections_ = 0;  // of all sites
  std::size_t idle_connections_ = 0;
  std::vector<async::TaskGroup*> dialling_;  // of connections that are not there yet: see reach()
  SteadyTime scarce_until_{};                // this host had no descriptor for a connection: none is opened before
  SteadyTime scarcity_said_again_at_{};      // not each is worth a line in the log
  std::deque<std::string> in_line_;          // keys of sites that want a connection when there is none left
  std::multimap<SteadyTime, std::string> looked_after_;  // keys of sites whose rate lets something go on then
  std::vector<Turned*> turned_;                          // the newest last
  async::Event turn_over_;
  std::uint64_t turns_ = 0;
  std::unique_ptr<async::ThreadPool> files_;  // see files()
  bool ending_rules_ = false;                 // end_rules() runs
  async::TaskGroup tasks_;
  bool stopping_ = false;  // the loop's copy
  SteadyTime last_tidy_{};
  ClockWatch clock_;
};

}  // namespace quartet::relay
