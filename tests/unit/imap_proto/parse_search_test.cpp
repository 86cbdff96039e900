// RFC 9051 section 6.4.4 and the extensions search_key.h names.
#include "parse.h"

using namespace quartet::imapd;
using Error = ParseError::Kind;
using Kind = SearchKey::Kind;

namespace {
std::string key(std::string_view text) { return to_string(parsed<Search>("a SEARCH " + std::string(text)).key); }
}  // namespace

TEST_CASE("keys of SEARCH", "[imap]") {
  const auto [text, tree] = GENERATE(table<std::string, std::string>({
      {"ALL", "(ALL)"},
      {"answered DELETED DRAFT FLAGGED SEEN RECENT", "((ANSWERED) (DELETED) (DRAFT) (FLAGGED) (SEEN) (RECENT))"},
      {"UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN",
       "((NOT (ANSWERED)) (NOT (DELETED)) (NOT (DRAFT)) (NOT (FLAGGED)) (NOT (SEEN)))"},
      {"NEW", "((RECENT) (NOT (SEEN)))"},
      {"OLD", "(NOT (RECENT))"},
      {"KEYWORD $Junk UNKEYWORD x", "((KEYWORD $Junk) (NOT (KEYWORD x)))"},
      {"BCC a BODY b CC \"c d\" FROM {1+}\r\ne", "((BCC \"a\") (BODY \"b\") (CC \"c d\") (FROM \"e\"))"},
      {"SUBJECT \"\" TEXT x TO y", "((SUBJECT \"\") (TEXT \"x\") (TO \"y\"))"},
      {"HEADER Message-ID <a@b>", "(HEADER \"Message-ID\" \"<a@b>\")"},
      {"HEADER \"X\" \"\"", "(HEADER \"X\" \"\")"},
      {"BEFORE 1-Feb-1994 ON \"24-Nov-2026\" SINCE 01-Jan-2000",
       "((BEFORE 1-Feb-1994) (ON 24-Nov-2026) (SINCE 1-Jan-2000))"},
      {"SENTBEFORE 1-Feb-1994 SENTON 1-Feb-1994 SENTSINCE 1-Feb-1994",
       "((SENTBEFORE 1-Feb-1994) (SENTON 1-Feb-1994) (SENTSINCE 1-Feb-1994))"},
      {"SAVEDBEFORE 1-Feb-1994 SAVEDON 1-Feb-1994 SAVEDSINCE 1-Feb-1994 SAVEDATESUPPORTED",
       "((SAVEDBEFORE 1-Feb-1994) (SAVEDON 1-Feb-1994) (SAVEDSINCE 1-Feb-1994) (SAVEDATESUPPORTED))"},
      {"LARGER 0 SMALLER 4294967296", "((LARGER 0) (SMALLER 4294967296))"},
      {"OLDER 60 YOUNGER 3600", "((OLDER 60) (YOUNGER 3600))"},
      {"MODSEQ 620162338", "(MODSEQ 620162338)"},
      {"MODSEQ \"/flags/\\\\draft\" all 620162338", "(MODSEQ 620162338)"},
      {"EMAILID M6d99ac3275bb4e THREADID T-_1", "((EMAILID M6d99ac3275bb4e) (THREADID T-_1))"},
      {"1:3,* UID 5:*", "(1:3,* (UID 5:*))"},
      {"$", "$"},
      {"UID $", "(UID $)"},
      {"NOT SEEN OR FROM a (TO b UNSEEN)", "((NOT (SEEN)) (OR (FROM \"a\") ((TO \"b\") (NOT (SEEN)))))"},
      {"FUZZY (SUBJECT x) FUZZY NOT SEEN", "((FUZZY (SUBJECT \"x\")) (FUZZY (NOT (SEEN))))"},
      {"FILTER on-the-road UNSEEN", "((FILTER on-the-road) (NOT (SEEN)))"},
      {"(SEEN)", "(SEEN)"},
      {"((SEEN ALL) DRAFT)", "(((SEEN) (ALL)) (DRAFT))"},
  }));
  CHECK(key(text) == tree);
  CHECK(key(tree) == tree);
}

TEST_CASE("what SEARCH refuses", "[imap]") {
  const auto* wrong = GENERATE(
      "a SEARCH", "a SEARCH ", "a SEARCH FOO", "a SEARCH ()", "a SEARCH (SEEN", "a SEARCH SEEN)", "a SEARCH NOT",
      "a SEARCH FUZZY", "a SEARCH FILTER", "a SEARCH FILTER a/b", "a SEARCH FILTER \"a\"", "a SEARCH OR SEEN",
      "a SEARCH SEEN  DRAFT", "a SEARCH FROM", "a SEARCH FROM (x)", "a SEARCH KEYWORD \\Seen", "a SEARCH KEYWORD \"x\"",
      "a SEARCH HEADER x", "a SEARCH HEADER \"\" x", "a SEARCH HEADER a:b x", "a SEARCH HEADER \"a b\" x",
      "a SEARCH SINCE 1994", "a SEARCH SINCE 30-Feb-1994", "a SEARCH LARGER x", "a SEARCH LARGER -1",
      "a SEARCH OLDER 0", "a SEARCH OLDER 4294967296", "a SEARCH UID", "a SEARCH UID x", "a SEARCH 0",
      "a SEARCH MODSEQ", "a SEARCH MODSEQ \"/flags/x\" 1", "a SEARCH MODSEQ \"x\" foo 1", "a SEARCH EMAILID a.b",
      "a SEARCH RETURN (FOO) ALL", "a SEARCH RETURN () ", "a SEARCH RETURN ALL", "a SEARCH CHARSET UTF-8",
      "a SEARCH SEEN{1+}\r\nx", "a SEARCH UNFROM x", "a SEARCH UNSEENX");
  CHECK(error_of(wrong).kind == Error::kSyntax);
}

TEST_CASE("SEARCH RETURN: RFC 4731, RFC 5182", "[imap]") {
  CHECK_FALSE(parsed<Search>("a SEARCH ALL").results.given);
  auto search = parsed<Search>("a UID SEARCH RETURN (min MAX COUNT SAVE) CHARSET utf-8 ALL");
  CHECK(search.results.given);
  CHECK(search.results.min);
  CHECK(search.results.max);
  CHECK(search.results.count);
  CHECK(search.results.save);
  CHECK_FALSE(search.results.all);
  CHECK(search.charset == "UTF-8");
  search = parsed<Search>("a SEARCH RETURN () ALL");
  CHECK(search.results.given);
  CHECK(search.results.all);
}

TEST_CASE("text to search for is UTF-8 inside", "[imap]") {
  const auto text = [](std::string_view command) { return parsed<Search>(command).key.text; };
  CHECK(text("a SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\u00E9") == "\u00E9");
  CHECK(text("a SEARCH CHARSET ISO-8859-1 SUBJECT {1+}\r\n\xE9") == "\u00E9");
  CHECK(text("a SEARCH CHARSET ISO-8859-1 SUBJECT {2+}\r\n\u00E9") == "\u00C3\u00A9");
  CHECK(text("a SEARCH SUBJECT {2+}\r\n\u00E9") == "\u00E9");
  CHECK(text("a SEARCH SUBJECT \"\u00E9\"") == "\u00E9");
  CHECK(text("a SEARCH CHARSET UTF-8 SUBJECT {1+}\r\n\xE9") == "\uFFFD");
  CHECK(error_of("a SEARCH CHARSET X-NO-SUCH SUBJECT x").kind == Error::kBadCharset);
  CHECK(error_of("a SEARCH CHARSET \"\" SUBJECT x").kind == Error::kBadCharset);
}

TEST_CASE("the tree of keys is bounded", "[imap]") {
  const auto repeat = [](int times, const std::string& text) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  const int deepest = SearchKey::kMaxDepth;
  CHECK(key(repeat(deepest, "(") + "SEEN" + repeat(deepest, ")")) == "(SEEN)");
  CHECK(error_of("a SEARCH " + repeat(deepest + 1, "(") + "SEEN" + repeat(deepest + 1, ")")).kind == Error::kLimit);
  CHECK(error_of("a SEARCH " + repeat(30000, "(")).kind == Error::kLimit);
  CHECK(error_of("a SEARCH " + repeat(deepest + 1, "NOT ") + "SEEN").kind == Error::kLimit);
  CHECK(error_of("a SEARCH " + repeat(deepest + 1, "OR SEEN ") + "SEEN").kind == Error::kLimit);
  const int most = static_cast<int>(SearchKey::kMaxKeys);
  CHECK(parsed<Search>("a SEARCH ALL" + repeat(most - 1, " ALL")).key.children.size() == SearchKey::kMaxKeys);
  CHECK(error_of("a SEARCH ALL" + repeat(most, " ALL")).kind == Error::kLimit);
}

TEST_CASE("UIDs after and before another", "[imap]") {
  const auto words = [](std::string_view keys) {
    return to_string(parsed<Search>("a SEARCH " + std::string(keys)).key);
  };
  CHECK(words("UIDAFTER 25") == words("UID 26:4294967294"));
  CHECK(words("uidbefore 25") == words("UID 1:24"));
  CHECK(words("UIDBEFORE 1") == words("NOT ALL"));
  CHECK(words("UIDAFTER 4294967295") == words("NOT ALL"));
  CHECK(words("UIDAFTER 4294967293") == words("UID 4294967294"));
  static constexpr const char* kWrong[] = {"UIDAFTER", "UIDAFTER 0", "UIDBEFORE *", "UIDBEFORE 1:2",
                                           "UIDAFTER 4294967296"};
  for (const auto* keys : kWrong) error_of("a SEARCH " + std::string(keys));
}

TEST_CASE("ESEARCH: RFC 7377", "[imap]") {
  using FilterKind = MailboxFilter::Kind;
  const auto command = parsed<MultiSearch>(
      "a ESEARCH IN (mailboxes folder1 subtree (\"folder 2\" inbox) subtree-one x SELECTED personal) RETURN (COUNT) "
      "CHARSET UTF-8 UNSEEN");
  std::vector<FilterKind> kinds;
  for (const auto& source : command.sources) kinds.push_back(source.kind);
  CHECK(kinds == std::vector{FilterKind::kMailboxes, FilterKind::kSubtree, FilterKind::kSubtreeOne,
                             FilterKind::kSelected, FilterKind::kPersonal});
  CHECK(command.sources[1].mailboxes == std::vector<std::string>{"folder 2", "INBOX"});
  CHECK(command.search.results.count);
  CHECK(to_string(command.search.key) == "(NOT (SEEN))");
  CHECK(parsed<MultiSearch>("a UID ESEARCH FROM frobozz 1:100").sources.empty());
  CHECK(parsed<MultiSearch>("a ESEARCH IN (inboxes subscribed) ALL").sources.size() == 2);
  const auto* wrong =
      GENERATE("a ESEARCH", "a ESEARCH IN () ALL", "a ESEARCH IN personal ALL", "a ESEARCH IN (all) ALL",
               "a ESEARCH IN (selected-delayed) ALL", "a ESEARCH IN (subtree) ALL", "a ESEARCH IN (subtree ()) ALL",
               "a ESEARCH IN (personal)", "a ESEARCH IN (personal (x y)) ALL",
               "a ESEARCH RETURN (COUNT) IN (personal) ALL", "a ESEARCH IN (mailboxes a b) ALL");
  CHECK(error_of(wrong).kind == Error::kSyntax);
}

TEST_CASE("search criteria without a command", "[imap]") {
  CHECK(to_string(*parse_search_criteria("OR SMALLER 5000 FROM \"boss\"")) == "(OR (SMALLER 5000) (FROM \"boss\"))");
  CHECK(to_string(*parse_search_criteria("SEEN SUBJECT {2}\r\nab FROM {1+}\r\nc")) ==
        "((SEEN) (SUBJECT \"ab\") (FROM \"c\"))");
  CHECK(to_string(*parse_search_criteria("FROM \"\xC3\xA9\"")) == "(FROM \"\xC3\xA9\")");
  for (const auto* wrong : {"", "OR SMALLER", "SEEN\r\nb NOOP", "SEEN\r\n", "CHARSET UTF-8 SEEN", "RETURN () SEEN",
                            "SUBJECT {9}\r\nab", "SEEN\nSEEN"}) {
    INFO(wrong);
    CHECK_FALSE(parse_search_criteria(wrong).has_value());
  }
}

TEST_CASE("kinds are found anywhere in a tree", "[imap]") {
  const auto tree = parsed<Search>("a SEARCH OR SEEN (NOT MODSEQ 5)").key;
  CHECK(uses(tree, Kind::kModSeq));
  CHECK_FALSE(uses(tree, Kind::kRecent));
}
