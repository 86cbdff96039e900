#include "imapd/message_limit.h"

#include <fmt/format.h>

#include <algorithm>

#include "imapd/numbers.h"

namespace quartet::imapd {
namespace {

std::size_t count_of(const Positions& positions) {
  std::size_t count = 0;
  for (const auto& range : positions) count += range.end - range.first;
  return count;
}

Positions intersection(const Positions& a, const Positions& b) {
  Positions both;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    const PositionRange range{std::max(i->first, j->first), std::min(i->end, j->end)};
    if (range.first < range.end) both.push_back(range);
    i->end < j->end ? ++i : ++j;
  }
  return both;
}

Positions deleted_of(const store::Snapshot& view, const Positions& positions) {
  Positions deleted;
  for (const auto& range : positions)
    for (auto position = range.first; position < range.end; ++position)
      if ((view[position].flags & store::flag::kDeleted) != 0) deleted.push_back({position, position + 1});
  return deleted;
}

/// Those that a search looks at: keys that name messages leave out the others (RFC 9738 section 3.1).
Positions looked_at(const Selected& selected, const SearchKey& key) {
  if (key.kind == SearchKey::Kind::kSequence || key.kind == SearchKey::Kind::kUid)
    return match_messages(*selected.view(), selected.saved(), key.set, key.kind == SearchKey::Kind::kUid);
  Positions positions;
  if (!selected.view()->empty()) positions.push_back({0, selected.view()->size()});
  if (key.kind != SearchKey::Kind::kAnd) return positions;
  for (const auto& child : key.children) positions = intersection(positions, looked_at(selected, child));
  return positions;
}

/// Keeps one command of a session to its limit.
class Limiter {
 public:
  Limiter(Context& context, bool uid) : context_(context), limit_(context.options.message_limit), uid_(uid) {}

  std::optional<Reply> operator()(Fetch& command) {
    // Of a part, what it may hold counts.
    if (command.partial && command.partial->last - command.partial->first >= limit_) return refused();
    if (command.partial) return std::nullopt;
    auto positions = named(command.set);
    if (command.changed_since) positions = changed_since(view(), positions, *command.changed_since);
    cut(command.set, positions);
    return std::nullopt;
  }
  std::optional<Reply> operator()(Store& command) {
    cut(command.set, named(command.set));
    return std::nullopt;
  }
  std::optional<Reply> operator()(Move& command) {
    cut(command.set, named(command.set));
    return std::nullopt;
  }
  std::optional<Reply> operator()(Expunge& command) {
    if (command.uids) cut(*command.uids, deleted_of(view(), named(*command.uids)));
    return std::nullopt;
  }
  std::optional<Reply> operator()(Search& command) {
    const auto first = first_kept(looked_at(*context_.selected, command.key));
    if (!first) return std::nullopt;
    context_.limited = code(*first);
    SearchKey kept;
    kept.kind = SearchKey::Kind::kUid;
    kept.set = SequenceSet({{view()[*first].uid, SequenceSet::kStar - 1}});
    SearchKey both;
    both.kind = SearchKey::Kind::kAnd;
    both.children.push_back(std::move(kept));
    both.children.push_back(std::move(command.key));
    command.key = std::move(both);
    return std::nullopt;
  }
  // All or nothing.
  std::optional<Reply> operator()(const Copy& command) const {
    const auto first = first_kept(named(command.set));
    if (!first) return std::nullopt;
    return Reply::no("Too many messages at once", code(*first));
  }
  std::optional<Reply> operator()(const Append& command) const {
    return command.items.size() > limit_ ? std::optional(refused()) : std::nullopt;
  }
  std::optional<Reply> operator()(const Sort& command) const { return whole(command.key); }
  std::optional<Reply> operator()(const Thread& command) const { return whole(command.key); }
  template <typename Other>
  std::optional<Reply> operator()(const Other&) const {
    return std::nullopt;
  }

 private:
  const store::Snapshot& view() const { return *context_.selected->view(); }

  /// None if the set is wrong: then the command says so.
  Positions named(const SequenceSet& set) const {
    return find_messages(*context_.selected, set, uid_).value_or(Positions());
  }

  /// The position of the first message within the limit, counted from the last; nullopt if all are.
  std::optional<std::size_t> first_kept(const Positions& positions) const {
    if (count_of(positions) <= limit_) return std::nullopt;
    auto left = limit_;
    auto range = positions.rbegin();
    for (; range->end - range->first < left; ++range) left -= range->end - range->first;
    return range->end - left;
  }

  /// Leaves in the set what is at the first kept of the positions and behind.
  void cut(SequenceSet& set, const Positions& positions) {
    const auto first = first_kept(positions);
    if (!first) return;
    context_.limited = code(*first);
    std::vector<SequenceRange> ranges;
    if (uid_) {
      // Not only those that exist: the client may ask which of them have vanished.
      for (const auto& range : named_uids(*context_.selected, set))
        if (range.last >= view()[*first].uid) ranges.push_back({std::max(range.first, view()[*first].uid), range.last});
    } else {
      for (const auto& range : named(set))
        if (range.end > *first)
          ranges.push_back(
              {static_cast<std::uint32_t>(std::max(range.first, *first) + 1), static_cast<std::uint32_t>(range.end)});
    }
    set = SequenceSet(std::move(ranges));
  }

  std::optional<Reply> whole(const SearchKey& key) const {
    return count_of(looked_at(*context_.selected, key)) > limit_ ? std::optional(refused()) : std::nullopt;
  }

  Reply refused() const { return Reply::no("Too many messages at once", fmt::format("MESSAGELIMIT {}", limit_)); }
  std::string code(std::size_t first) const { return fmt::format("MESSAGELIMIT {} {}", limit_, view()[first].uid); }

  Context& context_;
  const std::size_t limit_;
  const bool uid_;
};

}  // namespace

std::optional<Reply> keep_to_limit(Context& context, Command& command) {
  const bool has_messages = context.selected || std::holds_alternative<Append>(command.arguments);
  if (context.options.message_limit == 0 || !has_messages) return std::nullopt;
  return std::visit(Limiter(context, command.uid || command.name == "EXPUNGE"), command.arguments);
}

void tell_limit(const std::string& limited, Reply& reply, std::string& untagged) {
  if (limited.empty() || reply.kind != Reply::Kind::kOk) return;
  if (reply.code.empty())
    reply.code = limited;
  else
    untagged += fmt::format("* NO [{}] Not all of it was done\r\n", limited);
}

}  // namespace quartet::imapd
