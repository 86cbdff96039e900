#include "common/control/transfer.h"

#include "common/async/loop.h"
#include "common/control/archive.h"
#include "common/control/convert.h"
#include "common/control/spool_answer.h"
#include "common/log/log.h"

namespace quartet::control {
namespace {

using spool::Affected;
using spool::RecipientId;

/// Recipients are claimed until the peer has them: nobody else touches them, and a power failure leaves them as they
/// were.
class Transfer final : public MessageChange {
 public:
  Transfer(spool::Spool& spool, spool::Filter filter, std::string target, PutAway put_away)
      : spool_(spool), filter_(std::move(filter)), target_(std::move(target)), put_away_(std::move(put_away)) {
    // As claim() wants to be told that held ones are meant; active ones are nobody's to take.
    if (filter_.states.empty())
      filter_.states = {spool::State::kQueued, spool::State::kActive, spool::State::kDeferred, spool::State::kHeld};
  }

  Affected foresee(std::span<const RecipientId> recipients) override {
    Affected affected;
    spool_.visit(filter_for(recipients), [&](const spool::Entry& entry) {
      ++(entry.state == spool::State::kActive ? affected.skipped : affected.changed);
      return true;
    });
    return affected;
  }

  std::expected<Affected, grpc::Status> apply(std::span<const RecipientId> recipients) override {
    const auto filter = filter_for(recipients);
    const auto there = spool_.count(filter);
    const auto claims = spool_.claim(filter, recipients.size());
    Affected affected;
    affected.skipped = there - std::min<std::uint64_t>(there, claims.size());
    if (claims.empty()) return affected;
    const auto put = put_away(claims);
    if (put.error_code() == grpc::StatusCode::ALREADY_EXISTS) {
      give_back(spool_, claims);
      affected.skipped += claims.size();
      return affected;
    }
    if (!put.ok()) {
      give_back(spool_, claims);
      return std::unexpected(put);
    }
    if (auto done = record(claims); !done) return std::unexpected(no_changes(done.error()));
    affected.changed = claims.size();
    return affected;
  }

 private:
  spool::Filter filter_for(std::span<const RecipientId> recipients) const {
    auto filter = filter_;
    filter.recipient_ids.assign(recipients.begin(), recipients.end());
    return filter;
  }

  static void give_back(spool::Spool& spool, const std::vector<spool::Claim>& claims) {
    for (const auto& claim : claims) {
      const auto id = claim.id();
      spool.unclaim(std::span(&id, 1), claim.due);
    }
  }

  grpc::Status put_away(const std::vector<spool::Claim>& claims) {
    async::Loop loop;  // this is a thread of the pool: it may wait
    const auto body = loop.block_on(spool_.body(claims.front().message->id));
    if (!body) return no_changes(body.error());
    auto status = put_away_(to_archive(claims), **body);
    if (status.ok() || status.error_code() == grpc::StatusCode::ALREADY_EXISTS) return status;
    return {status.error_code(), target_ + ": " + status.error_message()};
  }

  std::expected<void, spool::SpoolError> record(const std::vector<spool::Claim>& claims) {
    std::vector<spool::Outcome> outcomes;
    for (const auto& claim : claims)
      outcomes.push_back(
          {.recipient = claim.id(), .result = spool::Result::kDropped, .reply = {0, "", "moved to " + target_, ""}});
    // Not drop(): what fails for now is written again until it succeeds, and they do not come back meanwhile.
    SpoolAnswer<void> answer;
    spool_.record(std::move(outcomes), answer.taker());
    auto done = answer.wait();
    const auto& message = *claims.front().message;
    for (const auto& claim : claims)
      log::info("control.transferred", {{"message", message.id.to_string()},
                                        {"trace", message.envelope.trace_id},
                                        {"to", claim.address},
                                        {"target", target_}});
    return done;
  }

  spool::Spool& spool_;
  spool::Filter filter_;
  const std::string target_;
  const PutAway put_away_;
};

}  // namespace

std::unique_ptr<MessageChange> make_transfer(spool::Spool& spool, spool::Filter filter, std::string target,
                                             PutAway put_away) {
  return std::make_unique<Transfer>(spool, std::move(filter), std::move(target), std::move(put_away));
}

}  // namespace quartet::control
