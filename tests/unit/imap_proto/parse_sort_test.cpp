// SORT and THREAD (RFC 5256, RFC 5957, RFC 5267), and PARTIAL (RFC 9394).
#include "parse.h"

using namespace quartet::imapd;
using Error = ParseError::Kind;
using Kind = SortCriterion::Kind;

TEST_CASE("SORT", "[imap]") {
  const auto sort = parsed<Sort>("a UID SORT RETURN (COUNT) (REVERSE DATE displayfrom CC DATE) utf-8 SEEN FROM x");
  CHECK(sort.criteria == std::vector<SortCriterion>{{Kind::kDate, true}, {Kind::kDisplayFrom}, {Kind::kCc}});
  CHECK(sort.charset == "UTF-8");
  CHECK(to_string(sort.key) == "((SEEN) (FROM \"x\"))");
  CHECK(sort.results.given);
  CHECK(sort.results.count);
  CHECK_FALSE(sort.results.all);
  CHECK_FALSE(parsed<Sort>("a SORT (TO) US-ASCII ALL").results.given);
  const auto relevant = parsed<Sort>("a SORT RETURN (RELEVANCY) (REVERSE RELEVANCY) UTF-8 FUZZY TEXT x");
  CHECK(relevant.criteria == std::vector<SortCriterion>{{Kind::kRelevancy, true}});
  CHECK(relevant.results.relevancy);
  CHECK_FALSE(relevant.results.all);
  const auto* wrong = GENERATE("a SORT", "a SORT () UTF-8 ALL", "a SORT (FOO) UTF-8 ALL", "a SORT (REVERSE) UTF-8 ALL",
                               "a SORT (DATE) UTF-8", "a SORT DATE UTF-8 ALL", "a SORT RETURN (X) (DATE) UTF-8 ALL");
  CHECK(error_of(wrong).kind == Error::kSyntax);
}

TEST_CASE("results that are kept up to date", "[imap]") {
  const auto updated = parsed<Search>("a SEARCH RETURN (UPDATE CONTEXT COUNT) ALL").results;
  CHECK(updated.update);
  CHECK(updated.count);
  CHECK_FALSE(updated.all);
  CHECK_FALSE(parsed<Search>("a SEARCH RETURN (UPDATE) ALL").results.all);
  CHECK(parsed<Search>("a SEARCH RETURN (CONTEXT) ALL").results.all);
  CHECK(parsed<CancelUpdate>("a CANCELUPDATE \"B01\" \"x\"").tags == std::vector<std::string>{"B01", "x"});
  const auto* wrong = GENERATE("a CANCELUPDATE", "a CANCELUPDATE ", "a CANCELUPDATE B01", "a UID CANCELUPDATE \"x\"",
                               "a CANCELUPDATE \"x\"y");
  CHECK(error_of(wrong).tag == "a");
}

TEST_CASE("THREAD", "[imap]") {
  CHECK(parsed<Thread>("a THREAD references UTF-8 ALL").algorithm == Thread::Algorithm::kReferences);
  CHECK(parsed<Thread>("a UID THREAD ORDEREDSUBJECT UTF-8 ALL").algorithm == Thread::Algorithm::kOrderedSubject);
  CHECK(error_of("a THREAD REFS UTF-8 ALL").kind == Error::kSyntax);
  CHECK(error_of("a THREAD REFERENCES UTF-8").kind == Error::kSyntax);
  CHECK(error_of("a THREAD REFERENCES x-none ALL").kind == Error::kBadCharset);
}

TEST_CASE("PARTIAL of SEARCH and UID FETCH", "[imap]") {
  CHECK(parsed<Search>("a SEARCH RETURN (PARTIAL 5:2) ALL").results.partial == PartialRange{2, 5, false});
  CHECK(parsed<Search>("a SEARCH RETURN (PARTIAL -1:-9) ALL").results.partial == PartialRange{1, 9, true});
  CHECK(parsed<Fetch>("a UID FETCH 1 FLAGS (PARTIAL 1:4 CHANGEDSINCE 3)").partial == PartialRange{1, 4, false});
  const auto* wrong = GENERATE("a SEARCH RETURN (PARTIAL 1) ALL", "a SEARCH RETURN (PARTIAL 1:*) ALL",
                               "a SEARCH RETURN (PARTIAL 0:1) ALL", "a SEARCH RETURN (PARTIAL -1:2) ALL",
                               "a SEARCH RETURN (PARTIAL 1:-2) ALL", "a SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL",
                               "a SEARCH RETURN (ALL PARTIAL 1:2) ALL", "a FETCH 1 FLAGS (PARTIAL 1:2)",
                               "a UID FETCH 1 FLAGS (PARTIAL)");
  CHECK(error_of(wrong).kind == Error::kSyntax);
}
