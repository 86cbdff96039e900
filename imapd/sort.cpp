// SORT: RFC 5256, SORT=DISPLAY (RFC 5957), ESORT (RFC 5267), by RELEVANCY (RFC 6203).
#include <algorithm>

#include "common/async/thread_pool.h"
#include "imapd/commands.h"
#include "imapd/search_result.h"
#include "imapd/search_terms.h"
#include "imapd/sort_rows.h"

namespace quartet::imapd {
namespace {

// Comparing more rows than these takes long enough to hold up the other sessions of the loop.
constexpr std::size_t kMany = 4096;

Found in_order(const std::vector<std::size_t>& rows, const Found& found) {
  Found ordered;
  for (const auto row : rows) ordered.positions.push_back(found.positions[row]);
  if (!found.scores.empty())
    for (const auto row : rows) ordered.scores.push_back(found.scores[row]);
  return ordered;
}

async::Task<std::expected<Found, Reply>> sorted(Context& context, const Sort& command, store::SnapshotPtr view,
                                                const Found& found) {
  const auto size = found.positions.size();
  SortRows rows(command.criteria, size);
  for (std::size_t row = 0; row < size; ++row) rows.set(row, (*view)[found.positions[row]]);
  for (std::size_t row = 0; row < found.scores.size(); ++row) rows.set_score(row, found.scores[row]);
  if (rows.uses_headers()) {
    const auto use = [&rows](std::size_t row, const mime::StoredHeaders& headers) { rows.set(row, headers); };
    auto failed = co_await each_header(context, view, found.positions, use);
    if (failed) co_return std::unexpected(*std::move(failed));
  }
  const auto order = [&rows, &found] { return in_order(rows.sorted(), found); };
  if (context.services.workers == nullptr || size < kMany) co_return order();
  co_return co_await async::offload(*context.services.workers, order);
}

async::Task<Reply> sort_and_tell(Context& context, const Sort& command, const std::string& tag, bool uid) {
  const bool by_relevancy = std::ranges::find(command.criteria, SortCriterion::Kind::kRelevancy,
                                              &SortCriterion::kind) != command.criteria.end();
  const bool scores = command.results.relevancy || by_relevancy;
  const auto terms = co_await search_terms(context, {command.key, command.charset, scores});
  if (!terms) co_return terms.error();
  const auto mailbox = searched(*context.selected);
  auto found = co_await find_matching(context, mailbox, terms->key, terms->scores);
  if (found) found = co_await sorted(context, command, mailbox.view, *found);
  if (!found) co_return found.error();
  tell_results(context, command.results,
               {.found = *found, .name = "SORT", .tag = tag, .uid = uid, .modseq = terms->modseq});
  co_return Reply::ok("Sorted");
}

}  // namespace

Answer sort(Context& context, const Sort& command, const std::string& tag, bool uid) {
  auto reply = co_await sort_and_tell(context, command, tag, uid);
  if (reply.kind != Reply::Kind::kOk && command.results.save) context.selected->save({});
  co_return reply;
}

}  // namespace quartet::imapd
