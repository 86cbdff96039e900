#include "common/sieve/regex.h"

#include <re2/re2.h>

#include <algorithm>

#include "common/mime/charset.h"

namespace quartet::sieve {
namespace {

constexpr int kMostGroups = 100;

re2::RE2::Options options_for(std::string_view pattern, Comparator comparator) {
  re2::RE2::Options out(re2::RE2::POSIX);
  out.set_case_sensitive(comparator == Comparator::kOctet);
  // Beyond POSIX, but what people write and other servers take.
  out.set_perl_classes(true);
  out.set_word_boundary(true);
  // POSIX.1 section 9.4: anchors stand for the ends of the text, not of its lines, and a dot takes a line end as well.
  out.set_one_line(true);
  out.set_dot_nl(true);
  out.set_log_errors(false);
  out.set_max_mem(1 << 20);
  // Patterns that are no UTF-8 can come out of ${hex:...}.
  out.set_encoding(mime::is_utf8(pattern) ? re2::RE2::Options::EncodingUTF8 : re2::RE2::Options::EncodingLatin1);
  return out;
}

}  // namespace

Regex::Regex(std::string_view pattern, Comparator comparator)
    : compiled_(std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()),
                                           options_for(pattern, comparator))) {}

Regex::~Regex() = default;

std::string Regex::fault() const {
  if (!compiled_->ok()) return compiled_->error();
  return compiled_->NumberOfCapturingGroups() >= kMostGroups ? "too many groups" : "";
}

std::vector<std::string_view> Regex::find(std::string_view text) const {
  if (!fault().empty()) return {};
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(compiled_->NumberOfCapturingGroups()) + 1);
  const re2::StringPiece in(text.data(), text.size());
  if (!compiled_->Match(in, 0, text.size(), re2::RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size())))
    return {};
  std::vector<std::string_view> out;
  for (const auto& group : groups)
    out.push_back(group.data() == nullptr ? std::string_view() : std::string_view(group.data(), group.size()));
  return out;
}

std::uint64_t Regex::size() const { return static_cast<std::uint64_t>(std::max(compiled_->ProgramSize(), 0)); }

/// A pattern for which no automaton fits into memory is followed instruction by instruction, at each octet by all of
/// them at worst.
std::uint64_t Regex::cost(std::size_t octets) const {
  constexpr std::uint64_t kAtOnce = 16;
  return octets * (1 + size() / kAtOnce);
}

}  // namespace quartet::sieve
