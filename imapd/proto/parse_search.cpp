// SEARCH: RFC 9051 section 6.4.4; search_key.h names the extensions. SORT and THREAD: RFC 5256, with RETURN of RFC
// 5267, RELEVANCY: RFC 6203, ESEARCH: RFC 7377.
#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "imapd/proto/grammar.h"
#include "imapd/proto/parse.h"

namespace quartet::imapd {
namespace {

using Kind = SearchKey::Kind;

enum class Takes : std::uint8_t { kNothing, kText, kAtom, kDate, kNumber, kSeconds, kObjectId, kFilterName };
struct Word {
  std::string_view text;
  Kind kind;
  Takes takes;
};
constexpr Word kWords[] = {{"ALL", Kind::kAll, Takes::kNothing},
                           {"ANSWERED", Kind::kAnswered, Takes::kNothing},
                           {"DELETED", Kind::kDeleted, Takes::kNothing},
                           {"DRAFT", Kind::kDraft, Takes::kNothing},
                           {"FLAGGED", Kind::kFlagged, Takes::kNothing},
                           {"RECENT", Kind::kRecent, Takes::kNothing},
                           {"SEEN", Kind::kSeen, Takes::kNothing},
                           {"SAVEDATESUPPORTED", Kind::kSaveDateSupported, Takes::kNothing},
                           {"KEYWORD", Kind::kKeyword, Takes::kAtom},
                           {"BCC", Kind::kBcc, Takes::kText},
                           {"BODY", Kind::kBody, Takes::kText},
                           {"CC", Kind::kCc, Takes::kText},
                           {"FROM", Kind::kFrom, Takes::kText},
                           {"SUBJECT", Kind::kSubject, Takes::kText},
                           {"TEXT", Kind::kText, Takes::kText},
                           {"TO", Kind::kTo, Takes::kText},
                           {"BEFORE", Kind::kBefore, Takes::kDate},
                           {"ON", Kind::kOn, Takes::kDate},
                           {"SINCE", Kind::kSince, Takes::kDate},
                           {"SENTBEFORE", Kind::kSentBefore, Takes::kDate},
                           {"SENTON", Kind::kSentOn, Takes::kDate},
                           {"SENTSINCE", Kind::kSentSince, Takes::kDate},
                           {"SAVEDBEFORE", Kind::kSavedBefore, Takes::kDate},
                           {"SAVEDON", Kind::kSavedOn, Takes::kDate},
                           {"SAVEDSINCE", Kind::kSavedSince, Takes::kDate},
                           {"LARGER", Kind::kLarger, Takes::kNumber},
                           {"SMALLER", Kind::kSmaller, Takes::kNumber},
                           {"OLDER", Kind::kOlder, Takes::kSeconds},
                           {"YOUNGER", Kind::kYounger, Takes::kSeconds},
                           {"EMAILID", Kind::kEmailId, Takes::kObjectId},
                           {"THREADID", Kind::kThreadId, Takes::kObjectId},
                           {"FILTER", Kind::kFilter, Takes::kFilterName}};
/// The keys with UN in front that are words of the grammar.
constexpr std::string_view kNegated[] = {"UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN", "UNKEYWORD"};

SearchKey around(Kind kind, SearchKey key) {
  SearchKey out;
  out.kind = kind;
  out.children.push_back(std::move(key));
  return out;
}

SearchKey inverse(SearchKey key) { return around(Kind::kNot, std::move(key)); }

SearchKey simple(Kind kind) {
  SearchKey key;
  key.kind = kind;
  return key;
}

/// Reads the keys of one command.
class KeyParser {
 public:
  KeyParser(Lexer& in, std::string_view charset) : in_(in), charset_(charset) {}

  /// search-key *(SP search-key): the key itself, or kAnd of them.
  std::optional<SearchKey> keys(int depth) {
    auto first = key(depth);
    if (!first || in_.peek() != ' ') return first;
    SearchKey all = simple(Kind::kAnd);
    all.children.push_back(std::move(*first));
    while (in_.take(' ')) {
      auto next = key(depth);
      if (!next) return std::nullopt;
      all.children.push_back(std::move(*next));
    }
    return all;
  }

 private:
  std::optional<SearchKey> key(int depth) {
    if (depth > SearchKey::kMaxDepth) return in_.fail("Search keys too deep", ParseError::Kind::kLimit);
    if (++count_ > SearchKey::kMaxKeys) return in_.fail("Too many search keys", ParseError::Kind::kLimit);
    if (in_.take('(')) {
      auto inner = keys(depth + 1);
      if (!inner || !in_.expect(')')) return std::nullopt;
      return inner;
    }
    const char next = in_.peek();
    if (ascii::is_digit(next) || next == '*' || next == '$') return set_key(Kind::kSequence);
    const auto word = in_.word();
    if (word == "NOT" || word == "OR" || word == "FUZZY") return operation(word, depth);
    return named(word);
  }

  std::optional<SearchKey> set_key(Kind kind) {
    auto set = in_.sequence_set();
    if (!set) return std::nullopt;
    SearchKey key = simple(kind);
    key.set = std::move(*set);
    return key;
  }

  /// RFC 9738 section 3.2.
  std::optional<SearchKey> uid_bound(std::string_view word) {
    if (!in_.space()) return std::nullopt;
    const auto uid = in_.nz_number();
    if (!uid) return std::nullopt;
    const bool after = word == "UIDAFTER";
    if (after ? *uid >= SequenceSet::kStar - 1 : *uid == 1) return inverse(simple(Kind::kAll));
    SearchKey key = simple(Kind::kUid);
    key.set = SequenceSet({after ? SequenceRange{*uid + 1, SequenceSet::kStar - 1} : SequenceRange{1, *uid - 1}});
    return key;
  }

  std::optional<SearchKey> operation(std::string_view word, int depth) {
    if (!in_.space()) return std::nullopt;
    auto first = key(depth + 1);
    if (!first) return std::nullopt;
    if (word != "OR") return around(word == "NOT" ? Kind::kNot : Kind::kFuzzy, std::move(*first));
    if (!in_.space()) return std::nullopt;
    auto second = key(depth + 1);
    if (!second) return std::nullopt;
    SearchKey either = simple(Kind::kOr);
    either.children.push_back(std::move(*first));
    either.children.push_back(std::move(*second));
    return either;
  }

  std::optional<SearchKey> named(std::string_view word) {
    if (word == "UID") return in_.space() ? set_key(Kind::kUid) : std::nullopt;
    if (word == "UIDAFTER" || word == "UIDBEFORE") return uid_bound(word);
    if (word == "HEADER") return header();
    if (word == "MODSEQ") return mod_sequence();
    if (word == "OLD") return inverse(simple(Kind::kRecent));
    if (word == "NEW") {
      SearchKey both = simple(Kind::kAnd);
      both.children.push_back(simple(Kind::kRecent));
      both.children.push_back(inverse(simple(Kind::kSeen)));
      return both;
    }
    const bool negated = std::ranges::find(kNegated, word) != std::end(kNegated);
    if (negated) word.remove_prefix(2);
    const auto* entry = std::ranges::find(kWords, word, &Word::text);
    if (entry == std::end(kWords)) return in_.fail("No such search key");
    SearchKey key = simple(entry->kind);
    if (!argument(entry->takes, key)) return std::nullopt;
    if (negated) return inverse(std::move(key));
    return key;
  }

  bool argument(Takes takes, SearchKey& key) {
    if (takes == Takes::kNothing) return true;
    if (!in_.space()) return false;
    switch (takes) {
      case Takes::kText:
        return text(key.text);
      case Takes::kAtom:
        return assign(key.text, in_.atom());
      case Takes::kDate:
        return date(key);
      case Takes::kNumber:
        return assign(key.number, in_.number64());
      case Takes::kSeconds:
        return seconds(key.number);
      case Takes::kObjectId:
        key.text = in_.run([](char c) { return ascii::is_alnum(c) || c == '_' || c == '-'; });
        return (!key.text.empty() && key.text.size() <= 255) || in_.fail("Object identifier expected");
      case Takes::kFilterName:
        return assign(key.text, in_.atom()) && (!key.text.contains('/') || in_.fail("Name of a filter expected"));
      case Takes::kNothing:
        break;
    }
    return true;
  }

  template <typename T>
  static bool assign(T& out, std::optional<T> value) {
    if (value) out = std::move(*value);
    return value.has_value();
  }

  bool seconds(std::uint64_t& out) {
    const auto value = in_.nz_number();
    if (value) out = *value;
    return value.has_value();
  }

  bool text(std::string& out) {
    const auto bytes = in_.astring();
    if (bytes) out = mime::is_utf8(*bytes) && utf8() ? *bytes : mime::to_utf8(*bytes, charset_);
    return bytes.has_value();
  }
  bool utf8() const { return charset_.empty() || charset_ == "UTF-8" || charset_ == "US-ASCII"; }

  bool date(SearchKey& key) {
    const auto text = in_.peek() == '"' ? in_.quoted() : in_.atom();
    if (!text) return false;
    const auto day = mime::parse_imap_date(*text);
    if (!day) return in_.fail("No such date");
    key.day = *day;
    return true;
  }

  std::optional<SearchKey> header() {
    SearchKey key = simple(Kind::kHeader);
    if (!in_.space()) return std::nullopt;
    auto name = in_.astring();
    if (!name || !in_.space() || !text(key.text)) return std::nullopt;
    if (name->empty() || !std::ranges::all_of(*name, [](char c) { return c > ' ' && c < '\x7F' && c != ':'; }))
      return in_.fail("Name of a header field expected");
    key.name = std::move(*name);
    return key;
  }

  /// MODSEQ [SP entry-name SP entry-type-req] SP number, RFC 7162 section 3.1.5.
  std::optional<SearchKey> mod_sequence() {
    SearchKey key = simple(Kind::kModSeq);
    if (!in_.space()) return std::nullopt;
    if (in_.peek() == '"') {
      const auto entry = in_.quoted();
      if (!entry || !in_.space()) return std::nullopt;
      const auto type = in_.word();
      if (type != "PRIV" && type != "SHARED" && type != "ALL") return in_.fail("No such entry type");
      if (!in_.space()) return std::nullopt;
    }
    if (!assign(key.number, in_.number64())) return std::nullopt;
    return key;
  }

  Lexer& in_;
  std::string_view charset_;
  std::size_t count_ = 0;
};

bool parse_return_options(Lexer& in, ResultOptions& results) {
  results.given = true;
  const bool listed = in_parentheses(in, true, [&] {
    const auto name = in.word();
    if (name == "MIN") return results.min = true;
    if (name == "MAX") return results.max = true;
    if (name == "ALL") return results.all = true;
    if (name == "COUNT") return results.count = true;
    if (name == "SAVE") return results.save = true;
    if (name == "RELEVANCY") return results.relevancy = true;
    if (name == "UPDATE") {
      results.update = true;
      (void)(in.looking_at(" (") && in.take(' '));  // the grammar has no space, the example has one
      return in.peek() != '(' || parse_fetch_items(in, results.update_items);
    }
    if (name == "CONTEXT") return true;
    if (name == "PARTIAL" && !results.partial) {
      if (!in.space()) return false;
      results.partial = parse_partial_range(in);
      return results.partial.has_value();
    }
    in.fail("No such return option");
    return false;
  });
  if (!listed) return false;
  if (results.partial && results.all) return in.fail("Either PARTIAL or ALL");
  const bool some = results.min || results.max || results.count || results.save || results.partial ||
                    results.relevancy || results.update;
  results.all = results.all || !some;
  return true;
}

bool parse_charset(Lexer& in, std::string& out) {
  const auto charset = in.astring();
  if (!charset) return false;
  out = ascii::upper(*charset);
  if (!out.empty() && is_astring(out) && mime::charset_known(out)) return true;
  return in.fail("Unknown character set", ParseError::Kind::kBadCharset);
}

bool parse_keys(Lexer& in, std::string_view charset, SearchKey& out) {
  auto key = KeyParser(in, charset).keys(0);
  if (key) out = std::move(*key);
  return key.has_value();
}

/// What SEARCH and ESEARCH have in common.
bool parse_program(Lexer& in, Search& search) {
  if (in.take_text("RETURN ") && (!parse_return_options(in, search.results) || !in.space())) return false;
  if (in.take_text("CHARSET ") && (!parse_charset(in, search.charset) || !in.space())) return false;
  return parse_keys(in, search.charset, search.key);
}

/// "(mailboxes a subtree (b c))". Scope options could follow, but none have been defined.
bool parse_sources(Lexer& in, std::vector<MailboxFilter>& sources) {
  constexpr std::size_t kMostSources = 100;
  return in_parentheses(in, false, [&]() -> bool {
    if (in.peek() == '(') return in.fail("No such scope option");
    if (sources.size() == kMostSources) return in.fail("Too many sources", ParseError::Kind::kLimit);
    auto& source = sources.emplace_back();
    if (!parse_mailbox_filter(in, source)) return false;
    return source.kind != MailboxFilter::Kind::kSelectedDelayed || in.fail("Not a source");
  });
}

using Criterion = SortCriterion::Kind;
constexpr std::pair<std::string_view, Criterion> kCriteria[] = {
    {"ARRIVAL", Criterion::kArrival}, {"CC", Criterion::kCc},
    {"DATE", Criterion::kDate},       {"DISPLAYFROM", Criterion::kDisplayFrom},
    {"FROM", Criterion::kFrom},       {"DISPLAYTO", Criterion::kDisplayTo},
    {"SIZE", Criterion::kSize},       {"TO", Criterion::kTo},
    {"SUBJECT", Criterion::kSubject}, {"RELEVANCY", Criterion::kRelevancy},
};

bool parse_criterion(Lexer& in, std::vector<SortCriterion>& criteria) {
  SortCriterion criterion;
  auto name = in.word();
  if (name == "REVERSE") {
    criterion.reverse = true;
    if (!in.space()) return false;
    name = in.word();
  }
  const auto* known = std::ranges::find(kCriteria, name, &std::pair<std::string_view, Criterion>::first);
  if (known == std::end(kCriteria)) return in.fail("No such sort criterion");
  criterion.kind = known->second;
  // A criterion that came before decides already.
  if (std::ranges::find(criteria, known->second, &SortCriterion::kind) == criteria.end()) criteria.push_back(criterion);
  return true;
}

}  // namespace

bool saves_result(const Arguments& arguments) {
  if (const auto* search = std::get_if<Search>(&arguments)) return search->results.save;
  if (const auto* sort = std::get_if<Sort>(&arguments)) return sort->results.save;
  const auto* many = std::get_if<MultiSearch>(&arguments);
  return many != nullptr && many->search.results.save;
}

// What has been read is in the command also where the rest is refused: see ParseError::saves.

bool parse_search(Lexer& in, Command& command) {
  auto& search = command.arguments.emplace<Search>();
  return in.space() && parse_program(in, search);
}

bool parse_multi_search(Lexer& in, Command& command) {
  auto& arguments = command.arguments.emplace<MultiSearch>();
  if (!in.space()) return false;
  if (in.take_text("IN ") && (!parse_sources(in, arguments.sources) || !in.space())) return false;
  return parse_program(in, arguments.search);
}

bool parse_sort(Lexer& in, Command& command) {
  if (!in.space()) return false;
  auto& sort = command.arguments.emplace<Sort>();
  if (in.take_text("RETURN ") && (!parse_return_options(in, sort.results) || !in.space())) return false;
  if (!in_parentheses(in, false, [&] { return parse_criterion(in, sort.criteria); }) || !in.space()) return false;
  if (!parse_charset(in, sort.charset) || !in.space()) return false;
  return parse_keys(in, sort.charset, sort.key);
}

bool parse_cancel_update(Lexer& in, Command& command) {
  constexpr std::size_t kMostTags = 100;
  CancelUpdate cancel;
  do {
    if (!in.space()) return false;
    auto tag = in.quoted();
    if (!tag) return false;
    if (cancel.tags.size() == kMostTags) return in.fail("Too many tags", ParseError::Kind::kLimit);
    cancel.tags.push_back(std::move(*tag));
  } while (in.peek() == ' ');
  command.arguments = std::move(cancel);
  return true;
}

bool parse_thread(Lexer& in, Command& command) {
  if (!in.space()) return false;
  Thread thread;
  const auto name = in.word();
  if (name == "ORDEREDSUBJECT")
    thread.algorithm = Thread::Algorithm::kOrderedSubject;
  else if (name != "REFERENCES")
    return in.fail("No such threading algorithm");
  if (!in.space() || !parse_charset(in, thread.charset) || !in.space()) return false;
  if (!parse_keys(in, thread.charset, thread.key)) return false;
  command.arguments = std::move(thread);
  return true;
}

std::expected<SearchKey, ParseError> parse_search_criteria(std::string_view text) {
  CommandReader reader;
  reader.feed(std::string("a SEARCH CHARSET UTF-8 ").append(text).append("\r\n"));
  for (;;) {
    auto event = reader.next();
    if (std::holds_alternative<LiteralRequest>(event)) {
      reader.accept_literal();
      continue;
    }
    auto* const raw = std::get_if<RawCommand>(&event);
    if (raw == nullptr || !reader.unconsumed().empty())
      return std::unexpected(ParseError{"", "More than one line", {}});
    auto command = parse_command(std::move(*raw), {.utf8 = true});
    if (!command) return std::unexpected(std::move(command.error()));
    return std::get<Search>(std::move(command->arguments)).key;
  }
}

std::optional<PartialRange> parse_partial_range(Lexer& in) {
  PartialRange range;
  range.from_end = in.take('-');
  const auto first = in.nz_number();
  if (!first || !in.expect(':') || (range.from_end && !in.expect('-'))) return std::nullopt;
  const auto last = in.nz_number();
  if (!last) return std::nullopt;
  range.first = std::min(*first, *last);
  range.last = std::max(*first, *last);
  return range;
}

}  // namespace quartet::imapd
