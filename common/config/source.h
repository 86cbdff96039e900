// The text of a configuration after ${} and include, with the origin of every piece. Not for other folders.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace quartet::config {

class Source {
 public:
  /// Appends the errors it finds to `errors`.
  void add_file(const std::string& path, std::vector<Error>& errors);
  void add_text(std::string_view text, const std::string& file, std::vector<Error>& errors);

  const std::string& text() const { return text_; }
  /// A line of it, from 0; empty if there is none.
  std::string_view line(int number) const;
  /// Where line and column (both from 0, of text()) came from.
  Error origin(int line, int column, std::string what) const;

 private:
  struct Line {
    std::string file;
    int number = 0;                           // from 1
    std::vector<std::pair<int, int>> shifts;  // from this column on, add this many
    std::size_t begin = 0;                    // in the text
  };
  void add_line(std::string_view line, const std::string& file, int number, std::vector<Error>& errors);

  std::string text_;
  std::vector<Line> lines_;
  std::vector<std::string> open_;  // the files that are being read, each included by the one before
};

}  // namespace quartet::config
