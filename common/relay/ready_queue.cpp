#include "common/relay/ready_queue.h"

#include <algorithm>

#include "common/mime/idna.h"
#include "common/relay/route.h"

namespace quartet::relay {
namespace {

/// Of a turn, in octets: a few small messages. A larger one puts its sender into debt for as many turns as it is worth.
constexpr std::int64_t kTurn = 16 * 1024;
/// What a recipient costs beside the octets of the message.
constexpr std::int64_t kRecipient = 1024;

std::int64_t cost_of(const Job& job) {
  return static_cast<std::int64_t>(job.message->size) + kRecipient * static_cast<std::int64_t>(job.recipients.size());
}

}  // namespace

bool Budget::allows(std::size_t recipients, std::uint64_t bytes, std::uint64_t more) const {
  const auto free_recipients = recipients_ - std::min(recipients_, used_recipients_);
  const auto free_bytes = bytes_ - std::min(bytes_, used_bytes_);
  // One message larger than all there is goes alone.
  const bool fits = more == 0 || bytes + more <= free_bytes || used_bytes_ == 0;
  return recipients < free_recipients && fits;
}

void Budget::take(std::size_t recipients, std::uint64_t bytes) {
  used_recipients_ += recipients;
  used_bytes_ += bytes;
}

void Budget::give(std::size_t recipients, std::uint64_t bytes) {
  used_recipients_ -= recipients;
  used_bytes_ -= bytes;
}

void Budget::set_limits(std::size_t recipients, std::uint64_t bytes) {
  recipients_ = recipients;
  bytes_ = bytes;
}

std::string_view sender_of(const spool::Envelope& envelope) {
  if (!envelope.auth_id.empty()) return envelope.auth_id;
  return envelope.reverse_path.empty() ? envelope.client : envelope.reverse_path;
}

bool ReadyQueue::offer(const std::shared_ptr<const spool::Message>& message, spool::Claim& recipient,
                       std::size_t recipients_per_job) {
  const auto name = sender_of(message->envelope);
  const auto found = by_name_.find(name);
  const auto* const known = found == by_name_.end() ? nullptr : &*found->second;
  // Recipients of one message are claimed one after another, so only the last job can be theirs.
  const bool joins = known != nullptr && known->jobs.back().message == message &&
                     known->jobs.back().recipients.size() < recipients_per_job;
  const auto bytes = joins ? 0 : message->size;
  const bool room = known != nullptr ? room_.allows(known->recipients, known->bytes, bytes) : room_.allows(0, 0, bytes);
  if (!room || !budget_.allows(room_.recipients(), room_.bytes(), bytes)) return false;
  auto& to = known != nullptr ? *found->second : *sender(name, senders_.end());
  if (!joins) {
    to.jobs.push_back({message, {}});
    ++jobs_;
  }
  to.jobs.back().recipients.push_back(std::move(recipient));
  count(to, 1, bytes);
  return true;
}

std::optional<Job> ReadyQueue::take() {
  if (senders_.empty()) return std::nullopt;
  while (senders_.front().credit <= 0) {
    senders_.front().credit += kTurn;
    senders_.splice(senders_.end(), senders_, senders_.begin());
  }
  auto& from = senders_.front();
  auto job = std::move(from.jobs.front());
  from.jobs.pop_front();
  from.credit -= cost_of(job);
  discount(from, job);
  if (from.jobs.empty()) {
    by_name_.erase(from.name);
    senders_.pop_front();
  }
  return job;
}

void ReadyQueue::untake(Job job) {
  const auto name = sender_of(job.message->envelope);
  const auto found = by_name_.find(name);
  const auto place = found == by_name_.end() ? sender(name, senders_.begin()) : found->second;
  senders_.splice(senders_.begin(), senders_, place);
  place->credit = std::max(place->credit + cost_of(job), std::int64_t{1});
  count(*place, job.recipients.size(), job.message->size);
  place->jobs.push_front(std::move(job));
  ++jobs_;
}

/// A new one, with its turn before `place`.
ReadyQueue::Senders::iterator ReadyQueue::sender(std::string_view name, Senders::iterator place) {
  const auto made = senders_.insert(place, Sender{.name = std::string(name)});
  made->credit = kTurn;
  by_name_.emplace(made->name, made);
  return made;
}

void ReadyQueue::count(Sender& sender, std::size_t recipients, std::uint64_t bytes) {
  sender.recipients += recipients;
  sender.bytes += bytes;
  room_.take(recipients, bytes);
  budget_.take(recipients, bytes);
}

void ReadyQueue::discount(Sender& sender, const Job& job) {
  --jobs_;
  sender.recipients -= job.recipients.size();
  sender.bytes -= job.message->size;
  room_.give(job.recipients.size(), job.message->size);
  budget_.give(job.recipients.size(), job.message->size);
}

std::set<std::string> ReadyQueue::domains() const {
  std::set<std::string> out;
  for (const auto& sender : senders_)
    for (const auto& job : sender.jobs)
      for (const auto& claim : job.recipients) out.insert(mime::domain_of(claim.address));
  return out;
}

}  // namespace quartet::relay
