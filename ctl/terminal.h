// The user's terminal for a program that draws on all of it: no echo, keys at once, and everything as before at the
// end.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quartet::ctl {

class Terminal {
 public:
  /// nullopt unless standard input and output are one.
  static std::optional<Terminal> open();
  ~Terminal();
  Terminal(Terminal&&) noexcept;
  Terminal& operator=(Terminal&&) = delete;

  struct Size {
    std::size_t width = 80, height = 24;
  };
  Size size() const;
  void draw(const std::vector<std::string>& lines);
  /// The next key, if one is pressed before the time is over. Ctrl-C and the end of input are 'q'.
  std::optional<char> key(std::chrono::milliseconds wait);

 private:
  struct Saved;
  explicit Terminal(std::unique_ptr<Saved> saved);
  std::unique_ptr<Saved> saved_;
};

/// Whether the user's language is one with UTF-8.
bool speaks_utf8();

}  // namespace quartet::ctl
