// What a filter in front of the mda found out about a message, as a field of the header tells it: RFC 5235.
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/sieve/extension.h"

namespace quartet::sieve {

class Regex;

class Verdict {
 public:
  struct Word {
    std::string text;
    unsigned value = 0;  // of the test; 0: untested
  };
  struct Options {
    std::string header = {};
    std::string pattern = {};  // its first group is the verdict, or the whole match without one; "": the whole value
    double worst = 0;          // the verdict is a number, and this one is as bad as can be
    bool by_length = false;    // how many characters the verdict has is that number
    std::vector<Word> words = {};  // or it is one of these
    unsigned values = 0;           // of the test: 10 of spamtest, 5 of virustest
  };
  /// An error says what is wrong with the pattern.
  static std::expected<Verdict, std::string> make(Options options);
  Verdict(Verdict&&) noexcept;
  Verdict& operator=(Verdict&&) noexcept;
  ~Verdict();

  const std::string& header() const { return options_.header; }
  /// 0 (good) to 1 (bad); nullopt: the field says nothing that is known.
  std::optional<double> share(std::string_view field) const;
  /// From 1 to `values`.
  unsigned value_of(double share) const;

 private:
  explicit Verdict(Options options);
  Options options_;
  std::unique_ptr<Regex> pattern_;
};

/// Those that a site has.
struct Verdicts {
  std::optional<Verdict> spam, virus;
  /// The extensions that need one which is not there.
  Extensions without() const;
};

}  // namespace quartet::sieve
