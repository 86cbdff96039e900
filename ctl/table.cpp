#include "ctl/table.h"

#include <algorithm>

#include "common/base/utf8.h"

namespace quartet::ctl {

std::string Table::text() const {
  std::vector<std::size_t> widths;  // in characters, which is good enough for addresses
  for (const auto& column : columns_) widths.push_back(utf8::count(column.title));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], utf8::count(row[i]));

  std::string out;
  const auto add_cell = [&](std::size_t i, const std::string& cell) {
    const std::string padding(widths[i] - utf8::count(cell), ' ');
    if (columns_[i].right) out += padding;
    out += cell;
    if (i + 1 == columns_.size()) {
      out += '\n';
      return;
    }
    if (!columns_[i].right) out += padding;
    out += "  ";
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) add_cell(i, columns_[i].title);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) add_cell(i, row[i]);
  return out;
}

}  // namespace quartet::ctl
