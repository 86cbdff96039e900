// What is made of an address leads back to it, and an address that somebody made up leads nowhere.
#include "common/base/check.h"
#include "common/smtp/srs.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Srs srs({.domain = "a.example", .secrets = {"secret of a"}, .hash_length = 27});
  static const Srs other({.domain = "b.example", .secrets = {"secret of b"}, .hash_length = 27});
  constexpr WallTime kNow(std::chrono::seconds(1'795'707'215));
  const auto text = fuzz::as_text(data, size);
  if (srs.is_ours(text)) QUARTET_CHECK(!srs.reverse(text, kNow));
  const auto made = srs.forward(text, kNow);
  if (!made) return 0;
  QUARTET_CHECK(srs.is_ours(*made) && made->size() <= 254);
  const auto back = srs.reverse(*made, kNow);
  QUARTET_CHECK(back.has_value());
  // From one forwarder to the next, and by one step back to the first.
  if (const auto again = other.forward(*made, kNow)) QUARTET_CHECK(other.reverse(*again, kNow).has_value());
  return 0;
}
