// Commands that change messages in the selected mailbox: COPY, MOVE, EXPUNGE, CLOSE (RFC 3501 section 6.4, RFC 4315,
// RFC 6851).
#include <fmt/format.h>

#include <algorithm>

#include "imapd/access.h"
#include "imapd/commands.h"
#include "imapd/list_line.h"
#include "imapd/numbers.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {
namespace {

Reply read_only() { return Reply::no("The mailbox is open for reading only", "CANNOT"); }

/// What the messages bring along and the client may not set where they are now (RFC 4314 section 4).
async::Task<void> drop_flags(Context& context, const store::Located& target, const store::Copied& copied) {
  if (target.place.all_rights || copied.uids.empty()) co_return;
  store::FlagChange change;
  change.mode = store::FlagMode::kReplace;
  change.may_change = ~store::changeable_flags(target.rights);
  if (change.may_change == 0) co_return;
  store::UidSet uids;
  for (const auto& [source, made] : copied.uids) uids.push_back({made, made});
  std::ranges::sort(uids, {}, &store::UidRange::first);
  const auto dropped = co_await context.store().store_flags(target.info.ref, std::move(uids), change);
  if (!dropped) (void)failure(dropped.error());  // the messages are there, that counts
}

/// Others have expunged all that was to be copied, of which the client has not been told yet: it must not believe that
/// there are copies (RFC 2180 section 4.4.1). A UID without a message is no error (RFC 9051 section 6.4.9).
Reply all_gone(bool uid) {
  constexpr const char* kText = "The messages are gone";
  return uid ? Reply::ok(kText, "EXPUNGEISSUED") : Reply::no(kText, "EXPUNGEISSUED");
}

void note_created(Context& context, const store::Copied& copied) {
  for (const auto& [source, made] : copied.uids) context.created.push_back(made);
}

/// Who may put messages into a mailbox and not look into it learns nothing of it (RFC 9051 section 6.4.7).
std::string copy_code(const store::Located& target, const store::Copied& copied) {
  if (copied.uids.empty() || !target.rights.has("r")) return {};
  std::vector<std::uint32_t> from;
  std::vector<std::uint32_t> to;
  for (const auto& [source, destination] : copied.uids) {
    from.push_back(source);
    to.push_back(destination);
  }
  return fmt::format("COPYUID {} {} {}", copied.uidvalidity, to_sequence_text(from), to_sequence_text(to));
}

}  // namespace

// RFC 3501 section 6.4.7: the client may make the mailbox and try again.
Reply no_target(const store::StoreError& error) {
  const bool missing = error.code == store::ErrorCode::kNoMailbox || error.code == store::ErrorCode::kNoSelect;
  return missing ? Reply::no("No such mailbox", "TRYCREATE") : failure(error);
}

Answer copy(Context& context, const Copy& command, bool uid) {
  auto& selected = *context.selected;
  const auto positions = find_messages(selected, command.set, uid);
  if (!positions) co_return positions.error();
  const auto target = co_await locate(context, command.mailbox, "i", Wanted::kAsTarget);
  if (!target) co_return target.error();
  if (positions->empty()) co_return Reply::ok("Nothing to copy");
  const auto copied = co_await context.store().copy(selected.ref(), uids_of(selected, *positions), target->info.ref);
  if (!copied) co_return no_target(copied.error());
  if (copied->uids.empty()) co_return all_gone(uid);
  co_await drop_flags(context, *target, *copied);
  context.changed = target->info.ref == selected.ref();
  if (context.changed) note_created(context, *copied);
  tell_true_name(context, command.mailbox);
  co_return Reply::ok("Copied", copy_code(*target, *copied));
}

Answer move(Context& context, const Move& command, bool uid) {
  auto& selected = *context.selected;
  if (selected.read_only()) co_return read_only();
  const auto positions = find_messages(selected, command.set, uid);
  if (!positions) co_return positions.error();
  if (!selected.rights().has("te")) co_return not_permitted();
  const auto target = co_await locate(context, command.mailbox, "i", Wanted::kAsTarget);
  if (!target) co_return target.error();
  if (positions->empty()) co_return Reply::ok("Nothing to move");
  const auto moved = co_await context.store().move(selected.ref(), uids_of(selected, *positions), target->info.ref);
  if (!moved) co_return no_target(moved.error());
  context.changed = true;
  if (moved->uids.empty()) co_return all_gone(uid);
  co_await drop_flags(context, *target, *moved);
  context.expunged = true;
  if (target->info.ref == selected.ref()) note_created(context, *moved);
  // RFC 6851 section 4.3: COPYUID goes before the EXPUNGEs that follow at the end.
  if (const auto code = copy_code(*target, *moved); !code.empty())
    context.output.line(fmt::format("* OK [{}] Moved", code));
  tell_true_name(context, command.mailbox);
  co_return Reply::ok("Moved");
}

Answer expunge(Context& context, const Expunge& command) {
  auto& selected = *context.selected;
  if (selected.read_only()) co_return read_only();
  if (!selected.rights().has("e")) co_return not_permitted();
  std::optional<store::UidSet> uids;
  if (command.uids) {
    const auto positions = find_messages(selected, *command.uids, true);
    if (!positions) co_return positions.error();
    uids = uids_of(selected, *positions);
  }
  const auto expunged = co_await context.store().expunge(selected.ref(), std::move(uids));
  if (!expunged) co_return failure(expunged.error());
  context.changed = true;
  context.expunged = !expunged->uids.empty();
  co_return Reply::ok("Expunged");
}

Answer close(Context& context) {
  const auto selected = std::exchange(context.selected, nullptr);
  if (selected->read_only() || !selected->rights().has("e")) co_return Reply::ok("Closed");
  const auto expunged = co_await context.store().expunge(selected->ref(), std::nullopt);
  // CLOSE knows no NO, as it leaves the mailbox in any case (RFC 9051 section 6.4.1): what went wrong is told beside.
  if (!expunged && expunged.error().code != store::ErrorCode::kNoMailbox) {
    const auto why = failure(expunged.error());
    context.output.line(fmt::format("* NO [{}] {}", why.code, why.text));
  }
  co_return Reply::ok("Closed");
}

}  // namespace quartet::imapd
