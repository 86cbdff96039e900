// Changing the envelope of a queued message: in the index at once, and in the log as one unit.
#include "common/base/ascii.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Reply reply_for(Result result) {
  return {0, "", result == Result::kDelivered ? "delivered by an operator's word" : "removed by an operator", ""};
}

}  // namespace

Spool::Impl::EditPlan Spool::Impl::plan(MessageId id, const Edit& edit) const {
  EditPlan plan;
  plan.message = index_.find(id);
  if (plan.message == kNoSlot) return plan;
  plan.edited = Edited::kActive;
  // An outcome on its way would be older in the log than what is noted here, and newer in the index.
  if (in_flight_.contains(id)) return plan;
  plan.envelope = index_.envelope(plan.message);
  plan.added = edit.added;
  for (auto r = index_.message(plan.message).first; r != kNoSlot; r = index_.recipient(r).next) {
    if (index_.recipient(r).state == State::kActive) return plan;
    const auto address = index_.address(r);
    const auto end =
        std::ranges::find_if(edit.ended, [&](const auto& one) { return ascii::iequals(one.first, address); });
    if (end == edit.ended.end()) {
      std::erase_if(plan.added, [&](const auto& one) { return ascii::iequals(one.address, address); });
      continue;
    }
    auto& update = plan.ended.emplace_back(index_.present(r));
    update.final = end->second;
    update.reply = reply_for(end->second);
  }
  plan.revised = !plan.added.empty();
  if (edit.reverse_path && *edit.reverse_path != plan.envelope.reverse_path) {
    plan.envelope.reverse_path = *edit.reverse_path;
    plan.revised = true;
  }
  const bool plain = std::ranges::all_of(plan.added, is_ascii, &NewRecipient::address);
  if (!plain || !is_ascii(plan.envelope.reverse_path)) plan.envelope.smtputf8 = true;
  plan.edited = plan.revised || !plan.ended.empty() ? Edited::kChanged : Edited::kNothing;
  return plan;
}

Edited Spool::Impl::foresee(MessageId id, const Edit& edit) const {
  const std::lock_guard lock(mutex_);
  return plan(id, edit).edited;
}

void Spool::Impl::edit(MessageId id, const Edit& edit, EditDone completion) {
  Effects effects;
  std::optional<std::expected<Edited, SpoolError>> answer;
  {
    const std::lock_guard lock(mutex_);
    const auto found = plan(id, edit);
    if (closing_) {
      answer = std::unexpected(SpoolError{ErrorCode::kClosed, "the spool is closed"});
    } else if (!unsaved_.empty()) {
      answer = std::unexpected(SpoolError{ErrorCode::kIo, "earlier changes wait for the disk"});
    } else if (found.edited != Edited::kChanged) {
      answer = found.edited;
    } else {
      carry_out(id, found, std::move(completion), effects);
    }
  }
  tell(effects);
  if (answer) completion(*std::move(answer));
}

void Spool::Impl::carry_out(MessageId id, const EditPlan& plan, EditDone completion, Effects& effects) {
  Changes changes;
  std::vector<RecipientId> fresh;
  const auto due = wall_now();
  if (plan.revised) {
    auto view = view_of(id, plan.envelope);
    view.total_recipients = index_.message(plan.message).total;
    changes.revisions.push_back({id, view.total_recipients});
    for (const auto& recipient : plan.added) {
      auto& made = view.recipients.emplace_back();
      made.ordinal = view.total_recipients++;
      made.address = recipient.address;
      made.orcpt = recipient.orcpt;
      made.notify = recipient.notify;
      made.due = due;
      // Nobody delivers what a power failure would undo.
      made.state = State::kActive;
      fresh.push_back({id, made.ordinal});
    }
    index_.revise(plan.message, view);
  }
  changes.updates = plan.ended;
  if (watched()) {
    for (const auto& update : plan.ended)
      add_event(effects, event_of(update), index_.find(update.recipient), &update.reply);
    const auto first_new = index_.message(plan.message).total - fresh.size();
    for (auto r = index_.message(plan.message).first; plan.revised && r != kNoSlot; r = index_.recipient(r).next)
      add_event(effects, index_.recipient(r).ordinal < first_new ? EventKind::kRevised : EventKind::kEnqueued, r);
  }
  auto durable = [this, due, fresh = std::move(fresh),
                  completion = std::move(completion)](std::expected<void, SpoolError> result) mutable {
    if (!fresh.empty()) unclaim(fresh, due);
    completion(result ? std::expected<Edited, SpoolError>(Edited::kChanged) : std::unexpected(result.error()));
  };
  log_changes(changes, std::move(durable), false, effects);
}

}  // namespace quartet::spool
