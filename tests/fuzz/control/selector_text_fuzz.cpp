// Any text is a selector or is refused at a place in it; a selector never selects everything.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/control/convert.h"
#include "common/control/selector_text.h"

using namespace quartet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto selector =
      control::parse_selector({reinterpret_cast<const char*>(data), size}, from_micros(1'800'000'000'000'000));
  if (selector) {
    QUARTET_CHECK(!control::has_no_condition(*selector));
    QUARTET_CHECK(selector->text().empty() && !selector->all());
  } else {
    QUARTET_CHECK(selector.error().column >= 1 && selector.error().column <= size + 1);
    QUARTET_CHECK(!selector.error().text.empty());
  }
  return 0;
}
