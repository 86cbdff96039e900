#include "common/smtp/wire.h"

#include <catch2/catch.hpp>
#include <mutex>
#include <vector>

#include "common/net/stream.h"
#include "common/net/wire.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

class Notes final : public net::WireWatcher {
 public:
  void take(const net::WireLine& line) override {
    lines.push_back(std::string(line.server ? "server " : "client ") + (line.ours ? "> " : "< ") +
                    std::string(line.last ? "over" : line.text));
  }
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("what proves who somebody is is never shown", "[wire]") {
  CHECK(without_secrets("AUTH PLAIN AGFubgBzZXNhbWU=") == "AUTH PLAIN (secret)");
  CHECK(without_secrets("auth  SCRAM-SHA-256 biws more") == "auth  SCRAM-SHA-256 (secret)");
  CHECK(without_secrets("AUTH LOGIN") == "AUTH LOGIN");
  CHECK(without_secrets("AUTH ") == "AUTH ");
  CHECK(without_secrets("MAIL FROM:<a@b.test> AUTH=<>") == "MAIL FROM:<a@b.test> AUTH=<>");
}

TEST_CASE("lines are told of while somebody looks on", "[wire]") {
  const auto ends = net::make_pipe();
  const auto notes = std::make_shared<Notes>();
  {
    Wire unseen(Wire::Role::kServer, false);
    unseen.commands(*ends.first, {}, "NOOP\r\n");
  }
  auto watching = net::watch_wire(notes);
  {
    Wire wire(Wire::Role::kClient, false);
    wire.commands(*ends.first, "mx.test", "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n");
    Reply two(250, "2.0.0", "one");
    two.lines.push_back("two");
    wire.reply(*ends.first, "mx.test", two);
    wire.reply(*ends.first, "mx.test", Reply(334, "", "c2VjcmV0"));
    wire.message(*ends.first, "mx.test", 812);
  }
  watching.reset();
  CHECK_FALSE(net::wire_is_watched());
  CHECK(notes->lines == std::vector<std::string>{"client > MAIL FROM:<a@b.test>", "client > RCPT TO:<c@d.test>",
                                                 "client < 250-2.0.0 one", "client < 250 2.0.0 two",
                                                 "client < 334 (secret)", "client > (a message of 812 octets)",
                                                 "client < over"});
}
