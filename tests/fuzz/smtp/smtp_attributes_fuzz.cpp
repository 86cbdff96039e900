// What XCLIENT and XFORWARD say is refused with 501, or fit for logs and fields.
#include <algorithm>

#include "common/base/check.h"
#include "common/smtp/client_attributes.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

void check_word(const std::optional<std::string>& word) {
  QUARTET_CHECK(!word || std::ranges::all_of(*word, [](char c) { return c > 0x20 && c < 0x7f; }));
}

void check(AttributeCommand command, std::string_view input) {
  const auto said = parse_attributes(command, input);
  if (!said) {
    QUARTET_CHECK(said.error().code == 501);
    return;
  }
  for (const auto* word : {&said->name, &said->hello, &said->login, &said->ident, &said->source}) check_word(*word);
  QUARTET_CHECK(command == AttributeCommand::kXclient || (!said->login && !said->local && !said->local_port));
  QUARTET_CHECK(command == AttributeCommand::kXforward || (!said->ident && !said->source));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::as_text(data, size);
  check(AttributeCommand::kXclient, input);
  check(AttributeCommand::kXforward, input);
  return 0;
}
