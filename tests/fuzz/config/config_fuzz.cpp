// Any text is read or refused with positions inside it; what was read is read again from its own printing.
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/config/config.h"
#include "quartet/config/v1/mta.pb.h"

using namespace quartet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find("include") != std::string_view::npos) return 0;  // would read files of this machine
  config::v1::Mta message;
  const auto loaded = config::parse_into(text, "fuzz.conf", message);
  if (!loaded) {
    const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
    QUARTET_CHECK(!loaded.error().empty());
    for (const auto& error : loaded.error()) {
      QUARTET_CHECK(error.file == "fuzz.conf" && !error.text.empty());
      QUARTET_CHECK(error.line >= 0 && error.line <= lines && error.column >= 0);
    }
    return 0;
  }
  std::string printed;
  QUARTET_CHECK(google::protobuf::TextFormat::PrintToString(message, &printed));
  if (printed.find("${") != std::string::npos || printed.find("include") != std::string::npos) return 0;
  config::v1::Mta again;
  QUARTET_CHECK(config::parse_into(printed, "printed", again).has_value());
  QUARTET_CHECK(google::protobuf::util::MessageDifferencer::Equals(message, again));
  return 0;
}
