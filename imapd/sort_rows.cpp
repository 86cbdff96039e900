#include "imapd/sort_rows.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>

#include "common/base/encoding.h"

namespace quartet::imapd {
namespace {

using Kind = SortCriterion::Kind;

bool without_headers(Kind kind) { return kind == Kind::kArrival || kind == Kind::kSize || kind == Kind::kRelevancy; }

/// So that unsigned numbers are in the order of the signed ones.
std::uint64_t biased(std::int64_t value) { return static_cast<std::uint64_t>(value) ^ std::uint64_t{1} << 63; }

}  // namespace

/// Rows are put in order by these, which lie side by side; only where they are equal the rows themselves are compared.
struct SortRows::Key {
  std::array<std::uint64_t, 3> front{};
  std::uint32_t row = 0;
};

std::string_view compared_part(std::string_view text) {
  constexpr std::size_t kMost = 1024;
  if (text.size() <= kMost) return text;
  auto size = kMost;
  while (size > kMost - 4 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U)
    --size;  // not inside a character
  return text.substr(0, size);
}

std::string_view sort_text(Kind kind, const mime::StoredHeaders& headers) {
  switch (kind) {
    case Kind::kCc:
      return headers.cc_mailbox;
    case Kind::kFrom:
      return headers.from_mailbox;
    case Kind::kTo:
      return headers.to_mailbox;
    case Kind::kDisplayFrom:
      return headers.from_display;
    case Kind::kDisplayTo:
      return headers.to_display;
    case Kind::kSubject:
      return headers.base_subject;
    default:
      return {};
  }
}

std::int64_t sent_time(std::string_view column, std::int64_t arrived) {
  return take_le<std::int64_t>(column).value_or(arrived);
}

SortRows::SortRows(const std::vector<SortCriterion>& criteria, std::size_t size) : size_(size) {
  for (const auto& criterion : criteria) {
    Values values{criterion, {}, {}};
    const bool is_date = criterion.kind == Kind::kDate;
    if (without_headers(criterion.kind) || is_date)
      values.values = std::vector<std::int64_t>(size);
    else
      values.values = std::vector<std::string>(size);
    if (!without_headers(criterion.kind)) {
      values.column = header_columns_.size();
      header_columns_.push_back(is_date ? Column{Column::Kind::kSent}
                                        : Column{Column::Kind::kSorted, static_cast<std::uint64_t>(criterion.kind)});
    }
    columns_.push_back(std::move(values));
  }
}

void SortRows::resize(std::size_t size) {
  size_ = size;
  for (auto& column : columns_) std::visit([size](auto& values) { values.resize(size); }, column.values);
}

void SortRows::keep(const std::vector<std::size_t>& rows) {
  size_ = rows.size();
  const auto keep_in = [&rows](auto& values) {
    std::remove_reference_t<decltype(values)> kept;
    kept.reserve(rows.size());
    for (const auto row : rows) kept.push_back(std::move(values[row]));
    values = std::move(kept);
  };
  for (auto& column : columns_) std::visit(keep_in, column.values);
}

void SortRows::set(std::size_t row, const store::Entry& entry) {
  for (auto& column : columns_) {
    auto* const numbers = std::get_if<std::vector<std::int64_t>>(&column.values);
    if (numbers == nullptr) continue;
    constexpr std::int64_t kSecond = 1'000'000;
    if (column.criterion.kind == Kind::kSize) (*numbers)[row] = entry.size;
    if (column.criterion.kind == Kind::kArrival) (*numbers)[row] = entry.internaldate / kSecond;
    if (column.criterion.kind == Kind::kDate) (*numbers)[row] = entry.internaldate / kSecond;
  }
}

void SortRows::set(std::size_t row, std::span<const std::string_view> texts) {
  for (auto& column : columns_) {
    if (!column.column) continue;
    const auto text = texts[*column.column];
    if (auto* const kept = std::get_if<std::vector<std::string>>(&column.values)) {
      (*kept)[row] = text;
    } else {
      auto& date = std::get<std::vector<std::int64_t>>(column.values)[row];
      date = sent_time(text, date);
    }
  }
}

void SortRows::set_score(std::size_t row, int score) {
  // The most relevant message comes first.
  for (auto& column : columns_)
    if (column.criterion.kind == Kind::kRelevancy)
      std::get<std::vector<std::int64_t>>(column.values)[row] = -static_cast<std::int64_t>(score);
}

int SortRows::compare(std::size_t a, std::size_t b) const {
  for (const auto& column : columns_) {
    const auto order = std::visit(
        [a, b](const auto& values) { return values[a] < values[b] ? -1 : static_cast<int>(values[b] < values[a]); },
        column.values);
    if (order != 0) return column.criterion.reverse ? -order : order;
  }
  return 0;
}

SortRows::Key SortRows::key_of(std::size_t row) const {
  Key key{.row = static_cast<std::uint32_t>(row)};
  if (columns_.empty()) return key;
  const auto& first = columns_.front();
  if (const auto* const texts = std::get_if<std::vector<std::string>>(&first.values)) {
    const auto& text = (*texts)[row];
    std::array<char, sizeof(key.front)> octets{};
    std::memcpy(octets.data(), text.data(), std::min(text.size(), octets.size()));
    for (std::size_t n = 0; n < key.front.size(); ++n)
      for (std::size_t octet = 0; octet < 8; ++octet)
        key.front[n] = key.front[n] << 8 | static_cast<unsigned char>(octets[8 * n + octet]);
  } else {
    key.front[0] = biased(std::get<std::vector<std::int64_t>>(first.values)[row]);
  }
  if (first.criterion.reverse)
    for (auto& part : key.front) part = ~part;
  return key;
}

std::vector<std::size_t> SortRows::sorted() const {
  std::vector<Key> keys;
  keys.reserve(size_);
  for (std::size_t row = 0; row < size_; ++row) keys.push_back(key_of(row));
  std::ranges::sort(keys, [](const Key& a, const Key& b) {
    const auto order = a.front <=> b.front;
    return order != 0 ? order < 0 : a.row < b.row;
  });
  // Rows with one front are mostly equal in whole, as subjects are in a thread, and then in order already.
  const auto before = [this](const Key& a, const Key& b) {
    const auto order = compare(a.row, b.row);
    return order != 0 ? order < 0 : a.row < b.row;
  };
  for (auto begin = keys.begin(); begin != keys.end();) {
    const auto end = std::find_if(begin, keys.end(), [begin](const Key& key) { return key.front != begin->front; });
    if (!std::is_sorted(begin, end, before)) std::sort(begin, end, before);
    begin = end;
  }
  std::vector<std::size_t> rows;
  rows.reserve(size_);
  for (const auto& key : keys) rows.push_back(key.row);
  return rows;
}

}  // namespace quartet::imapd
