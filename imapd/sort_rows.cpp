#include "imapd/sort_rows.h"

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <utility>

#include "imapd/text_match.h"

namespace quartet::imapd {
namespace {

using Kind = SortCriterion::Kind;

bool without_headers(Kind kind) { return kind == Kind::kArrival || kind == Kind::kSize || kind == Kind::kRelevancy; }

std::string_view text_of(Kind kind, const mime::StoredHeaders& headers) {
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

}  // namespace

std::int64_t sent_date(const mime::StoredHeaders& headers, std::int64_t arrived) {
  return headers.sent ? headers.sent->seconds : arrived;
}

SortRows::SortRows(const std::vector<SortCriterion>& criteria, std::size_t size) : size_(size) {
  for (const auto& criterion : criteria) {
    Column column{criterion, {}};
    if (without_headers(criterion.kind) || criterion.kind == Kind::kDate)
      column.values = std::vector<std::int64_t>(size);
    else
      column.values = std::vector<std::string>(size);
    columns_.push_back(std::move(column));
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

bool SortRows::uses_headers() const {
  return std::ranges::any_of(columns_, [](const Column& column) { return !without_headers(column.criterion.kind); });
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

void SortRows::set(std::size_t row, const mime::StoredHeaders& headers) {
  for (auto& column : columns_) {
    if (auto* const texts = std::get_if<std::vector<std::string>>(&column.values)) {
      (*texts)[row] = casemap(text_of(column.criterion.kind, headers));
    } else if (column.criterion.kind == Kind::kDate) {
      auto& date = std::get<std::vector<std::int64_t>>(column.values)[row];
      date = sent_date(headers, date);
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

std::vector<std::size_t> SortRows::sorted() const {
  std::vector<std::size_t> rows(size_);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::ranges::sort(rows, [this](std::size_t a, std::size_t b) {
    const auto order = compare(a, b);
    return order != 0 ? order < 0 : a < b;
  });
  return rows;
}

}  // namespace quartet::imapd
