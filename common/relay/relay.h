// The relay: takes due recipients from a spool, finds their next hop, delivers them over reused connections, and writes
// down what became of them, with notices to the sender (RFC 5321 sections 4.5.4 and 6.1, RFC 3461).
//
// It runs on one loop. Functions marked "any thread" may be called from elsewhere.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/task.h"
#include "common/net/sessions.h"
#include "common/net/stream.h"
#include "common/relay/bounce.h"
#include "common/relay/candidates.h"
#include "common/relay/policy.h"
#include "common/relay/probe.h"
#include "common/relay/retry.h"
#include "common/relay/route.h"
#include "common/relay/rules.h"
#include "common/relay/site.h"
#include "common/relay/suspensions.h"
#include "common/relay/tls_choice.h"
#include "common/relay/tls_reports.h"
#include "common/spool/spool.h"

namespace quartet::relay {

struct Options {
  std::string hostname;  // for EHLO and as Reporting-MTA
  RetrySchedule retry;
  SiteLimits site;
  // For all sites together, claimed and waiting for a connection; what else is due stays in the spool's index.
  std::size_t ready_recipients = 20'000;
  std::uint64_t ready_bytes = 512u << 20;  // of message bodies, most of them on disk
  // And under delivery: bodies in memory, and connections.
  std::uint64_t bodies_in_memory = 256u << 20;
  std::size_t connections = 1'000;
  LookupOptions lookup;
  dns::ResolverOptions resolver;
  NoticeOptions notices;
  TlsContexts tls;
  std::optional<sts::FinderOptions> sts;  // for LookupOptions::sts, which the relay sets
  std::optional<TlsReportOptions> tls_reports;
  std::chrono::seconds connect_timeout{30};
  std::chrono::seconds connect_timeout_with_others{10};  // while other hosts of the site remain to be tried
  std::chrono::seconds idle_timeout{10};                 // an open connection waits this long for more work
  std::chrono::seconds connection_lifetime{300};
  unsigned messages_per_connection = 1000;
  // for suspensions, paused links and rules; empty: they end with the relay
  std::filesystem::path directory;
  std::vector<net::Address> source_addresses{};  // port 0; empty: the system chooses
  /// Told of each connection that was opened for mail, on the relay's loop; may be empty.
  std::function<void(const Candidate& host)> on_connected{};
};

/// Of sites for which the router has none.
SitePolicy usual_policy(const Options& options);

/// A link: a site that connects only sometimes and asks for its mail (RFC 1985).
struct LinkStatus {
  std::string name;
  std::vector<std::string> domains;
  std::uint64_t pending = 0;          // recipients queued for it
  bool running = false;               // a start is under way
  bool attached = false;              // its site is connected to us and gets its mail over that connection (RFC 2645)
  std::optional<Suspension> pause{};  // by an operator; its destination is the name
};

/// The answer to a request to start a queue, in the terms of RFC 1985 section 5.1.
struct StartAnswer {
  enum class Kind {
    kStarted,         // 253, `pending` recipients; or 250 while a start is running already
    kAlreadyRunning,  // 250
    kNothing,         // 251
    kUnable,          // 458
    kPaused,          // 458: an operator does not want it
    kTooSoon,         // 458: the last start was a moment ago
    kUnknown,         // 459
  };
  Kind kind = Kind::kUnknown;
  std::uint64_t pending = 0;
  std::string link;                   // unless unknown
  std::chrono::milliseconds wait{0};  // of kTooSoon: it can be started then
};

/// A connection that the site of links opened itself and turned around (RFC 2645): the other side is a server from now
/// on. Only mail goes over it that belongs to one of the links and is for one of the domains.
struct Turn {
  std::string peer;                               // for people, and in notices
  std::vector<std::string> links;                 // by name
  std::vector<std::string> domains;               // what was authorised: "x.org", or ".x.org" for all below it
  std::chrono::milliseconds stay{0};              // after the queue was empty: new mail goes out at once
  std::chrono::milliseconds keep_alive{120'000};  // NOOP after so long without a word
  net::SessionRecord* record = nullptr;           // of the relay's loop, outlives the turn: it ends when this is to end
};

struct Explanation;

class Relay {
 public:
  /// `spool` outlives the relay.
  Relay(Options options, std::shared_ptr<const Router> router, spool::Spool& spool);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Works until stop(); then running transactions get `grace` to end. Awaited on the relay's loop.
  async::Task<void> run();

  /// Any thread, also before run() and more than once. No new work is taken; run() ends soon.
  void stop(std::chrono::seconds grace = std::chrono::seconds(20));

  /// New tables for all later routing. Any thread.
  void set_router(std::shared_ptr<const Router> router);
  /// The same with new options, of which all count from now on but `directory` and `bodies_in_memory`. Connections that
  /// are open go on as they are; what waits for one is routed anew. Any thread, after run() has begun.
  void reload(Options options, std::shared_ptr<const Router> router);
  std::shared_ptr<const Router> router() const;

  /// Starts the queue of a link by its name, or of the link that owns a domain. `at_once`: although the link's last
  /// start was a moment ago. Any thread.
  StartAnswer start_link(const std::string& name, bool at_once = false);
  StartAnswer start_domain(const std::string& domain, bool with_subdomains, bool at_once = false);
  std::vector<LinkStatus> links() const;
  /// Whether the site of a link may turn a connection around now: kStarted, kPaused, kTooSoon or kUnknown. Any thread.
  StartAnswer may_turn(const std::string& name) const;

  /// From now on no mail goes to the link whose name is the pause's destination, by whatever way, and nobody can start
  /// it; what is under way ends. Waits for the disk; any thread but the relay's. False: there is no such link. The
  /// error is one line for the operator. settle() then waits for what is under way.
  std::expected<bool, std::string> pause_link(Suspension pause);
  /// False: it was not paused. settle(), then link_resumed().
  std::expected<bool, std::string> resume_link(const std::string& name);
  /// Makes due what the pause of a link withheld and needs no request; the number of recipients. Any thread.
  std::uint64_t link_resumed(const std::string& name);

  /// Delivers over a connection of the relay's own loop, on which it is called, and says QUIT when it is done: the
  /// queue is empty and the time to stay over, the relay stops, or the site came over another connection. Returns at
  /// once if the relay does not run.
  async::Task<void> deliver_over(std::unique_ptr<net::Stream> stream, Turn turn);
  /// Recipients that wait for a site with these domains; nullopt while the relay does not run. Any thread.
  std::optional<std::uint64_t> waiting_for(const std::vector<std::string>& domains) const;

  /// The site that mail for a domain goes to, by its key, for senders and recipients without a route of their own;
  /// "link NAME" for what waits until its site comes for it; "unresolved" while nobody has asked for its MX records.
  /// Any thread.
  std::string site_of(const std::string& domain) const;

  /// Forgets that sites are dead, so that what is due is tried at once: after an operator's retry. Any thread.
  void revive_sites();

  /// No mail goes to the destination until the time is over or resume(). What is under way ends; time goes on for what
  /// waits. Waits for the disk; any thread but the relay's. The
  /// error is one line for the operator. The domains that are given out are those of recipients that a suspension
  /// withheld and that ended with this call: settle(), then make_due().
  std::expected<std::vector<std::string>, std::string> suspend(Suspension suspension);
  /// nullopt: there is no such suspension.
  std::expected<std::optional<std::vector<std::string>>, std::string> resume(const std::string& destination);
  std::vector<Suspension> suspensions() const;

  /// Standing rules, for what is about to be tried from now on. What waits in the queue is the caller's to change,
  /// after settle(). Waits for the disk; any thread but the relay's. The error is one line for the operator.
  std::expected<void, std::string> add_rule(Rule rule);
  /// Applies no more; the caller releases what it held, after settle(), and then forgets it. Else the relay does so
  /// at its next start. nullopt: there is no such rule.
  std::expected<std::optional<Rule>, std::string> end_rule(std::string_view id);
  std::expected<void, std::string> forget_rule(std::string_view id);
  /// Those that hold, and those that are ending. A rule whose time is over ends by itself; a hold then releases.
  std::vector<Rule> rules() const;

  /// Calls `done` from the relay's loop once what was claimed before is withheld or goes its way, or here if the relay
  /// does not run. Any thread; like all that wait for the relay's loop, it is destroyed uncalled if the relay ends.
  void settle(std::move_only_function<void()> done);
  /// Makes recipients of these domains ("x.org", ".x.org") due, and gives their number. Any thread; walks the index.
  std::uint64_t make_due(std::vector<std::string> domains);

  /// Forgets that one site is dead. Gives the domains of what was deferred there; nullopt if there is no such site.
  void clear_backoff(std::string site, std::move_only_function<void(std::optional<std::vector<std::string>>)> done);

  /// How mail for a mailbox would travel now (explain.h), by the tables and the DNS; takes a while. Any thread; `done`
  /// is called from the relay's loop, or destroyed uncalled if the relay does not run or ends.
  void explain(std::string address, std::move_only_function<void(Explanation)> done);

  /// Opens a connection to a destination and tells what it sees; `listener` is called from the relay's loop and
  /// destroyed at the end, or at once if the relay does not run. Any thread.
  void probe(Probe probe, ProbeListener listener);

  /// What one would see of the relay's sites; none while it does not run. Any thread.
  struct SiteStatus {
    std::string key;
    std::size_t ready = 0;
    std::size_t connections = 0;
    std::size_t allowed = 0;
    bool dead = false;
    std::string last_failure;
    std::string policy{};  // its match; empty: the usual one
    std::optional<Rate> message_rate{};
    std::optional<Rate> connection_rate{};
    Site::Wait waits_for = Site::Wait::kNothing;
    std::chrono::milliseconds wait{0};  // how long at least, where that is known
  };
  void sites(std::move_only_function<void(std::vector<SiteStatus>)> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace quartet::relay
