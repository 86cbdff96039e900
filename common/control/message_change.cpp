#include "common/control/message_change.h"

#include <algorithm>

#include "common/async/loop.h"
#include "common/base/ascii.h"
#include "common/control/convert.h"
#include "common/control/spool_answer.h"
#include "common/log/log.h"
#include "common/smtp/path.h"

namespace quartet::control {
namespace {

using spool::Affected;
using spool::RecipientId;
using spool::SpoolError;

constexpr int kMostAddresses = 1000;

class Editing final : public MessageChange {
 public:
  Editing(spool::Spool& spool, spool::Edit edit) : spool_(spool), edit_(std::move(edit)) {}

  Affected foresee(std::span<const RecipientId> recipients) override {
    return counted(spool_.foresee(recipients.front().message, edit_), recipients.size());
  }

  std::expected<Affected, grpc::Status> apply(std::span<const RecipientId> recipients) override {
    SpoolAnswer<spool::Edited> answer;
    spool_.edit(recipients.front().message, edit_, answer.taker());
    const auto edited = answer.wait();
    if (!edited) return std::unexpected(no_changes(edited.error()));
    return counted(*edited, recipients.size());
  }

 private:
  static Affected counted(spool::Edited edited, std::size_t recipients) {
    Affected affected;
    if (edited == spool::Edited::kChanged) affected.changed = recipients;
    if (edited == spool::Edited::kNothing || edited == spool::Edited::kActive) affected.skipped = recipients;
    return affected;
  }

  spool::Spool& spool_;
  const spool::Edit edit_;
};

/// Recipients are claimed while it is found out where they lead: nobody else touches them, and a power failure leaves
/// them as they were.
class Requeueing final : public MessageChange {
 public:
  Requeueing(spool::Spool& spool, spool::Filter filter, Rewrite rewrite)
      : spool_(spool), filter_(std::move(filter)), rewrite_(std::move(rewrite)) {}

  Affected foresee(std::span<const RecipientId> recipients) override {
    Affected affected;
    const bool held_too = std::ranges::find(filter_.states, spool::State::kHeld) != filter_.states.end();
    spool_.visit(filter_for(recipients), [&](const spool::Entry& entry) {
      const bool stays =
          entry.state == spool::State::kActive || entry.bounce || (entry.state == spool::State::kHeld && !held_too);
      ++(stays ? affected.skipped : affected.changed);
      return true;
    });
    return affected;
  }

  std::expected<Affected, grpc::Status> apply(std::span<const RecipientId> recipients) override {
    const auto filter = filter_for(recipients);
    const auto there = spool_.count(filter);
    auto claims = spool_.claim(filter, recipients.size());
    std::vector<RecipientId> given_up;
    std::erase_if(claims, [&](const auto& claim) {
      if (claim.bounce) given_up.push_back(claim.id());
      return claim.bounce;
    });
    spool_.unclaim(given_up, wall_now());
    Affected affected;
    affected.skipped = there - std::min<std::uint64_t>(there, claims.size());
    if (claims.empty()) return affected;
    auto replacement = rewrite_ ? rewrite_(*claims.front().message, claims) : spool::Replacement();
    std::vector<spool::Claim> replaced;
    std::vector<RecipientId> same;
    for (auto& claim : claims) {
      if (std::ranges::find(replacement.replaced, claim.ordinal) == replacement.replaced.end())
        same.push_back(claim.id());
      else
        replaced.push_back(std::move(claim));
    }
    // The order comes first, so that nobody takes them by the old way in between.
    spool_.change({}, same, {.verb = spool::Verb::kReroute});
    spool_.unclaim(same, wall_now());
    affected.changed = same.size();
    if (replaced.empty()) return affected;
    if (auto done = replace(replaced, std::move(replacement.messages)); !done)
      return std::unexpected(no_changes(done.error()));
    affected.changed += replaced.size();
    return affected;
  }

 private:
  spool::Filter filter_for(std::span<const RecipientId> recipients) const {
    auto filter = filter_;
    filter.recipient_ids.assign(recipients.begin(), recipients.end());
    return filter;
  }

  /// Those who have the message waiting already get it once.
  void leave_out_known(const spool::Message& message, std::span<const spool::Claim> replaced,
                       std::vector<spool::NewMessage>& messages) {
    std::vector<std::string> known;
    for (const auto& entry : spool_.recipients(message.id))
      if (std::ranges::find(replaced, entry.id.ordinal, &spool::Claim::ordinal) == replaced.end())
        known.push_back(entry.address);
    for (auto& made : messages) {
      if (made.envelope.reverse_path != message.envelope.reverse_path || !made.body.empty()) continue;
      std::erase_if(made.recipients, [&](const auto& recipient) {
        return std::ranges::any_of(known, [&](const auto& one) { return ascii::iequals(one, recipient.address); });
      });
    }
    std::erase_if(messages, [](const auto& made) { return made.recipients.empty(); });
  }

  std::expected<void, SpoolError> replace(const std::vector<spool::Claim>& replaced,
                                          std::vector<spool::NewMessage> messages) {
    const auto& message = *replaced.front().message;
    leave_out_known(message, replaced, messages);
    if (auto done = give_body(message.id, messages); !done) {
      std::vector<RecipientId> ids;
      for (const auto& claim : replaced) ids.push_back(claim.id());
      spool_.unclaim(ids, wall_now());
      return done;
    }
    return record(message, replaced, std::move(messages));
  }

  std::expected<void, SpoolError> give_body(spool::MessageId id, std::vector<spool::NewMessage>& messages) {
    async::Loop loop;  // this is a thread of the pool: it may wait
    const auto body = loop.block_on(spool_.body(id));
    if (!body) return std::unexpected(body.error());
    for (auto& made : messages) {
      made.id = spool::MessageId::make();
      if (made.body.empty()) made.body.push_back(**body);
    }
    return {};
  }

  std::expected<void, SpoolError> record(const spool::Message& message, const std::vector<spool::Claim>& replaced,
                                         std::vector<spool::NewMessage> messages) {
    std::string made;
    for (const auto& one : messages) made += (made.empty() ? "" : ",") + one.id.to_string();
    std::vector<spool::Outcome> outcomes;
    std::vector<RecipientId> ids;
    for (const auto& claim : replaced) {
      ids.push_back(claim.id());
      outcomes.push_back(
          {.recipient = claim.id(), .result = spool::Result::kDropped, .reply = {0, "", "goes on as " + made, ""}});
    }
    SpoolAnswer<void> answer;
    // They come back when it is known that it failed, not when nobody waits any more.
    spool_.record(
        std::move(outcomes), std::move(messages),
        [&spool = spool_, ids = std::move(ids), taker = answer.taker()](std::expected<void, SpoolError> done) {
          if (!done) spool.unclaim(ids, wall_now());
          taker(std::move(done));
        });
    auto done = answer.wait();
    if (!done) return done;
    for (const auto& claim : replaced)
      log::info("control.requeued", {{"message", message.id.to_string()},
                                     {"trace", message.envelope.trace_id},
                                     {"to", claim.address},
                                     {"replaced_by", made}});
    return done;
  }

  spool::Spool& spool_;
  const spool::Filter filter_;
  const Rewrite rewrite_;
};

}  // namespace

/// Not UNAVAILABLE, by which gRPC says that nobody is there.
grpc::Status no_changes(const SpoolError& fault) {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the disk does not take changes: " + utf8(fault.detail)};
}

std::expected<std::unique_ptr<MessageChange>, std::string> make_edit(spool::Spool& spool,
                                                                     const v1::ChangeRequest::Edit& edit) {
  spool::Edit out;
  const auto wrong = [](const std::string& address) { return !smtp::is_mailbox(address, true); };
  if (edit.add_recipient_size() + edit.remove_recipient_size() + edit.mark_delivered_size() > kMostAddresses)
    return std::unexpected("edit: more than 1000 addresses");
  if (edit.has_sender()) {
    if (!edit.sender().empty() && wrong(edit.sender())) return std::unexpected("edit.sender: expected local@domain");
    out.reverse_path = edit.sender();
  }
  for (const auto& address : edit.add_recipient()) {
    if (wrong(address)) return std::unexpected("edit.add_recipient: expected local@domain");
    const auto same = [&](const auto& one) { return ascii::iequals(one.address, address); };
    if (std::ranges::none_of(out.added, same)) out.added.push_back({address, spool::kNotifyDefault, ""});
  }
  for (const auto& address : edit.remove_recipient()) out.ended.emplace_back(address, spool::Result::kDropped);
  for (const auto& address : edit.mark_delivered()) out.ended.emplace_back(address, spool::Result::kDelivered);
  for (const auto& [address, result] : out.ended) {
    const auto same = [&](const auto& one) { return ascii::iequals(one.first, address); };
    const auto added = [&](const auto& one) { return ascii::iequals(one.address, address); };
    if (wrong(address)) return std::unexpected("edit.remove_recipient, mark_delivered: expected local@domain");
    if (std::ranges::count_if(out.ended, same) > 1 || std::ranges::any_of(out.added, added))
      return std::unexpected("edit: an address is named twice");
  }
  if (!out.reverse_path && out.added.empty() && out.ended.empty()) return std::unexpected("edit: changes nothing");
  return std::make_unique<Editing>(spool, std::move(out));
}

std::unique_ptr<MessageChange> make_requeue(spool::Spool& spool, spool::Filter filter, Rewrite rewrite) {
  return std::make_unique<Requeueing>(spool, std::move(filter), std::move(rewrite));
}

}  // namespace quartet::control
