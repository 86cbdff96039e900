#include "imapd/flags.h"

#include <utility>

#include "common/base/ascii.h"

namespace quartet::imapd {
namespace {

constexpr std::pair<std::uint64_t, std::string_view> kSystemFlags[] = {
    {store::flag::kAnswered, "\\Answered"}, {store::flag::kFlagged, "\\Flagged"}, {store::flag::kDeleted, "\\Deleted"},
    {store::flag::kSeen, "\\Seen"},         {store::flag::kDraft, "\\Draft"},
};

void append_word(std::string& out, std::size_t start, std::string_view word) {
  if (out.size() > start) out += ' ';
  out += word;
}

}  // namespace

void append_flags(std::string& out, std::uint64_t flags, const std::vector<std::string>& keywords, bool recent) {
  const auto start = out.size();
  for (const auto& [bit, name] : kSystemFlags)
    if ((flags & bit) != 0) append_word(out, start, name);
  if (recent) append_word(out, start, "\\Recent");
  for (std::size_t n = 0; n < keywords.size() && (flags >> store::kFirstKeywordBit >> n) != 0; ++n)
    if ((flags >> store::kFirstKeywordBit >> n & 1) != 0) append_word(out, start, keywords[n]);
}

std::uint64_t system_flag(std::string_view name) {
  for (const auto& [bit, known] : kSystemFlags)
    if (ascii::iequals(name, known)) return bit;
  return 0;
}

FlagNames sort_flags(const std::vector<std::string>& names) {
  FlagNames sorted;
  for (const auto& name : names) {
    sorted.system |= system_flag(name);
    if (!name.starts_with('\\')) sorted.keywords.push_back(name);
  }
  return sorted;
}

std::uint64_t keyword_bits(const std::vector<std::string>& wanted, const std::vector<std::string>& known) {
  std::uint64_t bits = 0;
  for (const auto& keyword : wanted)
    for (std::size_t n = 0; n < known.size(); ++n)
      if (ascii::iequals(keyword, known[n])) bits |= std::uint64_t{1} << (store::kFirstKeywordBit + n);
  return bits;
}

}  // namespace quartet::imapd
