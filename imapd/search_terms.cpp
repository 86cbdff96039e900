#include "imapd/search_terms.h"

#include <algorithm>

#include "imapd/commands.h"

namespace quartet::imapd {

async::Task<std::expected<SearchTerms, Reply>> search_terms(Context& context, const SearchKey& key,
                                                            const ResultOptions& results,
                                                            const std::vector<SortCriterion>& criteria) {
  SearchTerms terms{.key = key};
  terms.scores = results.relevancy ||
                 std::ranges::find(criteria, SortCriterion::Kind::kRelevancy, &SortCriterion::kind) != criteria.end();
  if (terms.scores && !uses(terms.key, SearchKey::Kind::kFuzzy))
    co_return std::unexpected(Reply::bad("RELEVANCY is of FUZZY keys only"));
  terms.modseq = uses(terms.key, SearchKey::Kind::kModSeq);
  if (terms.modseq) enable_condstore(context);
  co_return terms;
}

}  // namespace quartet::imapd
