// Any octets are taken apart without harm; what is written as an mbox is read back.
#include <cstdint>

#include "common/base/check.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/mime/mbox.h"

using namespace quartet;
using namespace quartet::mime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  MboxReader reader(input);
  std::size_t end = 0;
  while (const auto item = reader.next()) {
    QUARTET_CHECK(item->offset >= end && item->offset + item->content.size() <= input.size());
    end = item->offset + item->content.size();
    (void)mbox_message(item->content);
  }
  // Not every CR before a line end comes back.
  if (input.contains("\r\r") || input.ends_with('\r')) return 0;
  std::string message;
  append_crlf(message, input);
  if (!message.ends_with('\n')) message += "\r\n";
  if (Header(message).find("Content-Length") != nullptr) return 0;  // is believed
  const auto file = mbox_entry(message, "", WallTime{}) + mbox_entry(message, "a@b.test", WallTime{});
  MboxReader written(file);
  const auto one = written.next();
  const auto two = written.next();
  QUARTET_CHECK(one && two && !written.next());
  QUARTET_CHECK(mbox_message(one->content) == message && mbox_message(two->content) == message);
  return 0;
}
