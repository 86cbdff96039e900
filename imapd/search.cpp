// SEARCH: RFC 3501 section 6.4.4, RFC 9051 section 6.4.4.
#include "imapd/commands.h"
#include "imapd/search_result.h"
#include "imapd/search_terms.h"
#include "imapd/search_update.h"

namespace quartet::imapd {
Answer search(Context& context, const Search& command, const std::string& tag, bool uid) {
  if (command.results.update)
    if (const auto refusal = refuse_update(context, tag)) co_return *refusal;
  const auto terms = co_await search_terms(context, {command.key, command.charset, command.results.relevancy});
  if (!terms) co_return terms.error();
  const auto mailbox = searched(*context.selected);
  const auto found = co_await find_matching(context, mailbox, terms->key, {.scores = terms->scores});
  if (!found) co_return found.error();
  tell_results(
      context, command.results,
      {.mailbox = mailbox, .found = *found, .name = "SEARCH", .tag = tag, .uid = uid, .modseq = terms->modseq});
  if (command.results.update)
    keep_updated(context, {.tag = tag,
                           .uid = uid,
                           .key = frozen(terms->key, mailbox),
                           .items = command.results.update_items,
                           .uids = uids_at(*mailbox.view, found->positions)});
  co_return Reply::ok("Searched");
}

}  // namespace quartet::imapd
