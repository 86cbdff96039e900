// The responses to SEARCH and SORT: RFC 3501 section 7.2.5, ESEARCH (RFC 4731), its PARTIAL (RFC 9394, RFC 5267),
// RELEVANCY (RFC 6203) and MODSEQ (RFC 7162 section 3.1.10), and what "$" keeps (RFC 5182).
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "imapd/context.h"
#include "imapd/proto/command.h"
#include "imapd/searcher.h"

namespace quartet::imapd {

/// What was found, in the order of the result.
struct Results {
  const Searched& mailbox;
  const Found& found;
  std::string name;     // of the response: "SEARCH" or "SORT"
  std::string tag;      // of the command
  std::string place{};  // of ESEARCH: " MAILBOX x UIDVALIDITY 1" (RFC 7377 section 2.1)
  bool uid = false;     // the client wants UIDs
  bool modseq = false;  // the client searched for MODSEQ: it is told the highest of the result
};

/// Appends the response, if the options ask for one, and saves what they say. With a place, no response to a result of
/// nothing.
void tell_results(Context& context, const ResultOptions& options, const Results& results);

/// "5,3:4,2": numbers in this order; those that follow each other upwards as a range. For the result of SORT.
std::string to_ordered_text(const std::vector<std::uint32_t>& numbers);

/// Those of `size` things, counted from 0, that a range means; a range outside of them means none.
struct PartialSlice {
  std::size_t first = 0;
  std::size_t end = 0;
};
PartialSlice slice_of(const PartialRange& range, std::size_t size);

}  // namespace quartet::imapd
