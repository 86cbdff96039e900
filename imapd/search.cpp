// SEARCH: RFC 3501 section 6.4.4, RFC 9051 section 6.4.4.
#include "imapd/commands.h"
#include "imapd/search_result.h"
#include "imapd/searcher.h"

namespace quartet::imapd {

Answer search(Context& context, const Search& command, const std::string& tag, bool uid) {
  const bool modseq = uses(command.key, SearchKey::Kind::kModSeq);
  if (modseq) enable_condstore(context);
  const auto found = co_await find_matching(context, command.key);
  if (!found) {
    // RFC 5182 section 2.1: what a failed SEARCH would have saved is nothing.
    if (command.results.save) context.selected->save({});
    co_return found.error();
  }
  tell_results(context, command.results,
               {.positions = *found, .name = "SEARCH", .tag = tag, .uid = uid, .modseq = modseq});
  co_return Reply::ok("Searched");
}

}  // namespace quartet::imapd
