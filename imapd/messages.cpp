// Commands that change messages in the selected mailbox: STORE, COPY, MOVE, EXPUNGE, CLOSE (RFC 3501 section 6.4,
// RFC 4315, RFC 6851).
#include <fmt/format.h>

#include <iterator>

#include "imapd/commands.h"
#include "imapd/flags.h"
#include "imapd/numbers.h"
#include "imapd/proto/sequence_set.h"

namespace quartet::imapd {
namespace {

Reply read_only() { return Reply::no("The mailbox is open for reading only", "CANNOT"); }

store::FlagChange to_change(const Store& command) {
  static constexpr store::FlagMode kModes[] = {store::FlagMode::kReplace, store::FlagMode::kAdd,
                                               store::FlagMode::kRemove};
  auto names = sort_flags(command.flags);
  store::FlagChange change;
  change.mode = kModes[static_cast<int>(command.mode)];
  change.flags = names.system;
  change.keywords = std::move(names.keywords);
  change.unchanged_since = command.unchanged_since;
  return change;
}

/// What a client that hears nothing believes the flags to be.
std::uint64_t expected_flags(const store::FlagChange& change, std::uint64_t named, std::uint64_t before) {
  switch (change.mode) {
    case store::FlagMode::kReplace:
      return named;
    case store::FlagMode::kAdd:
      return before | named;
    case store::FlagMode::kRemove:
      return before & ~named;
  }
  return before;
}

/// The responses to STORE: all messages it named, or with .SILENT those whose flags are not what the client must think.
/// A client that has enabled CONDSTORE is told the mod-sequence of each (RFC 7162 section 3.1.3).
void append_stored(Context& context, const store::Snapshot& before, const store::FlagsStored& stored,
                   const store::FlagChange& change, bool silent, bool uid) {
  const auto& selected = *context.selected;
  const auto& view = *selected.view();
  const auto named = change.flags | keyword_bits(change.keywords, view.keywords());
  auto& out = context.output.text();
  for (const auto& state : stored.messages) {
    const auto position = view.find(state.uid);
    if (!position) continue;
    const auto& entry = view[*position];
    const auto old = before.find(state.uid);
    const bool known = silent && old && expected_flags(change, named, before[*old].flags) == entry.flags;
    if (known && !context.enabled.condstore) continue;
    fmt::format_to(std::back_inserter(out), "* {} FETCH (", *position + 1);
    if (uid || context.enabled.qresync) fmt::format_to(std::back_inserter(out), "UID {} ", entry.uid);
    if (!known) {
      out += "FLAGS (";
      append_flags(out, entry.flags, view.keywords(), selected.is_recent(entry.uid));
      out += ')';
    }
    if (context.enabled.condstore)
      fmt::format_to(std::back_inserter(out), "{}MODSEQ ({})", known ? "" : " ", entry.modseq);
    out += ")\r\n";
  }
}

/// What a conditional STORE did not change, as the client named it (RFC 7162 section 3.1.3).
std::string modified_code(const store::Snapshot& view, const std::vector<std::uint32_t>& modified, bool uid) {
  std::vector<std::uint32_t> numbers;
  for (const auto one : modified) {
    const auto position = view.find(one);
    if (position) numbers.push_back(uid ? one : static_cast<std::uint32_t>(*position + 1));
  }
  return numbers.empty() ? std::string() : "MODIFIED " + to_sequence_text(numbers);
}

std::string copy_code(const store::Copied& copied) {
  if (copied.uids.empty()) return {};
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

Answer store_flags(Context& context, const Store& command, bool uid) {
  auto& selected = *context.selected;
  if (selected.read_only()) co_return read_only();
  const auto positions = find_messages(selected, command.set, uid);
  if (!positions) co_return positions.error();
  const auto change = to_change(command);
  if (change.unchanged_since) enable_condstore(context);
  if (positions->empty()) co_return Reply::ok("Nothing to store");
  auto stored = co_await context.store().store_flags(selected.ref(), uids_of(selected, *positions), change);
  if (!stored) co_return failure(stored.error());
  // The answer tells of keywords that this command made known, so the view moves on first.
  const auto before = selected.view();
  Selected::Refresh how;
  how.expunges = Selected::Expunges::kKept;
  how.told = stored->messages;
  const auto refreshed = co_await selected.refresh(std::move(how), context.output.text());
  if (!refreshed) co_return failure(refreshed.error());
  append_stored(context, *before, *stored, change, command.silent, uid);
  if (stored->modified.empty()) co_return Reply::ok("Stored");
  co_return Reply::ok("Some were changed by others", modified_code(*before, stored->modified, uid));
}

Answer copy(Context& context, const Copy& command, bool uid) {
  auto& selected = *context.selected;
  const auto positions = find_messages(selected, command.set, uid);
  if (!positions) co_return positions.error();
  const auto target = co_await context.store().find(context.account, command.mailbox);
  if (!target) co_return no_target(target.error());
  if (positions->empty()) co_return Reply::ok("Nothing to copy");
  const auto copied = co_await context.store().copy(selected.ref(), uids_of(selected, *positions), target->ref);
  if (!copied) co_return no_target(copied.error());
  context.changed = target->ref == selected.ref();
  co_return Reply::ok("Copied", copy_code(*copied));
}

Answer move(Context& context, const Move& command, bool uid) {
  auto& selected = *context.selected;
  if (selected.read_only()) co_return read_only();
  const auto positions = find_messages(selected, command.set, uid);
  if (!positions) co_return positions.error();
  const auto target = co_await context.store().find(context.account, command.mailbox);
  if (!target) co_return no_target(target.error());
  if (positions->empty()) co_return Reply::ok("Nothing to move");
  const auto moved = co_await context.store().move(selected.ref(), uids_of(selected, *positions), target->ref);
  if (!moved) co_return no_target(moved.error());
  context.changed = context.expunged = true;
  // RFC 6851 section 4.3: COPYUID goes before the EXPUNGEs that follow at the end.
  if (const auto code = copy_code(*moved); !code.empty()) context.output.line(fmt::format("* OK [{}] Moved", code));
  co_return Reply::ok("Moved");
}

Answer expunge(Context& context, const Expunge& command) {
  auto& selected = *context.selected;
  if (selected.read_only()) co_return read_only();
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
  if (selected->read_only()) co_return Reply::ok("Closed");
  const auto expunged = co_await context.store().expunge(selected->ref(), std::nullopt);
  if (!expunged && expunged.error().code != store::ErrorCode::kNoMailbox) co_return failure(expunged.error());
  co_return Reply::ok("Closed");
}

}  // namespace quartet::imapd
