#include "tests/unit/smtp/scripted_server.h"

#include "tests/unit/smtp/test_handler.h"

namespace quartet::smtp::test {

async::Task<void> play(std::unique_ptr<net::Stream> stream, Script& script) {
  std::string input;
  auto budget = script.most_octets;
  for (const auto& turn : script.turns) {
    while (input.size() < turn.expect.size()) {
      const auto bytes = co_await stream->read_some(soon());
      if (!bytes) co_return;
      input += *bytes;
      script.received += *bytes;
    }
    if (!input.starts_with(turn.expect)) {
      script.unexpected = "expected \"" + turn.expect + "\", not \"" + input + "\"";
      co_return;
    }
    input.erase(0, turn.expect.size());
    const auto part = turn.say.substr(0, budget);
    const auto sent = co_await stream->write(part, soon());
    if (!sent || part.size() < turn.say.size()) co_return;
    budget -= part.size();
  }
  script.completed = true;
  for (;;) {
    const auto bytes = co_await stream->read_some(soon());
    if (!bytes) co_return;
    script.received += *bytes;
  }
}

}  // namespace quartet::smtp::test
