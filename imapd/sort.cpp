// SORT: RFC 5256, SORT=DISPLAY (RFC 5957), ESORT (RFC 5267), by RELEVANCY (RFC 6203).
#include <algorithm>
#include <span>

#include "common/async/thread_pool.h"
#include "imapd/column_reader.h"
#include "imapd/commands.h"
#include "imapd/search_result.h"
#include "imapd/search_terms.h"
#include "imapd/search_update.h"
#include "imapd/sort_rows.h"

namespace quartet::imapd {
namespace {

// Comparing more rows than these takes long enough to hold up the other sessions of the loop.
constexpr std::size_t kMany = 4096;

struct Sorted {
  Found found;
  SortRows rows;
  std::vector<std::size_t> order;  // the row of each that was found
};

Found in_order(const std::vector<std::size_t>& order, const Found& found) {
  Found ordered;
  for (const auto row : order) ordered.positions.push_back(found.positions[row]);
  if (!found.scores.empty())
    for (const auto row : order) ordered.scores.push_back(found.scores[row]);
  return ordered;
}

async::Task<std::expected<Sorted, Reply>> sorted(Context& context, const Sort& command, store::SnapshotPtr view,
                                                 const Found& found) {
  const auto size = found.positions.size();
  SortRows rows(command.criteria, size);
  for (std::size_t row = 0; row < size; ++row) rows.set(row, (*view)[found.positions[row]]);
  for (std::size_t row = 0; row < found.scores.size(); ++row) rows.set_score(row, found.scores[row]);
  if (!rows.header_columns().empty()) {
    const auto use = [&rows](std::size_t row, std::span<const std::string_view> texts) { rows.set(row, texts); };
    auto failed = co_await each_text(context, {view, found.positions, rows.header_columns()}, use);
    if (failed) co_return std::unexpected(*std::move(failed));
  }
  const auto sort_rows = [&rows] { return rows.sorted(); };
  std::vector<std::size_t> order;
  if (context.services.workers == nullptr || size < kMany)
    order = sort_rows();
  else
    order = co_await async::offload(*context.services.workers, sort_rows);
  auto ordered = in_order(order, found);
  co_return Sorted{std::move(ordered), std::move(rows), std::move(order)};
}

/// Whether it matters how relevant each message is.
bool wants_scores(const Sort& command) {
  const auto by_relevancy = std::ranges::find(command.criteria, SortCriterion::Kind::kRelevancy, &SortCriterion::kind);
  return command.results.relevancy || by_relevancy != command.criteria.end();
}

}  // namespace

Answer sort(Context& context, const Sort& command, const std::string& tag, bool uid) {
  if (command.results.update)
    if (const auto refusal = refuse_update(context, tag)) co_return *refusal;
  const auto terms = co_await search_terms(context, {command.key, command.charset, wants_scores(command)});
  if (!terms) co_return terms.error();
  const auto mailbox = searched(*context.selected);
  const auto found = co_await find_matching(context, mailbox, terms->key, {.scores = terms->scores});
  if (!found) co_return found.error();
  auto result = co_await sorted(context, command, mailbox.view, *found);
  if (!result) co_return result.error();
  tell_results(
      context, command.results,
      {.mailbox = mailbox, .found = result->found, .name = "SORT", .tag = tag, .uid = uid, .modseq = terms->modseq});
  if (command.results.update)
    keep_updated(context, {.tag = tag,
                           .uid = uid,
                           .key = frozen(terms->key, mailbox),
                           .scores = terms->scores,
                           .items = command.results.update_items,
                           .uids = uids_at(*mailbox.view, result->found.positions),
                           .sorted = true,
                           .rows = std::move(result->rows),
                           .row_of = std::move(result->order)});
  co_return Reply::ok("Sorted");
}

}  // namespace quartet::imapd
