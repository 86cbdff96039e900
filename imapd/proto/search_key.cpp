#include "imapd/proto/search_key.h"

#include <algorithm>
#include <string_view>

#include "common/mime/date.h"
#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

using Kind = SearchKey::Kind;

struct Word {
  Kind kind;
  std::string_view text;
};
constexpr Word kWords[] = {{Kind::kAll, "ALL"},
                           {Kind::kOr, "OR"},
                           {Kind::kNot, "NOT"},
                           {Kind::kFuzzy, "FUZZY"},
                           {Kind::kUid, "UID"},
                           {Kind::kAnswered, "ANSWERED"},
                           {Kind::kDeleted, "DELETED"},
                           {Kind::kDraft, "DRAFT"},
                           {Kind::kFlagged, "FLAGGED"},
                           {Kind::kRecent, "RECENT"},
                           {Kind::kSeen, "SEEN"},
                           {Kind::kKeyword, "KEYWORD"},
                           {Kind::kBcc, "BCC"},
                           {Kind::kBody, "BODY"},
                           {Kind::kCc, "CC"},
                           {Kind::kFrom, "FROM"},
                           {Kind::kSubject, "SUBJECT"},
                           {Kind::kText, "TEXT"},
                           {Kind::kTo, "TO"},
                           {Kind::kHeader, "HEADER"},
                           {Kind::kBefore, "BEFORE"},
                           {Kind::kOn, "ON"},
                           {Kind::kSince, "SINCE"},
                           {Kind::kSentBefore, "SENTBEFORE"},
                           {Kind::kSentOn, "SENTON"},
                           {Kind::kSentSince, "SENTSINCE"},
                           {Kind::kSavedBefore, "SAVEDBEFORE"},
                           {Kind::kSavedOn, "SAVEDON"},
                           {Kind::kSavedSince, "SAVEDSINCE"},
                           {Kind::kSaveDateSupported, "SAVEDATESUPPORTED"},
                           {Kind::kLarger, "LARGER"},
                           {Kind::kSmaller, "SMALLER"},
                           {Kind::kOlder, "OLDER"},
                           {Kind::kYounger, "YOUNGER"},
                           {Kind::kModSeq, "MODSEQ"},
                           {Kind::kEmailId, "EMAILID"},
                           {Kind::kThreadId, "THREADID"},
                           {Kind::kFilter, "FILTER"}};

std::string_view word_of(Kind kind) {
  const auto* word = std::ranges::find(kWords, kind, &Word::kind);
  return word == std::end(kWords) ? std::string_view() : word->text;
}

void append_day(std::string& out, std::int64_t day) {
  const auto text = mime::format_imap_date_time(mime::Date{day * 86400, 0}.time());
  if (!text.starts_with(' ')) out.push_back(' ');
  out += text.substr(0, text.find(' ', 1));
}

void append_argument(std::string& out, const SearchKey& key) {
  switch (key.kind) {
    case Kind::kUid:
      out.append(" ").append(key.set.to_string());
      return;
    case Kind::kKeyword:
    case Kind::kEmailId:
    case Kind::kThreadId:
    case Kind::kFilter:
      out.append(" ").append(key.text);
      return;
    case Kind::kHeader:
      out.push_back(' ');
      append_string(out, key.name, true);
      [[fallthrough]];
    case Kind::kBcc:
    case Kind::kBody:
    case Kind::kCc:
    case Kind::kFrom:
    case Kind::kSubject:
    case Kind::kText:
    case Kind::kTo:
      out.push_back(' ');
      append_string(out, key.text, true);
      return;
    case Kind::kBefore:
    case Kind::kOn:
    case Kind::kSince:
    case Kind::kSentBefore:
    case Kind::kSentOn:
    case Kind::kSentSince:
    case Kind::kSavedBefore:
    case Kind::kSavedOn:
    case Kind::kSavedSince:
      append_day(out, key.day);
      return;
    case Kind::kLarger:
    case Kind::kSmaller:
    case Kind::kOlder:
    case Kind::kYounger:
    case Kind::kModSeq:
      out.append(" ").append(std::to_string(key.number));
      return;
    default:
      return;
  }
}

void append(std::string& out, const SearchKey& key) {
  if (key.kind == Kind::kSequence) {
    out += key.set.to_string();
    return;
  }
  out.push_back('(');
  out += word_of(key.kind);
  append_argument(out, key);
  for (const auto& child : key.children) {
    if (!out.ends_with('(')) out.push_back(' ');
    append(out, child);
  }
  out.push_back(')');
}

}  // namespace

bool uses(const SearchKey& tree, SearchKey::Kind kind) {
  return tree.kind == kind ||
         std::ranges::any_of(tree.children, [kind](const auto& child) { return uses(child, kind); });
}

std::string to_string(const SearchKey& tree) {
  std::string out;
  append(out, tree);
  return out;
}

}  // namespace quartet::imapd
