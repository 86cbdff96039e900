// The order of SORT (RFC 5256 section 3, RFC 6203 section 6): one column for each criterion, and rows compared by them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/mime/digest.h"
#include "common/store/snapshot.h"
#include "imapd/column_cache.h"
#include "imapd/proto/command.h"

namespace quartet::imapd {

class SortRows {
 public:
  /// `size`: how many messages there are to sort.
  SortRows(const std::vector<SortCriterion>& criteria, std::size_t size);

  std::size_t size() const { return size_; }
  /// New rows come at the end and are to be set.
  void resize(std::size_t size);
  /// Leaves these rows, in this order, and takes away all others.
  void keep(const std::vector<std::size_t>& rows);

  /// What the criteria are about in the header; empty: nothing.
  const std::vector<Column>& header_columns() const { return header_columns_; }
  /// Sets what the view knows, and what the columns above have, of one row.
  void set(std::size_t row, const store::Entry& entry);
  void set(std::size_t row, std::span<const std::string_view> texts);
  /// How relevant it is, 1 to 100.
  void set_score(std::size_t row, int score);

  /// Below 0: the first goes before the second; 0: they are equal.
  int compare(std::size_t a, std::size_t b) const;
  /// The rows in order. Equal ones keep their order, also under REVERSE.
  std::vector<std::size_t> sorted() const;

 private:
  struct Values {
    SortCriterion criterion;
    std::optional<std::size_t> column;  // of header_columns_
    std::variant<std::vector<std::int64_t>, std::vector<std::string>> values;
  };
  struct Key;

  /// The beginning of what a row is compared by.
  Key key_of(std::size_t row) const;

  std::size_t size_;
  std::vector<Values> columns_;
  std::vector<Column> header_columns_;
};

/// What SORT and THREAD compare of a text, its beginning: they have those of all messages in memory, and a header may
/// have a megabyte.
std::string_view compared_part(std::string_view text);
/// The text that SORT compares, of criteria that are texts.
std::string_view sort_text(SortCriterion::Kind kind, const mime::StoredHeaders& headers);
/// When a message was sent, in seconds, from the column kSent; when it arrived, if its Date cannot be read (RFC 5256
/// section 2.2).
std::int64_t sent_time(std::string_view column, std::int64_t arrived);

}  // namespace quartet::imapd
