// What a SEARCH, SORT or THREAD asks for, once what needs the session to be understood has been worked out.
#pragma once
#include <expected>
#include <string>

#include "imapd/context.h"
#include "imapd/proto/search_key.h"

namespace quartet::imapd {

struct SearchTerms {
  SearchKey key;
  bool modseq = false;  // the client searched for MODSEQ: it is told the highest of the result (RFC 7162)
  bool scores = false;  // RELEVANCY was asked for (RFC 6203)
};

/// What the command says of them. All of it outlives the task.
struct AskedTerms {
  const SearchKey& key;
  const std::string& charset;
  bool scores = false;  // as in SearchTerms
};

/// The error is the reply to the command.
async::Task<std::expected<SearchTerms, Reply>> search_terms(Context& context, AskedTerms asked);

}  // namespace quartet::imapd
