// Any octets become events and commands or errors, the same however they are split; what is kept stays within limits.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "imapd/proto/command_reader.h"
#include "imapd/proto/parser.h"

using namespace quartet::imapd;

namespace {

ReaderLimits small_limits() {
  ReaderLimits limits;
  limits.line = 300;
  limits.literal = 100;
  limits.command = 600;
  limits.message = 400;
  limits.messages = 700;
  limits.discard = 1000;
  return limits;
}

std::string show(const RawCommand& command) {
  std::string out = "command " + command.tag;
  for (const auto& text : command.texts) out += "|" + text;
  for (const auto& literal : command.literals) out += (literal.binary ? "~" : "=") + literal.bytes;
  return out;
}

void parse(RawCommand command, std::string& log) {
  const auto tag = command.tag;
  const auto parsed = parse_command(std::move(command));
  if (parsed) {
    QUARTET_CHECK(!parsed->tag.empty());
    QUARTET_CHECK(!parsed->name.empty());
    log += " ok " + parsed->name;
    return;
  }
  QUARTET_CHECK(!parsed.error().text.empty());
  // It goes into a response line.
  QUARTET_CHECK(parsed.error().text.find_first_of("\r\n") == std::string::npos);
  log += " error " + parsed.error().text;
}

/// Everything the reader says, for pieces of the given size.
std::string run(std::string_view input, std::size_t piece) {
  CommandReader reader(small_limits());
  std::string log;
  unsigned asked = 0;
  while (true) {
    for (;;) {
      auto event = reader.next();
      if (std::holds_alternative<NeedMore>(event)) break;
      if (const auto* request = std::get_if<LiteralRequest>(&event)) {
        log += "ask " + request->tag + "|" + request->name + "|" + std::to_string(request->size) + "\n";
        // Every third one is refused.
        ++asked % 3 == 0 ? reader.refuse_literal() : reader.accept_literal();
      } else if (const auto* bad = std::get_if<BadLine>(&event)) {
        log += "bad " + bad->tag + "|" + std::string(to_string(bad->reason)) + "\n";
        if (bad->fatal) return log;
      } else {
        auto& command = std::get<RawCommand>(event);
        log += show(command);
        QUARTET_CHECK(command.texts.size() == command.literals.size() + 1);
        parse(std::move(command), log);
        log += "\n";
      }
    }
    if (input.empty()) return log;
    reader.feed(input.substr(0, piece));
    input.remove_prefix(std::min(piece, input.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = run(input, size == 0 ? 1 : size);
  QUARTET_CHECK(whole == run(input, 1));
  QUARTET_CHECK(whole == run(input, 7));
  return 0;
}
