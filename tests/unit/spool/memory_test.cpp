// What a long queue costs in memory: index.h tells, and here it is measured.
#include <malloc.h>

#include <catch2/catch.hpp>
#include <string>

#include "common/spool/codec.h"
#include "common/spool/index.h"

// There with a sanitizer, whose heap mallinfo2() does not see.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));

using namespace quartet;
using namespace quartet::spool;

namespace {

std::size_t allocated() {
  if (__sanitizer_get_current_allocated_bytes != nullptr) return __sanitizer_get_current_allocated_bytes();
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

void insert(Index& index, std::uint32_t number, std::size_t recipients) {
  NewMessage message;
  message.id = MessageId::make();
  message.envelope.reverse_path = "sender@a.test";
  message.envelope.trace_id = message.id.to_string();
  message.envelope.client = "192.0.2.1:2525";
  message.envelope.received = wall_now();
  message.due = wall_now();
  for (std::size_t i = 0; i < recipients; ++i)
    message.recipients.push_back({"user" + std::to_string(number) + "@d" + std::to_string(i % 1'000) + ".test", 0, {}});
  REQUIRE(index.insert(view_of(message), {{1, number, 100, 0}, 200}));
}

}  // namespace

TEST_CASE("the index takes as much memory for a message and a recipient as it says", "[spool]") {
  constexpr std::uint32_t kMessages = 100'000, kFurther = 10, kLong = 10'000;
  const auto before = allocated();
  Index index;
  for (std::uint32_t i = 0; i < kMessages; ++i) insert(index, i, 1);
  const auto one = static_cast<double>(allocated() - before) / kMessages;
  INFO(one << " octets for a message with one recipient");
  CHECK(one > 100);
  CHECK(one < 260);

  const auto middle = allocated();
  for (std::uint32_t i = 0; i < kLong; ++i) insert(index, i, 1 + kFurther);
  const auto further = (static_cast<double>(allocated() - middle) / kLong - one) / kFurther;
  INFO(further << " octets for each further recipient with an address of about 16");
  CHECK(further > 40);
  CHECK(further < 100);
}
