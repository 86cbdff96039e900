#include "mda/verdicts.h"

#include <fmt/format.h>

namespace quartet::mda {
namespace {

using config::v1::Verdict;

/// The values of the tests (RFC 5235 section 3).
constexpr unsigned kSpamValues = 10;
constexpr unsigned kVirusValues = 5;

void check_scale(service::Checker& checker, const Verdict& source, unsigned values) {
  if (source.word().empty() && !(source.worst() > 0)) checker.fault(source, "worst", "is required, and more than 0");
  if (!source.word().empty() && source.worst() != 0) checker.fault(source, "worst", "not together with `word`");
  if (!source.word().empty() && source.by_length()) checker.fault(source, "by_length", "not together with `word`");
  for (const auto& word : source.word()) {
    checker.require(word, "text", word.text());
    if (word.value() > values) checker.fault(word, "value", fmt::format("at most {}", values));
  }
}

std::optional<sieve::Verdict> read_verdict(service::Checker& checker, const Verdict& source, unsigned values) {
  checker.require(source, "header", source.header());
  check_scale(checker, source, values);
  sieve::Verdict::Options options;
  options.header = source.header();
  options.pattern = source.pattern();
  options.worst = source.worst();
  options.by_length = source.by_length();
  options.values = values;
  for (const auto& word : source.word()) options.words.push_back({word.text(), word.value()});
  auto made = sieve::Verdict::make(std::move(options));
  if (made) return *std::move(made);
  checker.fault(source, "pattern", made.error());
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const sieve::Verdicts> read_verdicts(service::Checker& checker, const config::v1::Sieve& sieve) {
  auto out = std::make_shared<sieve::Verdicts>();
  if (sieve.has_spam()) out->spam = read_verdict(checker, sieve.spam(), kSpamValues);
  if (sieve.has_virus()) out->virus = read_verdict(checker, sieve.virus(), kVirusValues);
  return out;
}

}  // namespace quartet::mda
