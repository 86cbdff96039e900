// STORE (RFC 3501 section 6.4.6, RFC 7162 section 3.1.3). Commands that came together are made together: a client that
// marks a thousand messages one by one does not wait a thousand times for the disk.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "imapd/access.h"
#include "imapd/changes.h"
#include "imapd/commands.h"
#include "imapd/flags.h"
#include "imapd/numbers.h"
#include "imapd/proto/sequence_set.h"
#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

// Of one commit: others of the same shard wait as long as it takes.
constexpr std::size_t kMostMessages = 5'000;

/// What a client knows of flags while the STOREs of a run are answered one after the other.
using Believed = std::unordered_map<std::uint32_t, std::uint64_t>;

/// A STORE whose messages have been found; those of one commit have the same view.
struct Change {
  const Store& command;
  bool uid = false;
  std::size_t answer = 0;    // which of the run
  std::size_t messages = 0;  // that it names
  store::FlagRequest request;
};

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

/// Of the flags that a STORE names those are changed that the client may change; false if it may change none of them
/// (RFC 4314 section 4).
bool keep_to(store::FlagChange& change, store::Rights rights) {
  change.may_change = store::changeable_flags(rights);
  const bool named = change.flags != 0 || !change.keywords.empty();
  change.flags &= change.may_change;
  if (!rights.has("w")) change.keywords.clear();
  if (!named) return change.may_change != 0;
  return change.flags != 0 || !change.keywords.empty();
}

/// What a client that hears nothing believes the flags to be.
std::uint64_t expected_flags(const store::FlagChange& change, std::uint64_t named, std::uint64_t before) {
  switch (change.mode) {
    case store::FlagMode::kReplace:
      return (named & change.may_change) | (before & ~change.may_change);
    case store::FlagMode::kAdd:
      return before | named;
    case store::FlagMode::kRemove:
      return before & ~named;
  }
  return before;
}

std::size_t count_of(const Positions& positions) {
  std::size_t count = 0;
  for (const auto& range : positions) count += range.end - range.first;
  return count;
}

/// Where the STOREs left each message last; ascending UIDs.
std::vector<store::FlagState> last_states(const std::vector<store::Result<store::FlagsStored>>& results) {
  std::vector<store::FlagState> all;
  for (const auto& result : results)
    if (result) all.insert(all.end(), result->messages.begin(), result->messages.end());
  if (results.size() == 1) return all;
  // Mod-sequences grow from one change of a message to the next.
  std::ranges::sort(all, {}, [](const store::FlagState& state) { return std::pair(state.uid, state.modseq); });
  std::vector<store::FlagState> last;
  for (const auto& state : all) {
    if (last.empty() || last.back().uid != state.uid)
      last.push_back(state);
    else
      last.back() = state;
  }
  return last;
}

/// Tells the outcome of the STOREs of one commit, after the view has moved on.
class Teller {
 public:
  Teller(Context& context, const store::Snapshot& before, const std::vector<store::FlagState>& last)
      : context_(context), before_(before), last_(last) {}

  /// The responses to STORE: all messages it named, or with .SILENT those whose flags are not what the client must
  /// think. A client that has enabled CONDSTORE is told the mod-sequence of each (RFC 7162 section 3.1.3).
  std::string responses(const Change& change, const store::FlagsStored& stored) {
    const auto& view = *context_.selected->view();
    const auto named = change.request.change.flags | keyword_bits(change.request.change.keywords, view.keywords());
    std::string out;
    for (const auto& state : stored.messages) {
      const auto position = view.find(state.uid);
      if (!position) continue;
      // The last word on a message is what the view has: it knows of changes by others that came later.
      const auto& entry = view[*position];
      const bool is_last =
          std::ranges::lower_bound(last_, state.uid, {}, &store::FlagState::uid)->modseq == state.modseq;
      const auto flags = is_last ? entry.flags : state.flags;
      const auto old = believed_before(state.uid);
      believed_[state.uid] = flags;
      const bool known = change.command.silent && old && expected_flags(change.request.change, named, *old) == flags;
      if (known && !context_.enabled.condstore) continue;
      append(out, {state.uid, flags, is_last ? entry.modseq : state.modseq}, *position + 1, change.uid, known);
    }
    return out;
  }

 private:
  std::optional<std::uint64_t> believed_before(std::uint32_t uid) const {
    if (const auto found = believed_.find(uid); found != believed_.end()) return found->second;
    const auto old = before_.find(uid);
    return old ? std::optional(before_[*old].flags) : std::nullopt;
  }

  void append(std::string& out, const store::FlagState& state, std::size_t number, bool uid, bool known) const {
    const auto& selected = *context_.selected;
    const auto into = std::back_inserter(out);
    // RFC 7162 section 3.2.4: UID and MODSEQ go together.
    const bool uidonly = context_.enabled.uidonly;
    append_fetch(out, number, state.uid, uidonly);
    if (!uidonly && (uid || context_.enabled.condstore)) fmt::format_to(into, "UID {} ", state.uid);
    if (!known) {
      out += "FLAGS (";
      append_flags(out, state.flags, selected.view()->keywords(), selected.is_recent(state.uid));
      out += ')';
    }
    if (context_.enabled.condstore) fmt::format_to(into, "{}MODSEQ ({})", known ? "" : " ", state.modseq);
    out += ")\r\n";
  }

  Context& context_;
  const store::Snapshot& before_;
  const std::vector<store::FlagState>& last_;
  Believed believed_;
};

/// What a conditional STORE did not change, as the client named it (RFC 7162 section 3.1.3).
std::string modified_code(const store::Snapshot& view, const std::vector<std::uint32_t>& modified, bool uid) {
  std::vector<std::uint32_t> numbers;
  for (const auto one : modified) {
    const auto position = view.find(one);
    if (position) numbers.push_back(uid ? one : static_cast<std::uint32_t>(*position + 1));
  }
  return numbers.empty() ? std::string() : "MODIFIED " + to_sequence_text(numbers);
}

Reply reply_to(const store::Snapshot& before, const Change& change, const store::FlagsStored& stored) {
  if (!stored.modified.empty())
    return Reply::ok("Some were changed by others", modified_code(before, stored.modified, change.uid));
  // Expunged by others, of which the client is told only when numbers may change.
  if (stored.messages.size() < change.messages) return Reply::ok("Some of the messages are gone", "EXPUNGEISSUED");
  return Reply::ok("Stored");
}

void fail_all(std::vector<Answered>& answers, const std::vector<Change>& changes, const store::StoreError& error) {
  const auto reply = failure(error);
  for (const auto& change : changes) answers[change.answer].reply = reply;
}

async::Task<void> commit(Context& context, const std::vector<Change>& changes, std::vector<Answered>& answers) {
  if (changes.empty()) co_return;
  auto& selected = *context.selected;
  std::vector<store::FlagRequest> requests;
  for (const auto& change : changes) requests.push_back(change.request);
  auto stored = co_await context.store().store_flags(selected.ref(), std::move(requests));
  if (!stored) co_return fail_all(answers, changes, stored.error());
  // The answers tell of keywords that these commands made known, so the view moves on first.
  const auto before = selected.view();
  const auto last = last_states(*stored);
  Selected::Refresh how;
  how.expunges = Selected::Expunges::kKept;
  how.told = last;
  how.flags = wants_flags(context);
  const auto refreshed = co_await selected.refresh(std::move(how), answers[changes.front().answer].untagged);
  if (!refreshed) co_return fail_all(answers, changes, refreshed.error());
  Teller teller(context, *before, last);
  for (std::size_t n = 0; n < changes.size(); ++n) {
    auto& answer = answers[changes[n].answer];
    const auto& result = (*stored)[n];
    if (result) answer.untagged += teller.responses(changes[n], *result);
    answer.reply = result ? reply_to(*before, changes[n], *result) : failure(result.error());
  }
}

}  // namespace

async::Task<std::vector<Answered>> store_flags(Context& context, const std::vector<Command>& run) {
  std::vector<Answered> answers(run.size());
  std::vector<Change> changes;
  std::size_t messages = 0;
  for (std::size_t n = 0; n < run.size(); ++n) {
    const auto& command = std::get<Store>(run[n].arguments);
    auto& answer = answers[n];
    if (context.selected->read_only()) {
      answer.reply = Reply::no("The mailbox is open for reading only", "CANNOT");
      continue;
    }
    const auto positions = find_messages(*context.selected, command.set, run[n].uid);
    answer.reply = positions ? Reply::ok("Nothing to store") : positions.error();
    if (!positions) continue;
    auto change = to_change(command);
    if (!keep_to(change, context.selected->rights())) {
      answer.reply = not_permitted();
      continue;
    }
    if (command.unchanged_since) enable_condstore(context);
    if (positions->empty()) continue;
    const auto count = count_of(*positions);
    if (messages + count > kMostMessages) {
      co_await commit(context, changes, answers);
      changes.clear();
      messages = 0;
    }
    messages += count;
    changes.push_back({command, run[n].uid, n, count, {uids_of(*context.selected, *positions), std::move(change)}});
  }
  co_await commit(context, changes, answers);
  co_return answers;
}

}  // namespace quartet::imapd
