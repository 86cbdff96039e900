// Any text as a script: it compiles or has errors with places inside it, in their order.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/sieve/compile.h"

using namespace quartet::sieve;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  const auto program = compile(script);
  if (program) return 0;
  const auto lines = static_cast<std::size_t>(std::ranges::count(script, '\n')) + 1;
  QUARTET_CHECK(!program.error().empty());
  QUARTET_CHECK(std::ranges::is_sorted(program.error(), {}, &Error::at));
  for (const auto& error : program.error()) {
    QUARTET_CHECK(error.at.line >= 1 && error.at.line <= lines && error.at.column >= 1 && !error.text.empty());
  }
  return 0;
}
