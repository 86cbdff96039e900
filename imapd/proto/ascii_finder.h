// Finds an ASCII text in octets without regard to the case of its letters, as fast as memory gives them.
#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace quartet::imapd {

class AsciiFinder {
 public:
  AsciiFinder() = default;
  /// Of ASCII and not empty.
  explicit AsciiFinder(std::string_view text);

  /// npos: it is not there.
  std::size_t find(std::string_view in, std::size_t from = 0) const;
  bool in(std::string_view text) const { return find(text) != std::string_view::npos; }

 private:
  /// An octet of the text that is looked for first.
  struct Probe {
    std::size_t place = 0;
    unsigned char octet = 0;  // with `fold`
    unsigned char fold = 0;   // 0x20 for a letter: both of its cases are the same then
  };

  class Pair;

  Probe probe(std::size_t place) const;
  bool matches(const char* at) const;

  std::string lower_;
  std::array<Probe, 2> probes_{};  // the two that are rarest in mail
};

}  // namespace quartet::imapd
