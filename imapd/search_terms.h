// What a SEARCH, SORT or THREAD asks for, once what needs the session to be understood has been worked out.
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "imapd/context.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

struct SearchTerms {
  SearchKey key;
  bool modseq = false;  // the client searched for MODSEQ: it is told the highest of the result (RFC 7162)
  bool scores = false;  // RELEVANCY was asked for (RFC 6203)
};

/// The error is the reply to the command. The parameters outlive the task.
async::Task<std::expected<SearchTerms, Reply>> search_terms(Context& context, const SearchKey& key,
                                                            const ResultOptions& results,
                                                            const std::vector<SortCriterion>& criteria);

}  // namespace quartet::imapd
