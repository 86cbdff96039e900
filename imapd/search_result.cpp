#include "imapd/search_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>

#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

using Places = std::span<const std::size_t>;  // positions of the view

std::vector<std::uint32_t> numbers_of(const store::Snapshot& view, Places positions, bool uid) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(positions.size());
  for (const auto position : positions)
    numbers.push_back(uid ? view[position].uid : static_cast<std::uint32_t>(position + 1));
  return numbers;
}

Places part_of(Places positions, const PartialRange& range) {
  const auto slice = slice_of(range, positions.size());
  return positions.subspan(slice.first, slice.end - slice.first);
}

/// What of the result the options speak of: RFC 4731 section 3.2, RFC 5182 section 2.4, RFC 9394 section 3.1.
std::vector<std::size_t> spoken_of(const ResultOptions& options, Places positions) {
  if (options.all || options.count || !(options.min || options.max || options.partial))
    return {positions.begin(), positions.end()};
  std::vector<std::size_t> some;
  if (options.min && !positions.empty()) some.push_back(positions.front());
  if (options.max && !positions.empty()) some.push_back(positions.back());
  if (options.partial) std::ranges::copy(part_of(positions, *options.partial), std::back_inserter(some));
  return some;
}

std::uint64_t highest_modseq(const store::Snapshot& view, const std::vector<std::size_t>& positions) {
  std::uint64_t highest = 0;
  for (const auto position : positions) highest = std::max(highest, view[position].modseq);
  return highest;
}

std::string to_text(const PartialRange& range) {
  const auto* const sign = range.from_end ? "-" : "";
  return fmt::format("{}{}:{}{}", sign, range.first, sign, range.last);
}

void append_plain(std::string& out, const store::Snapshot& view, const Results& results) {
  out.append("* ").append(results.name);
  const auto& positions = results.found.positions;
  for (const auto number : numbers_of(view, positions, results.uid))
    fmt::format_to(std::back_inserter(out), " {}", number);
  if (results.modseq && !positions.empty())
    fmt::format_to(std::back_inserter(out), " (MODSEQ {})", highest_modseq(view, positions));
  out += "\r\n";
}

/// Of all results, or of the part that is told of (RFC 6203 section 4).
void append_scores(std::string& out, const ResultOptions& options, std::span<const int> scores) {
  if (options.partial) {
    const auto slice = slice_of(*options.partial, scores.size());
    scores = scores.subspan(slice.first, slice.end - slice.first);
  }
  fmt::format_to(std::back_inserter(out), " RELEVANCY ({})", fmt::join(scores, " "));
}

/// RFC 4731 section 3.1: MIN, MAX and ALL are left out when nothing was found.
void append_extended(std::string& out, const store::Snapshot& view, const ResultOptions& options,
                     const Results& results) {
  const auto into = std::back_inserter(out);
  const auto number = [&](std::size_t position) {
    return results.uid ? view[position].uid : static_cast<std::uint32_t>(position + 1);
  };
  const auto set = [&](Places positions) { return to_ordered_text(numbers_of(view, positions, results.uid)); };
  const Places positions = results.found.positions;
  out += "* ESEARCH (TAG ";
  append_quoted(out, results.tag);
  out.append(results.place).append(results.uid ? ") UID" : ")");
  if (!positions.empty()) {
    if (options.min) fmt::format_to(into, " MIN {}", number(positions.front()));
    if (options.max) fmt::format_to(into, " MAX {}", number(positions.back()));
    if (options.all) fmt::format_to(into, " ALL {}", set(positions));
  }
  if (options.count) fmt::format_to(into, " COUNT {}", positions.size());
  if (options.partial) {
    const auto part = part_of(positions, *options.partial);
    fmt::format_to(into, " PARTIAL ({} {})", to_text(*options.partial), part.empty() ? "NIL" : set(part));
  }
  if (options.relevancy) append_scores(out, options, results.found.scores);
  const auto told = results.modseq ? spoken_of(options, positions) : std::vector<std::size_t>{};
  if (!told.empty()) fmt::format_to(into, " MODSEQ {}", highest_modseq(view, told));
  out += "\r\n";
}

store::UidSet to_save(const store::Snapshot& view, const ResultOptions& options, Places positions) {
  auto kept = spoken_of(options, positions);
  std::ranges::sort(kept);
  kept.erase(std::ranges::unique(kept).begin(), kept.end());
  store::UidSet uids;
  for (const auto position : kept) uids.push_back({view[position].uid, view[position].uid});
  return uids;
}

}  // namespace

PartialSlice slice_of(const PartialRange& range, std::size_t size) {
  const auto [low, high] = std::minmax(range.first, range.last);
  if (low > size) return {};
  const auto last = std::min<std::size_t>(high, size);
  return range.from_end ? PartialSlice{size - last, size - low + 1} : PartialSlice{low - 1UL, last};
}

std::string to_ordered_text(const std::vector<std::uint32_t>& numbers) {
  std::string out;
  for (std::size_t n = 0; n < numbers.size();) {
    auto end = n + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    fmt::format_to(std::back_inserter(out), "{}{}", out.empty() ? "" : ",", numbers[n]);
    if (end > n + 1) fmt::format_to(std::back_inserter(out), ":{}", numbers[end - 1]);
    n = end;
  }
  return out;
}

void tell_results(Context& context, const ResultOptions& options, const Results& results) {
  const auto& view = *results.mailbox.view;
  if (options.save) context.selected->save(to_save(view, options, results.found.positions));
  if (!results.place.empty() && results.found.positions.empty()) return;
  auto& out = context.output.text();
  const bool extended = options.given || !results.place.empty() || (context.enabled.rev2 && results.name == "SEARCH");
  if (!extended) return append_plain(out, view, results);
  auto told = options;
  // IMAP4rev2 has no other response to SEARCH (RFC 9051 section 6.4.4), nor has ESEARCH.
  if (!options.given) told.all = true;
  const bool speaks = told.min || told.max || told.all || told.count || told.partial || told.relevancy;
  if (speaks || !told.save) append_extended(out, view, told, results);
}

}  // namespace quartet::imapd
