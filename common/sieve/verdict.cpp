#include "common/sieve/verdict.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/base/ascii.h"
#include "common/sieve/regex.h"

namespace quartet::sieve {
namespace {

/// A score may have what is no part of a number behind it ("5.3 / 15.0", "7.1 points").
std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out, std::chars_format::fixed);
  if (read.ec != std::errc() || !std::isfinite(out)) return std::nullopt;
  return out;
}

}  // namespace

Verdict::Verdict(Options options) : options_(std::move(options)) {
  if (!options_.pattern.empty()) pattern_ = std::make_unique<Regex>(options_.pattern, Comparator::kOctet);
}
Verdict::Verdict(Verdict&&) noexcept = default;
Verdict& Verdict::operator=(Verdict&&) noexcept = default;
Verdict::~Verdict() = default;

std::expected<Verdict, std::string> Verdict::make(Options options) {
  Verdict out(std::move(options));
  if (out.pattern_ != nullptr)
    if (auto fault = out.pattern_->fault(); !fault.empty()) return std::unexpected(std::move(fault));
  return out;
}

std::optional<double> Verdict::share(std::string_view field) const {
  auto text = ascii::trim(field);
  if (pattern_ != nullptr) {
    const auto groups = pattern_->find(text);
    if (groups.empty()) return std::nullopt;
    text = groups[groups.size() > 1 ? 1 : 0];
  }
  if (!options_.words.empty()) {
    const auto is_it = [text](const Word& word) { return ascii::iequals(word.text, text); };
    const auto found = std::ranges::find_if(options_.words, is_it);
    if (found == options_.words.end() || found->value == 0) return std::nullopt;
    return static_cast<double>(found->value - 1) / (options_.values - 1);
  }
  const auto number = options_.by_length ? static_cast<double>(text.size()) : number_of(text);
  if (!number) return std::nullopt;
  return std::clamp(*number / options_.worst, 0.0, 1.0);
}

unsigned Verdict::value_of(double share) const {
  // The least thing more, as shares of words have to come out as they went in.
  return 1 + static_cast<unsigned>(share * (options_.values - 1) + 1e-6);
}

Extensions Verdicts::without() const {
  Extensions out;
  const auto needs = [&out](Extension extension) { out.set(static_cast<std::size_t>(extension)); };
  if (!spam) needs(Extension::kSpamtest);
  if (!spam) needs(Extension::kSpamtestplus);
  if (!virus) needs(Extension::kVirustest);
  return out;
}

}  // namespace quartet::sieve
