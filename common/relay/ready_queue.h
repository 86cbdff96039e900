// What is ready for one site, taken turn about among its senders: a mailing of thousands does not keep another's letter
// waiting (deficit round robin, Shreedhar and Varghese 1995). Loop thread only.
#pragma once
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/spool/message.h"

namespace quartet::relay {

/// What several together may hold. One gets at most as much as is still free, so that many slow ones share the whole
/// among them and there is always some left for one that comes new.
class Budget {
 public:
  Budget(std::size_t recipients, std::uint64_t bytes) : recipients_(recipients), bytes_(bytes) {}

  /// Whether one who holds `recipients` and `bytes` may take a recipient more, with `more` bytes.
  bool allows(std::size_t recipients, std::uint64_t bytes, std::uint64_t more) const;
  void take(std::size_t recipients, std::uint64_t bytes);
  void give(std::size_t recipients, std::uint64_t bytes);
  /// Who holds more than these from now on gets nothing more; what is held stays.
  void set_limits(std::size_t recipients, std::uint64_t bytes);
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

/// Who sends: the login, else the reverse-path, else the client's address.
std::string_view sender_of(const spool::Envelope& envelope);

class ReadyQueue {
 public:
  /// `budget` is of all sites and outlives the queue. The limits are the queue's own; senders share them as sites share
  /// the budget.
  ReadyQueue(std::size_t recipients, std::uint64_t bytes, Budget& budget) : room_(recipients, bytes), budget_(budget) {}
  ReadyQueue(const ReadyQueue&) = delete;
  ReadyQueue& operator=(const ReadyQueue&) = delete;

  /// False, and nothing taken, if there is no room. Recipients of one message that come one after another become one
  /// job of at most `recipients_per_job`.
  bool offer(const std::shared_ptr<const spool::Message>& message, spool::Claim& recipient,
             std::size_t recipients_per_job);
  std::optional<Job> take();
  /// Gives back what take() gave, or a part of it; it is the next to be taken.
  void untake(Job job);

  void set_limits(std::size_t recipients, std::uint64_t bytes) { room_.set_limits(recipients, bytes); }
  /// The domains of what is ready.
  std::set<std::string> domains() const;
  bool empty() const { return senders_.empty(); }
  std::size_t jobs() const { return jobs_; }
  std::size_t recipients() const { return room_.recipients(); }
  std::uint64_t bytes() const { return room_.bytes(); }

 private:
  struct Sender {
    std::string name;
    std::deque<Job> jobs{};
    std::size_t recipients = 0;
    std::uint64_t bytes = 0;
    std::int64_t credit = 0;  // positive: it may be served; each job takes what it costs
  };
  using Senders = std::list<Sender>;

  Senders::iterator sender(std::string_view name, Senders::iterator place);
  void count(Sender& sender, std::size_t recipients, std::uint64_t bytes);
  void discount(Sender& sender, const Job& job);

  Senders senders_;  // only those with jobs, in the order of their turns
  std::unordered_map<std::string_view, Senders::iterator> by_name_;
  std::size_t jobs_ = 0;
  Budget room_;
  Budget& budget_;
};

}  // namespace quartet::relay
