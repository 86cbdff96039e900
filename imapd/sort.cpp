// SORT: RFC 5256, SORT=DISPLAY (RFC 5957), ESORT (RFC 5267).
#include "common/async/thread_pool.h"
#include "imapd/commands.h"
#include "imapd/search_result.h"
#include "imapd/searcher.h"
#include "imapd/sort_rows.h"

namespace quartet::imapd {
namespace {

// Comparing more rows than these takes long enough to hold up the other sessions of the loop.
constexpr std::size_t kMany = 4096;

async::Task<std::expected<Found, Reply>> sorted(Context& context, const Sort& command, const Found& found) {
  const auto view = context.selected->view();
  SortRows rows(command.criteria, found.size());
  for (std::size_t row = 0; row < found.size(); ++row) rows.set(row, (*view)[found[row]]);
  if (rows.uses_headers()) {
    const auto use = [&rows](std::size_t row, const mime::StoredHeaders& headers) { rows.set(row, headers); };
    auto failed = co_await each_header(context, found, use);
    if (failed) co_return std::unexpected(*std::move(failed));
  }
  const auto order = [&rows, &found] {
    auto sorted = rows.sorted();
    for (auto& row : sorted) row = found[row];
    return sorted;
  };
  if (context.services.workers == nullptr || found.size() < kMany) co_return order();
  co_return co_await async::offload(*context.services.workers, order);
}

}  // namespace

Answer sort(Context& context, const Sort& command, const std::string& tag, bool uid) {
  const bool modseq = uses(command.key, SearchKey::Kind::kModSeq);
  if (modseq) enable_condstore(context);
  auto found = co_await find_matching(context, command.key);
  if (found) found = co_await sorted(context, command, *found);
  if (!found) {
    if (command.results.save) context.selected->save({});
    co_return found.error();
  }
  tell_results(context, command.results,
               {.positions = *found, .name = "SORT", .tag = tag, .uid = uid, .modseq = modseq});
  co_return Reply::ok("Sorted");
}

}  // namespace quartet::imapd
