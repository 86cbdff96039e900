// POSIX extended regular expressions (draft-ietf-sieve-regex) that take time linear in the text, whatever the pattern.
// For this folder.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/sieve/program.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace quartet::sieve {

class Regex {
 public:
  Regex(std::string_view pattern, Comparator comparator);
  ~Regex();
  /// What is wrong with the pattern; "" if nothing.
  std::string fault() const;
  /// The whole match and then each group; empty if it does not match. Views into `text`.
  std::vector<std::string_view> find(std::string_view text) const;
  /// In instructions: by it goes the time to compile it.
  std::uint64_t size() const;
  /// What find() costs in a text of so many octets, in octets compared.
  std::uint64_t cost(std::size_t octets) const;

 private:
  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace quartet::sieve
