// Any bytes to the ManageSieve parser: the same commands however they are split, and within the limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/sieve/managesieve.h"

using namespace quartet::sieve;

namespace {

constexpr ManageSieveLimits kLimits{.line = 200, .literal = 50, .skipped = 100, .arguments = 4};

std::string read(std::string_view input, std::size_t chunk) {
  ManageSieveParser parser(kLimits);
  std::string out;
  for (; !input.empty(); input.remove_prefix(std::min(chunk, input.size()))) {
    parser.feed(input.substr(0, chunk));
    while (auto event = parser.next()) {
      if (!*event) {
        out += "fault " + std::to_string(static_cast<int>(event->error())) + "\n";
        continue;
      }
      QUARTET_CHECK((*event)->arguments.size() <= kLimits.arguments);
      out += (*event)->name;
      for (const auto& argument : (*event)->arguments) {
        QUARTET_CHECK(argument.text.size() <= kLimits.line);
        out += " " + std::to_string(argument.value) + argument.text;
      }
      out += "\n";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = read(input, input.size());
  QUARTET_CHECK(read(input, 1) == whole);
  QUARTET_CHECK(read(input, 3) == whole);
  // What a server sends as a string, a client's parser would read back; ours does for quoted ones.
  const auto text = managesieve_string(input.substr(0, 80));
  if (text.starts_with('"')) QUARTET_CHECK(read("NOOP " + text + "\r\n", 7).starts_with("NOOP 0"));
  return 0;
}
