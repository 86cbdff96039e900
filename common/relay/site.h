// A site: one next hop as the scheduler sees it, with its ready queue, its limits and its state. Domains with the same
// MX set, or the same list of hosts, are one site; but one with a policy of its own is one of its own. Loop thread
// only.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/async/wait.h"
#include "common/relay/candidates.h"
#include "common/relay/concurrency.h"
#include "common/relay/policy.h"
#include "common/relay/ready_queue.h"

namespace quartet::relay {

/// Gives times to come back to those for whom there is no room, one after the other at the pace at which room comes
/// free: a long queue for one slow site must not be claimed and put back over and over.
class Turns {
 public:
  /// The next turn, at `rate` turns a second, if `ahead` are to be served before; at most `longest` from now.
  SteadyTime next(SteadyTime now, double rate, std::size_t ahead,
                  std::chrono::seconds longest = std::chrono::seconds(60));
  /// Whether somebody is to come after `now`.
  bool pending(SteadyTime now) const { return last_ > now; }

 private:
  SteadyTime last_{};
};

/// The key of a site at `hosts` that is there for the domains of `policy` alone.
std::string key_for(const std::string& hosts, const SitePolicy& policy);

class Site {
 public:
  /// `budget` outlives the site. The policy is not null.
  Site(std::string key, NextHop next_hop, std::string domain, std::shared_ptr<const SitePolicy> policy, Budget& budget);

  const std::string& key() const { return key_; }
  const NextHop& next_hop() const { return next_hop_; }
  /// The same site as the present tables have it (a password may have changed).
  void set_next_hop(NextHop next_hop) { next_hop_ = std::move(next_hop); }
  /// A domain whose look-up leads here (for MX sites).
  const std::string& domain() const { return domain_; }
  void set_domain(std::string domain) { domain_ = std::move(domain); }
  const SitePolicy& policy() const { return *policy_; }
  /// Holds for what begins from now on.
  void set_policy(std::shared_ptr<const SitePolicy> policy);

  /// Appends to the ready queue; false, and nothing taken, when its limits or the budget of all sites are used up.
  bool offer(const std::shared_ptr<const spool::Message>& message, spool::Claim& recipient);
  /// What is to be sent next; nullopt if nothing is ready, or its rate allows nothing at `now`: see held_until().
  std::optional<Job> take(SteadyTime now);
  /// Gives back what take() gave, or a part of it; it is the next to be taken.
  void untake(Job job);
  /// When one that was not taken by offer() should be offered again.
  /// Rather too early than too late: a quick site must never run dry, and its pace may be growing.
  SteadyTime turn(SteadyTime now);
  /// Recipients are done with: by this the site's pace is known.
  void note_done(std::size_t recipients, SteadyTime now);
  std::vector<Job> take_all();
  bool idle() const { return ready_.empty() && connections == 0 && !in_line; }
  /// Whether a new site would be the same.
  bool forgettable(SteadyTime now) const;
  std::size_t ready() const { return ready_.recipients(); }
  std::set<std::string> ready_domains() const { return ready_.domains(); }

  /// What did not get there: by its domain it is found again.
  void note_deferred(const spool::Claim& claim);
  const std::set<std::string>& deferred_domains() const { return deferred_domains_; }

  Concurrency& concurrency() { return concurrency_; }
  /// Whether another connection may be opened for what is ready.
  bool wants_connection(SteadyTime now) const;
  /// One begins to open; then it is open, or it failed.
  void connecting(SteadyTime now);
  void connected() { --opening_; }

  /// What keeps the mail that is ready from going out at once.
  enum class Wait { kNothing, kProbe, kMessageRate, kConnectionRate, kPlace };
  struct Held {
    Wait why = Wait::kNothing;
    SteadyTime until{};  // of kProbe and the rates
  };
  Held held(SteadyTime now) const;

  /// Of a host that takes no mail for now: the others come before it for a time. False if there is none left of them.
  bool pass_over(const net::Address& host, SteadyTime now);
  /// The hosts in the order to try them.
  std::vector<Candidate> hosts_in_order(SteadyTime now) const;

  /// The hosts as last looked up, and the key they were found with.
  std::vector<Candidate> hosts;
  SteadyTime hosts_expire{};
  std::string hosts_key;

  bool in_line = false;                      // for a connection, when there is none left for any site
  bool dials = true;                         // false: it came to us, and no connection to it is opened
  std::size_t connections = 0;               // open or opening
  std::size_t waiting = 0;                   // of these, open and without work
  std::size_t next_source = 0;               // of the source addresses: whose turn it is
  std::optional<SteadyTime> looked_after{};  // when the scheduler looks whether a rate lets something go on
  async::Event work;                         // set while jobs are ready
  std::string last_failure;                  // why the site counts as failing, for people

 private:
  void ran_dry(std::size_t recipients, SteadyTime now);
  bool passed_over(const Candidate& host, SteadyTime now) const;

  std::string key_;
  NextHop next_hop_;
  std::string domain_;
  std::shared_ptr<const SitePolicy> policy_;
  Concurrency concurrency_;
  ReadyQueue ready_;
  TokenBucket message_rate_;
  TokenBucket connection_rate_;
  Turns turns_;
  double pace_ = 5'000;  // recipients a second, while there is work; at first a guess for a quick one
  std::set<std::string> deferred_domains_;
  std::unordered_map<std::string, SteadyTime> passed_over_;  // hosts by their addresses, and until when
  std::size_t opening_ = 0;
  std::size_t done_ = 0;
  std::optional<SteadyTime> busy_since_;  // or since the pace was measured last
};

}  // namespace quartet::relay
