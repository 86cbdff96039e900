#include "imapd/proto/ascii_finder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "common/base/ascii.h"

namespace quartet::imapd {
namespace {

/// From the commonest in texts to the rarest; what is not there is rarer still.
constexpr std::string_view kCommon = " etaoinsrhldcumfpgwybv,.kx-=\r\n\"/><:j0q1z2;'35)(4_68@79&+";

std::size_t rarity(char c) { return std::min(kCommon.find(ascii::to_lower(c)), kCommon.size()); }

}  // namespace

AsciiFinder::AsciiFinder(std::string_view text) : lower_(ascii::lower(text)) {
  std::size_t first = 0;
  for (std::size_t n = 1; n < lower_.size(); ++n)
    if (rarity(lower_[n]) > rarity(lower_[first])) first = n;
  std::size_t second = first == 0 ? lower_.size() - 1 : 0;
  for (std::size_t n = 0; n < lower_.size(); ++n)
    if (n != first && rarity(lower_[n]) > rarity(lower_[second])) second = n;
  probes_ = {probe(first), probe(second)};
}

#if defined(__SSE2__)
/// Both probes at sixteen places at a time.
class AsciiFinder::Pair {
 public:
  static constexpr std::size_t kStep = 16;

  explicit Pair(const std::array<Probe, 2>& probes)
      : place0_(probes[0].place),
        place1_(probes[1].place),
        octet0_(all(probes[0].octet)),
        fold0_(all(probes[0].fold)),
        octet1_(all(probes[1].octet)),
        fold1_(all(probes[1].fold)) {}

  unsigned hits(const char* where) const { return static_cast<unsigned>(_mm_movemask_epi8(both(where))); }
  bool any_of_four(const char* where) const {
    const auto first = _mm_or_si128(both(where), both(where + kStep));
    const auto second = _mm_or_si128(both(where + 2 * kStep), both(where + 3 * kStep));
    return _mm_movemask_epi8(_mm_or_si128(first, second)) != 0;
  }

 private:
  static __m128i all(unsigned char octet) { return _mm_set1_epi8(static_cast<char>(octet)); }
  static __m128i same(const char* where, __m128i octet, __m128i fold) {
    const auto octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(where));
    return _mm_cmpeq_epi8(_mm_or_si128(octets, fold), octet);
  }
  __m128i both(const char* where) const {
    return _mm_and_si128(same(where + place0_, octet0_, fold0_), same(where + place1_, octet1_, fold1_));
  }

  std::size_t place0_, place1_;
  __m128i octet0_, fold0_, octet1_, fold1_;
};
#endif

AsciiFinder::Probe AsciiFinder::probe(std::size_t place) const {
  const char c = lower_[place];
  return {place, static_cast<unsigned char>(c), static_cast<unsigned char>(ascii::is_alpha(c) ? 0x20 : 0)};
}

bool AsciiFinder::matches(const char* at) const {
  for (const char c : lower_)
    if (ascii::to_lower(*at++) != c) return false;
  return true;
}

std::size_t AsciiFinder::find(std::string_view in, std::size_t from) const {
  if (lower_.empty() || in.size() < lower_.size()) return std::string_view::npos;
  const std::size_t last = in.size() - lower_.size();  // where the text may begin at most
  std::size_t at = from;
#if defined(__SSE2__)
  const Pair pair(probes_);
  constexpr std::size_t kFour = 4 * Pair::kStep;
  for (; at + kFour <= last + 1; at += kFour) {
    const char* const where = in.data() + at;
    if (!pair.any_of_four(where)) continue;
    for (std::size_t step = 0; step < kFour; step += Pair::kStep)
      for (auto hits = pair.hits(where + step); hits != 0; hits &= hits - 1) {
        const auto hit = step + static_cast<std::size_t>(std::countr_zero(hits));
        if (matches(where + hit)) return at + hit;
      }
  }
#endif
  for (; at <= last; ++at) {
    const auto octet = static_cast<unsigned char>(in[at + probes_[0].place]);
    if ((octet | probes_[0].fold) == probes_[0].octet && matches(in.data() + at)) return at;
  }
  return std::string_view::npos;
}

}  // namespace quartet::imapd
