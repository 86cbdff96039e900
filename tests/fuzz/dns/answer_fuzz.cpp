// Any packet is decoded or refused, and what is decoded keeps the promises of message.h.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/check.h"
#include "common/dns/codec.h"

using namespace quartet::dns;

namespace {
bool is_folded(std::string_view name) {
  for (const char c : name)
    if (c >= 'A' && c <= 'Z') return false;
  return !name.empty() && (name == "." || !name.ends_with('.') || name.ends_with("\\."));
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = decode_answer({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  for (const auto* section : {&message->answers, &message->authority}) {
    for (const auto& record : *section) {
      QUARTET_CHECK(is_folded(record.name));
      QUARTET_CHECK(record.ttl <= 0x7fffffffU);
    }
  }
  // A name from a packet can be asked for in its turn, as aliases are.
  if (message->has_question) QUARTET_CHECK(encode_query(message->question, {}).has_value());
  return 0;
}
