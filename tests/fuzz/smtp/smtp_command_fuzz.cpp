// Commands do not depend on how the bytes were split, and a command that is written again is read as the same.
#include "common/base/check.h"
#include "common/smtp/command_parser.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

constexpr std::size_t kLimit = 64;

void drain(CommandParser& parser, std::vector<std::expected<Command, LineError>>& events) {
  while (auto event = parser.next()) events.push_back(*std::move(event));
}

bool same(const std::expected<Command, LineError>& a, const std::expected<Command, LineError>& b) {
  if (a.has_value() != b.has_value()) return false;
  return a ? a->verb == b->verb && a->argument == b->argument : a.error() == b.error();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = fuzz::as_text(data + 1, size - 1);
  CommandParser whole(kLimit);
  std::vector<std::expected<Command, LineError>> events;
  whole.feed(input);
  drain(whole, events);

  CommandParser split(kLimit);
  std::vector<std::expected<Command, LineError>> again;
  for (const auto piece : fuzz::pieces(input, data[0])) {
    split.feed(piece);
    drain(split, again);
  }
  QUARTET_CHECK(events.size() == again.size());
  for (std::size_t i = 0; i < events.size(); ++i) QUARTET_CHECK(same(events[i], again[i]));

  for (const auto& event : events) {
    if (!event) continue;
    QUARTET_CHECK(event->argument.size() <= (event->verb == Verb::kAuth ? kMostAuthLine : kLimit) - 2);
    QUARTET_CHECK(event->argument.find_first_of("\r\n") == std::string::npos);
    if (event->verb == Verb::kUnknown) continue;
    CommandParser back(kLimit);
    back.feed(to_string(event->verb) + (event->argument.empty() ? "" : " " + event->argument) + "\r\n");
    const auto read = back.next();
    QUARTET_CHECK(read.has_value() && same(*read, event));
  }
  return 0;
}
