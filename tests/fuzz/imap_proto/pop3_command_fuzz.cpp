// A line is a POP3 command with what it needs, or refused; the top of a message is a part of it that grows with its
// lines.
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "imapd/proto/pop3_command.h"

using namespace quartet::imapd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto command = parse_pop3(text)) {
    using Verb = Pop3Command::Verb;
    const auto verb = command->verb;
    const bool has_text = verb == Verb::kUser || verb == Verb::kPass || verb == Verb::kAuth;
    const bool has_message = verb == Verb::kRetr || verb == Verb::kDele || verb == Verb::kTop;
    const bool may_have_message = has_message || verb == Verb::kList || verb == Verb::kUidl;
    QUARTET_CHECK(command->text.empty() != has_text);
    QUARTET_CHECK(!has_message || command->message);
    QUARTET_CHECK(!command->message || (may_have_message && *command->message != 0));
    QUARTET_CHECK(!command->initial || verb == Verb::kAuth);
    QUARTET_CHECK(!to_string(verb).empty());
  }
  std::size_t before = 0;
  for (std::uint32_t lines = 0; lines < 4; ++lines) {
    const auto top = top_of(text, lines);
    QUARTET_CHECK(text.starts_with(top) && top.size() >= before);
    before = top.size();
    Top cut(lines);
    const auto first = cut.take(text.substr(0, size / 2));
    QUARTET_CHECK(first.size() + cut.take(text.substr(size / 2)).size() == top.size());
  }
  return 0;
}
