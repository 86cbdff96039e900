// LIST and LSUB: RFC 3501 sections 6.3.8 and 6.3.9, RFC 5258 (LIST-EXTENDED), RFC 6154 (SPECIAL-USE), RFC 5819
// (LIST-STATUS), RFC 8440 (LIST-MYRIGHTS), RFC 9590 (LIST-METADATA).
#include <algorithm>

#include "common/async/wait.h"
#include "common/store/names.h"
#include "imapd/access.h"
#include "imapd/commands.h"
#include "imapd/known_mailboxes.h"
#include "imapd/list_line.h"
#include "imapd/pattern.h"
#include "imapd/proto/writer.h"
#include "imapd/status.h"

namespace quartet::imapd {
namespace {

// Names that are held against the patterns before other sessions of the loop have their turn.
constexpr std::size_t kNamesAtOnce = 256;

/// What one LIST or LSUB looks at, beside one mailbox.
struct Listing {
  const List& command;
  std::vector<Pattern> patterns;
  Names with_children;  // names with a mailbox that exists somewhere below
  Names with_chosen;    // names with a mailbox below that the selection options choose
  Names with_unlisted;  // the same with one that no pattern matches

  bool matches(std::string_view name) const {
    return std::ranges::any_of(patterns, [name](const Pattern& pattern) { return pattern.matches(name); });
  }

  bool selective() const { return command.lsub || command.select_subscribed || command.select_special_use; }

  bool chosen(const store::MailboxInfo& mailbox) const {
    if ((command.lsub || command.select_subscribed) && !mailbox.subscribed) return false;
    if (command.select_special_use && mailbox.special_use.empty()) return false;
    // Without a selection: what exists, and what must be there because something below it exists.
    return selective() || mailbox.exists || with_children.contains(mailbox.name);
  }
};

Listing prepare(const List& command, const std::vector<Known>& mailboxes) {
  Listing listing{command, {}, {}, {}, {}};
  for (const auto& pattern : command.patterns)
    // A name in another form of Unicode means the same mailbox as in other commands (RFC 9051 section 5.1).
    if (!pattern.empty() || !command.extended)
      listing.patterns.emplace_back(store::composed(command.reference + pattern));
  for (const auto& known : mailboxes)
    if (known.info.exists) add_parents(listing.with_children, known.info.name);
  for (const auto& known : mailboxes) {
    const auto& name = known.info.name;
    if (!listing.selective() || !listing.chosen(known.info)) continue;
    add_parents(listing.with_chosen, name);
    // What is not chosen is listed for such a child only: one that is listed itself says enough (RFC 5258 section 3.5).
    if (!listing.matches(name)) add_parents(listing.with_unlisted, name);
  }
  return listing;
}

/// Which options chose the mailboxes below (RFC 5258 section 3.5).
std::string child_info(const List& command) {
  std::string options;
  if (command.select_subscribed) options = R"("SUBSCRIBED")";
  if (command.select_special_use) options += options.empty() ? R"("SPECIAL-USE")" : R"( "SPECIAL-USE")";
  return R"(("CHILDINFO" ()" + options + "))";
}

void append_line(Context& context, const Listing& listing, const Known& known) {
  const auto& command = listing.command;
  const auto& mailbox = known.info;
  const bool chosen_below = command.select_recursive_match && listing.with_chosen.contains(mailbox.name);
  append_list_line(context, mailbox,
                   {.lsub = command.lsub,
                    .extended = command.extended,
                    // RFC 9051 section 6.3.9.2: why no STATUS comes.
                    .no_select = !command.return_status.empty() && !known.rights.has("r"),
                    .has_children = listing.with_children.contains(mailbox.name),
                    .subscriptions = command.select_subscribed || command.return_subscribed,
                    .item = chosen_below ? child_info(command) : ""});
}

/// What the client wants to know of each mailbox that its options choose in the same breath.
async::Task<std::optional<Reply>> append_details(Context& context, const Listing& listing, const Known& known) {
  const auto& mailbox = known.info;
  const auto& command = listing.command;
  if (!mailbox.exists || mailbox.noselect) co_return std::nullopt;
  if (command.return_my_rights) append_my_rights(context, mailbox.name, known.rights);
  std::optional<Reply> failed;
  if (!command.return_status.empty() && known.rights.has("r"))
    failed = co_await append_status(context, mailbox, command.return_status);
  if (!failed && !command.return_metadata.empty() && may_annotate(known.rights))
    failed = co_await append_metadata(context, mailbox, command.return_metadata);
  co_return failed;
}

/// RFC 3501 section 6.3.9: a name that '%' stops at stands for the subscribed ones below it.
void append_lsub_parent(Context& context, const store::MailboxInfo& mailbox) {
  auto& out = context.output.text();
  out += "* LSUB (\\Noselect) \"/\" ";
  append_mailbox_name(out, mailbox.name, context.enabled.utf8);
  out += "\r\n";
}

bool ends_in_percent(const List& command) {
  return std::ranges::any_of(command.patterns, [](const std::string& pattern) { return pattern.ends_with('%'); });
}

}  // namespace

Answer list(Context& context, const List& command) {
  std::size_t bytes = 0;
  for (const auto& pattern : command.patterns) {
    const auto size = command.reference.size() + pattern.size();
    bytes += size;
    if (size > Pattern::kMostBytes || bytes > Pattern::kMostBytesOfAll) co_return Reply::no("Too long", "LIMIT");
  }
  // RFC 3501 section 6.3.8: an empty pattern asks for the separator; among options it asks for nothing (RFC 5258
  // section 3).
  if (!command.lsub && !command.extended && command.patterns.front().empty()) {
    context.output.line(R"(* LIST (\Noselect) "/" "")");
    co_return Reply::ok("Listed");
  }
  const auto mailboxes = co_await known_mailboxes(context);
  if (!mailboxes) co_return failure(mailboxes.error());
  const auto listing = prepare(command, *mailboxes);
  const bool lsub_parents = command.lsub && ends_in_percent(command);
  std::size_t looked_at = 0;
  for (const auto& known : *mailboxes) {
    const auto& mailbox = known.info;
    if (++looked_at % kNamesAtOnce == 0) co_await async::yield();
    if (!listing.matches(mailbox.name)) continue;
    const bool above = listing.with_unlisted.contains(mailbox.name);
    const bool chosen = listing.chosen(mailbox);
    if (chosen || (command.select_recursive_match && above))
      append_line(context, listing, known);
    else if (lsub_parents && above)
      append_lsub_parent(context, mailbox);
    if (chosen) {
      const auto failed = co_await append_details(context, listing, known);
      if (failed) co_return *failed;
    }
    co_await context.output.drain();
  }
  co_return Reply::ok("Listed");
}

}  // namespace quartet::imapd
