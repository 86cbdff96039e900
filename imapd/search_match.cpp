#include "imapd/search_match.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/casemap.h"
#include "imapd/flags.h"
#include "imapd/search_evidence.h"

namespace quartet::imapd {
namespace {

using Kind = SearchKey::Kind;

Truth truth(bool value) { return value ? Truth::kYes : Truth::kNo; }

std::uint64_t flag_of(Kind kind) {
  switch (kind) {
    case Kind::kAnswered:
      return store::flag::kAnswered;
    case Kind::kDeleted:
      return store::flag::kDeleted;
    case Kind::kDraft:
      return store::flag::kDraft;
    case Kind::kFlagged:
      return store::flag::kFlagged;
    case Kind::kSeen:
      return store::flag::kSeen;
    default:
      return 0;
  }
}

bool contains(const Positions& positions, std::size_t position) {
  const auto after =
      std::ranges::upper_bound(positions, position, {}, [](const PositionRange& range) { return range.first; });
  return after != positions.begin() && position < std::prev(after)->end;
}

bool needs_details(Kind kind) {
  return kind == Kind::kEmailId || kind == Kind::kSavedBefore || kind == Kind::kSavedOn || kind == Kind::kSavedSince;
}

}  // namespace

Searched searched(const Selected& selected) { return {selected.view(), selected.recent(), selected.saved()}; }

Matcher::Matcher(const Searched& mailbox, const SearchKey& key) : recent_(mailbox.recent) {
  root_ = compile(mailbox, key, false);
}

std::size_t Matcher::column_for(std::size_t stored_field) {
  const Column column{Column::Kind::kSearched, stored_field};
  const auto known = std::ranges::find(columns_, column);
  if (known != columns_.end()) return static_cast<std::size_t>(known - columns_.begin());
  columns_.push_back(column);
  return columns_.size() - 1;
}

Matcher::Node Matcher::compile(const Searched& mailbox, const SearchKey& key, bool fuzzy) {
  ++size_;
  Node node;
  node.key = &key;
  node.fuzzy = fuzzy;
  node.needle = Needle(key.text);
  if (fuzzy) node.fuzzy_needle = FuzzyNeedle(mime::casemap(key.text));
  node.bits = key.kind == Kind::kKeyword ? keyword_bits({key.text}, mailbox.view->keywords()) : flag_of(key.kind);
  if (key.kind == Kind::kSequence || key.kind == Kind::kUid)
    node.positions = match_messages(*mailbox.view, mailbox.saved, key.set, key.kind == Kind::kUid);
  const auto field = stored_field_number(field_of(key));
  if (needs_details(key.kind)) uses_details_ = true;
  if (is_sent(key.kind) || (field && fuzzy)) uses_headers_ = true;
  if (field && !fuzzy) node.column = column_for(*field);
  // What is fuzzy may be misspelled, and a field that the store keeps is looked at where it is kept.
  const bool reads = key.kind == Kind::kText || key.kind == Kind::kBody || (!field && !field_of(key).empty());
  if (reads && !node.needle.empty() && !fuzzy) {
    node.text = texts_.size();
    texts_.push_back(node.needle.mapped());
  }
  const bool fuzzy_below = key.kind == Kind::kFuzzy || (fuzzy && key.kind != Kind::kNot);
  for (const auto& child : key.children) node.children.push_back(compile(mailbox, child, fuzzy_below));
  return node;
}

Truth Matcher::match_all(const Node& node, const Candidate& candidate) const {
  auto result = Truth::kYes;
  for (const auto& child : node.children) {
    const auto one = match(child, candidate);
    if (one == Truth::kNo) return one;
    if (one == Truth::kUnknown) result = one;
  }
  return result;
}

Truth Matcher::match_any(const Node& node, const Candidate& candidate) const {
  auto result = Truth::kNo;
  for (const auto& child : node.children) {
    const auto one = match(child, candidate);
    if (one == Truth::kYes) return one;
    if (one == Truth::kUnknown) result = one;
  }
  return result;
}

Truth Matcher::match_header(const Node& node, const Candidate& candidate) const {
  if (node.column && candidate.columns != nullptr && candidate.columns[*node.column].data() != nullptr) {
    const auto value = candidate.columns[*node.column];
    if (!node.needle.empty()) return truth(node.needle.in_mapped(value));
    if (!value.empty()) return Truth::kYes;
  }
  if (candidate.columns == nullptr && candidate.headers == nullptr && candidate.text == nullptr &&
      candidate.filter == nullptr)
    return Truth::kUnknown;
  const auto name = field_of(*node.key);
  const auto stored = stored_field(name);
  const auto* const headers = headers_of(candidate);
  if (stored != nullptr && headers != nullptr) {
    const auto value = headers->*stored;
    if (!node.needle.empty()) return truth(node.needle.in(value));
    if (!value.empty()) return Truth::kYes;
  }
  // Not kept by the store, or the field may be there and empty.
  if (candidate.text == nullptr) return not_read(node, candidate);
  return truth(candidate.text->field_has(name, node.needle));
}

Truth Matcher::not_read(const Node& node, const Candidate& candidate) {
  const bool ruled_out = candidate.filter != nullptr && candidate.filter->rules_out(node.text, candidate.position);
  return ruled_out ? Truth::kNo : Truth::kUnknown;
}

Truth Matcher::match_date(const Node& node, const Candidate& candidate) const {
  const auto day = looked_at_day(*node.key, candidate);
  if (!day) return Truth::kUnknown;
  return truth(*day && days_off(*node.key, **day) == 0);
}

Truth Matcher::match_details(const Node& node, const Candidate& candidate) {
  if (candidate.details == nullptr) return Truth::kUnknown;
  const auto& key = *node.key;
  const auto day = day_of(candidate.details->save_date);
  switch (key.kind) {
    case Kind::kSavedBefore:
      return truth(day < key.day);
    case Kind::kSavedOn:
      return truth(day == key.day);
    case Kind::kSavedSince:
      return truth(day >= key.day);
    default:
      return truth(candidate.details->email_id == key.text);
  }
}

Truth Matcher::match(const Node& node, const Candidate& candidate) const {
  const auto& key = *node.key;
  const auto& entry = *candidate.entry;
  // RFC 5032: a message that came exactly `number` seconds ago is both older and younger.
  const auto age = (to_micros(now_) - entry.internaldate) / 1'000'000;
  if (node.fuzzy && is_rated(key.kind)) {
    const auto rating = rate(node, candidate);
    return rating ? truth(*rating > 0) : Truth::kUnknown;
  }
  switch (key.kind) {
    case Kind::kAll:
      return Truth::kYes;
    case Kind::kAnd:
      return match_all(node, candidate);
    case Kind::kOr:
      return match_any(node, candidate);
    case Kind::kFuzzy:
      return match(node.children.front(), candidate);
    case Kind::kNot: {
      const auto inner = match(node.children.front(), candidate);
      return inner == Truth::kUnknown ? inner : truth(inner == Truth::kNo);
    }
    case Kind::kSequence:
    case Kind::kUid:
      return truth(contains(node.positions, candidate.position));
    case Kind::kAnswered:
    case Kind::kDeleted:
    case Kind::kDraft:
    case Kind::kFlagged:
    case Kind::kSeen:
    case Kind::kKeyword:
      return truth((entry.flags & node.bits) != 0);
    case Kind::kRecent:
      return truth(std::ranges::any_of(
          recent_, [&](const store::UidRange& range) { return range.first <= entry.uid && entry.uid <= range.last; }));
    case Kind::kBody:
      if (node.needle.empty()) return Truth::kYes;
      return candidate.text == nullptr ? not_read(node, candidate) : truth(candidate.text->body_has(node.needle));
    case Kind::kText:
      if (node.needle.empty()) return Truth::kYes;
      if (candidate.text == nullptr) return not_read(node, candidate);
      return truth(candidate.text->has(node.needle));
    case Kind::kBcc:
    case Kind::kCc:
    case Kind::kFrom:
    case Kind::kSubject:
    case Kind::kTo:
    case Kind::kHeader:
      return match_header(node, candidate);
    case Kind::kBefore:
    case Kind::kOn:
    case Kind::kSince:
    case Kind::kSentBefore:
    case Kind::kSentOn:
    case Kind::kSentSince:
      return match_date(node, candidate);
    case Kind::kEmailId:
    case Kind::kSavedBefore:
    case Kind::kSavedOn:
    case Kind::kSavedSince:
      return match_details(node, candidate);
    case Kind::kSaveDateSupported:
      return Truth::kYes;
    case Kind::kThreadId:
      return Truth::kNo;  // no message has one
    case Kind::kFilter:
      return Truth::kNo;  // search_terms() has put its keys in its place
    case Kind::kModSeq:
      return truth(entry.modseq >= key.number);
    case Kind::kLarger:
      return truth(entry.size > key.number);
    case Kind::kSmaller:
      return truth(entry.size < key.number);
    case Kind::kOlder:
      return truth(age >= 0 && static_cast<std::uint64_t>(age) >= key.number);
    case Kind::kYounger:
      return truth(age < 0 || static_cast<std::uint64_t>(age) <= key.number);
  }
  return Truth::kNo;
}

}  // namespace quartet::imapd
