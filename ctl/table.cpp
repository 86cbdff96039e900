#include "ctl/table.h"

#include <algorithm>

namespace quartet::ctl {
namespace {

/// Code points; good enough for addresses. Continuation bytes of UTF-8 take no room.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& column : columns_) widths.push_back(width(column.title));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));

  std::string out;
  const auto add_cell = [&](std::size_t i, const std::string& cell) {
    const std::string padding(widths[i] - width(cell), ' ');
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
