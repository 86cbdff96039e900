// A server that says what a test tells it to, and may fall silent for ever at any octet.
#pragma once
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "common/net/stream.h"

namespace quartet::smtp::test {

/// When the client's input begins with `expect` (the whole of it, CR LF included), `say` goes out. A turn with an empty
/// `expect` does not wait.
struct Turn {
  std::string expect;
  std::string say;
};

struct Script {
  std::vector<Turn> turns;
  std::size_t most_octets = std::numeric_limits<std::size_t>::max();  // then the connection is closed
  std::string received;                                               // all that came
  std::string unexpected;                                             // where the client left the script
  bool completed = false;
};

/// Plays `script` on `stream`, then reads to the end of the stream. The script outlives the task.
async::Task<void> play(std::unique_ptr<net::Stream> stream, Script& script);

}  // namespace quartet::smtp::test
