// A URL is taken apart or refused; in a response code it stays one word within the brackets.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "imapd/proto/message_url.h"

using namespace quartet::imapd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = parse_message_url(text)) {
    QUARTET_CHECK(url->uid != 0 && url->uidvalidity.value_or(1) != 0);
    QUARTET_CHECK(url->mailbox.empty() == text.starts_with(';'));
    QUARTET_CHECK(url->mailbox.find('\0') == std::string::npos);
    QUARTET_CHECK(!url->partial || url->partial->count.value_or(1) != 0);
  }
  const auto printed = printable_url(text);
  QUARTET_CHECK(printed.size() >= std::min<std::size_t>(size, 1024) && printed.size() <= 3 * size);
  QUARTET_CHECK(std::ranges::all_of(printed, [](char c) { return c > ' ' && c < '\x7F' && c != ']'; }));
  return 0;
}
