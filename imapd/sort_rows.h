// The order of SORT (RFC 5256 section 3, RFC 6203 section 6): one column for each criterion, and rows compared by them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/mime/digest.h"
#include "common/store/snapshot.h"
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

  /// Whether some criterion is about the header.
  bool uses_headers() const;
  /// Sets what the view knows, and what the header says, of one row. Texts are kept in the form they are compared in.
  void set(std::size_t row, const store::Entry& entry);
  void set(std::size_t row, const mime::StoredHeaders& headers);
  /// How relevant it is, 1 to 100.
  void set_score(std::size_t row, int score);

  /// Below 0: the first goes before the second; 0: they are equal.
  int compare(std::size_t a, std::size_t b) const;
  /// The rows in order. Equal ones keep their order, also under REVERSE.
  std::vector<std::size_t> sorted() const;

 private:
  struct Column {
    SortCriterion criterion;
    std::variant<std::vector<std::int64_t>, std::vector<std::string>> values;
  };

  std::size_t size_;
  std::vector<Column> columns_;
};

/// When a message was sent, in seconds; when it arrived, if its Date cannot be read (RFC 5256 section 2.2).
std::int64_t sent_date(const mime::StoredHeaders& headers, std::int64_t arrived);

}  // namespace quartet::imapd
