// A site: one next hop as the scheduler sees it, with its ready queue, its limits and its state. Domains with the same
// MX set, or the same list of hosts, are one site. Loop thread only.
#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/async/wait.h"
#include "common/relay/candidates.h"
#include "common/relay/concurrency.h"
#include "common/spool/spool.h"

namespace quartet::relay {

/// Gives times to come back to those for whom there is no room, one after the other at the pace at which room comes
/// free: a long queue for one slow site must not be claimed and put back over and over.
class Turns {
 public:
  /// The next turn, at `rate` turns a second, if `ahead` are to be served before.
  SteadyTime next(SteadyTime now, double rate, std::size_t ahead);

 private:
  SteadyTime last_{};
};

/// What all sites together may hold, claimed and not yet given to a connection. A site gets at most as much as is still
/// free, so that many slow ones share the whole among them and there is always some left for one that comes new.
class Budget {
 public:
  Budget(std::size_t recipients, std::uint64_t bytes) : recipients_(recipients), bytes_(bytes) {}

  /// Whether one who holds `recipients` and `bytes` may take a recipient more, with `more` bytes.
  bool allows(std::size_t recipients, std::uint64_t bytes, std::uint64_t more) const;
  void take(std::size_t recipients, std::uint64_t bytes);
  void give(std::size_t recipients, std::uint64_t bytes);
  std::size_t recipients() const { return used_recipients_; }
  std::uint64_t bytes() const { return used_bytes_; }

 private:
  std::size_t recipients_;
  std::uint64_t bytes_;
  std::size_t used_recipients_ = 0;
  std::uint64_t used_bytes_ = 0;
};

/// Recipients of one message that go to one site in one transaction.
struct Job {
  std::shared_ptr<const spool::Message> message;
  std::vector<spool::Claim> recipients;
};

struct SiteLimits {
  ConcurrencyLimits concurrency;
  std::size_t ready_recipients = 2000;           // claimed and waiting for a connection
  std::size_t ready_bytes = 32 * 1024 * 1024;    // of message bodies
  std::size_t recipients_per_transaction = 100;  // RFC 5321 section 4.5.3.1.8 lets every server take 100
};

class Site {
 public:
  /// `budget` outlives the site.
  Site(std::string key, NextHop next_hop, std::string domain, SiteLimits limits, Budget& budget)
      : key_(std::move(key)),
        next_hop_(std::move(next_hop)),
        domain_(std::move(domain)),
        limits_(limits),
        budget_(budget),
        concurrency_(limits.concurrency) {}

  const std::string& key() const { return key_; }
  const NextHop& next_hop() const { return next_hop_; }
  /// The same site as the present tables have it (a password may have changed).
  void set_next_hop(NextHop next_hop) { next_hop_ = std::move(next_hop); }
  /// A domain whose look-up leads here (for MX sites).
  const std::string& domain() const { return domain_; }
  void set_domain(std::string domain) { domain_ = std::move(domain); }

  /// Appends to the ready queue; false, and nothing taken, when its limits or the budget of all sites are used up.
  bool offer(const std::shared_ptr<const spool::Message>& message, spool::Claim& recipient);
  std::optional<Job> take();
  /// Gives back what take() gave, or a part of it; it is the next to be taken.
  void untake(Job job);
  /// When one that was not taken by offer() should be offered again.
  /// Rather too early than too late: a quick site must never run dry, and its pace may be growing.
  SteadyTime turn(SteadyTime now) { return turns_.next(now, 2 * rate_, ready_recipients_); }
  /// Recipients are done with: by this the site's pace is known.
  void note_done(std::size_t recipients, SteadyTime now);
  std::vector<Job> take_all();
  bool idle() const { return ready_.empty() && connections == 0 && !in_line; }
  std::size_t ready() const { return ready_recipients_; }

  /// What did not get there: by its domain it is found again.
  void note_deferred(const spool::Claim& claim);
  const std::set<std::string>& deferred_domains() const { return deferred_domains_; }

  Concurrency& concurrency() { return concurrency_; }
  /// Whether another connection may be opened for what is ready.
  bool wants_connection(SteadyTime now) const;

  /// The hosts as last looked up.
  std::vector<Candidate> hosts;
  SteadyTime hosts_expire{};

  bool in_line = false;         // for a connection, when there is none left for any site
  bool dials = true;            // false: it came to us, and no connection to it is opened
  std::size_t connections = 0;  // open or opening
  std::size_t waiting = 0;      // of these, open and without work
  async::Event work;            // set while jobs are ready
  std::string last_failure;     // why the site counts as failing, for people

 private:
  void count(const Job& job);
  void discount(const Job& job);

  std::string key_;
  NextHop next_hop_;
  std::string domain_;
  SiteLimits limits_;
  Budget& budget_;
  Concurrency concurrency_;
  std::deque<Job> ready_;
  std::size_t ready_recipients_ = 0;
  std::uint64_t ready_bytes_ = 0;
  Turns turns_;
  double rate_ = 5'000;  // recipients a second, while there is work; at first a guess for a quick one
  std::set<std::string> deferred_domains_;
  std::size_t done_ = 0;
  SteadyTime done_since_{};
};

}  // namespace quartet::relay
