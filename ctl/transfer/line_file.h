// A file of lines that a transfer adds to, and that tells a later run what was done. It survives every end of the
// process; a line that was cut off is as good as not written.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "common/base/files.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

class LineFile {
 public:
  /// Is nowhere: nothing is kept.
  LineFile() = default;
  /// Opens or makes the file. Its first line must be this one, and no other process may be at work with it. `take` gets
  /// all other lines, and says whether they make sense. An empty path: as without one.
  static Outcome<LineFile> open(const std::string& path, const std::string& first_line,
                                const std::function<bool(std::string_view)>& take);

  bool is_kept() const { return file_.is_open(); }
  /// Whole lines with their ends.
  Outcome<void> add(std::string_view lines);
  /// What was added is on disk.
  Outcome<void> sync();

 private:
  std::string path_;
  File file_;
};

/// A word without blanks: "%20" and so on for what would break a line; "%" alone for an empty one.
std::string as_word(std::string_view text);
std::string from_word(std::string_view word);

/// The first `count` words of a line; what follows the blank behind them is `rest`, without which nothing may follow.
/// Empty: there are fewer, or more.
std::vector<std::string_view> words_of(std::string_view line, std::size_t count, std::string_view* rest = nullptr);

}  // namespace quartet::transfer
