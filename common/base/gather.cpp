#include "common/base/gather.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>

namespace quartet {
namespace {

constexpr std::uintptr_t kHugePage = 2 << 20;
constexpr std::uint64_t kMost = std::uint64_t{1} << 31;  // that is set aside because of an announcement

/// Each page that is touched first costs the processor more than what is copied into it, and a huge one little more
/// than a small one. What fails only leaves it as it was.
void prefer_huge_pages(const char* begin, const char* end) {
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + kHugePage - 1) / kHugePage * kHugePage;
  const auto last = reinterpret_cast<std::uintptr_t>(end) / kHugePage * kHugePage;
  if (first < last) (void)::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace

void set_aside(std::string& bytes, std::size_t size) {
  if (size <= bytes.capacity()) return;
  bytes.reserve(size);
  prefer_huge_pages(bytes.data() + bytes.size(), bytes.data() + bytes.capacity());
}

void gather(std::string& gathered, std::string_view piece, std::uint64_t announced) {
  // Who has sent a quarter sends the rest: it need not be moved again and again until there is room for all.
  if (announced <= kMost && gathered.size() >= announced / 4) set_aside(gathered, static_cast<std::size_t>(announced));
  const auto size = gathered.size() + piece.size();
  if (size > gathered.capacity()) set_aside(gathered, std::max(size, 2 * gathered.capacity()));
  gathered.append(piece);
}

}  // namespace quartet
