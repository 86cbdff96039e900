#include "common/sieve_site/verdicts.h"

#include <fmt/format.h>

namespace quartet::sieve_site {
namespace {

using config::v1::Verdict;

/// The values of the tests (RFC 5235 section 3).
constexpr unsigned kSpamValues = 10;
constexpr unsigned kVirusValues = 5;

void check_scale(const Report& report, const Verdict& source, unsigned values) {
  if (source.word().empty() && !(source.worst() > 0)) report(source, "worst", "is required, and more than 0");
  if (!source.word().empty() && source.worst() != 0) report(source, "worst", "not together with `word`");
  if (!source.word().empty() && source.by_length()) report(source, "by_length", "not together with `word`");
  for (const auto& word : source.word()) {
    if (word.text().empty()) report(word, "text", "is required");
    if (word.value() > values) report(word, "value", fmt::format("at most {}", values));
  }
}

std::optional<sieve::Verdict> read_verdict(const Report& report, const Verdict& source, unsigned values) {
  if (source.header().empty()) report(source, "header", "is required");
  check_scale(report, source, values);
  sieve::Verdict::Options options;
  options.header = source.header();
  options.pattern = source.pattern();
  options.worst = source.worst();
  options.by_length = source.by_length();
  options.values = values;
  for (const auto& word : source.word()) options.words.push_back({word.text(), word.value()});
  auto made = sieve::Verdict::make(std::move(options));
  if (made) return *std::move(made);
  report(source, "pattern", made.error());
  return std::nullopt;
}

}  // namespace

std::shared_ptr<const sieve::Verdicts> read_verdicts(const Report& report, const config::v1::Sieve& sieve) {
  auto out = std::make_shared<sieve::Verdicts>();
  if (sieve.has_spam()) out->spam = read_verdict(report, sieve.spam(), kSpamValues);
  if (sieve.has_virus()) out->virus = read_verdict(report, sieve.virus(), kVirusValues);
  return out;
}

}  // namespace quartet::sieve_site
