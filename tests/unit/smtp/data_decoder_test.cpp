#include "common/smtp/data_decoder.h"

#include <catch2/catch.hpp>

using namespace quartet::smtp;

namespace {

struct Decoded {
  std::string message;
  bool done = false;
  bool bare = false;
  bool eight_bit = false;
  std::string rest;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(std::string_view input, std::size_t first, std::size_t chunk) {
  DataDecoder decoder;
  Decoded out;
  while (!input.empty() && !decoder.done()) {
    const auto piece = input.substr(0, first);
    const auto used = decoder.decode(piece, out.message);
    if (!decoder.done()) REQUIRE(used == piece.size());
    input.remove_prefix(used);
    first = chunk;
  }
  out.done = decoder.done();
  out.bare = decoder.bare_cr_or_lf();
  out.eight_bit = decoder.eight_bit();
  out.rest = input;
  return out;
}

/// The same at every first split, and octet by octet.
Decoded at_every_split(std::string_view input) {
  const auto whole = decode(input, input.size(), input.size());
  for (std::size_t split = 1; split < input.size(); ++split) {
    INFO("split at " << split);
    CHECK(decode(input, split, input.size()) == whole);
  }
  CHECK(decode(input, 1, 1) == whole);
  return whole;
}

}  // namespace

TEST_CASE("dots are unstuffed and the end is found at every split (RFC 5321 section 4.5.2)", "[smtp]") {
  const auto message = at_every_split("a\r\n..b\r\n...\r\n.c\r\n\r\n.\r\nQUIT\r\n");
  CHECK(message == Decoded{"a\r\n.b\r\n..\r\nc\r\n\r\n", true, false, false, "QUIT\r\n"});
  CHECK(at_every_split(".\r\n") == Decoded{"", true, false, false, ""});
  CHECK(at_every_split("\r\n.\r\n.\r\n") == Decoded{"\r\n", true, false, false, ".\r\n"});
  CHECK_FALSE(at_every_split("a\r\n.").done);
  CHECK_FALSE(at_every_split("a.\r\n").done);
}

TEST_CASE("only CR LF . CR LF ends a message", "[smtp]") {
  for (const std::string_view almost : {"a\n.\n", "a\n.\r\n", "a\r\n.\n", "a\r.\r", "a\r.\r\n", "a\r\n.\r", "\n.\r\n",
                                        "a\r\n.\rb", "a\r\r\n.\nb", ".\n"}) {
    INFO(almost);
    const auto seen = at_every_split(std::string(almost) + "x\r\n.\r\n");
    CHECK(seen.done);
    CHECK(seen.bare);
    CHECK(seen.rest.empty());
  }
  // The bare ones are in the message as they came: it is refused, and the log may show them.
  CHECK(at_every_split("a\r\n.\rb\n.\r\n\r\n.\r\n").message == "a\r\n\rb\n.\r\n\r\n");
  CHECK(at_every_split("a\r\r\n.\r\n") == Decoded{"a\r\r\n", true, true, false, ""});
}

TEST_CASE("octets beyond ASCII are noticed", "[smtp]") {
  CHECK(at_every_split("h\xc3\xa4\r\n.\r\n").eight_bit);
  CHECK_FALSE(at_every_split("haha, a line of some length\r\n.\r\n\xc3").eight_bit);
}

TEST_CASE("what is encoded is decoded again", "[smtp]") {
  for (const std::string message : {"", ".", "\r\n", ".\r\n", "a\r\n.\r\n..\r\nb\r\n", "...\r\n.\r\n", "no end"}) {
    INFO(message);
    const auto decoded = at_every_split(encode_data(message));
    CHECK(decoded.done);
    CHECK_FALSE(decoded.bare);
    CHECK(decoded.message == (message.empty() || message.ends_with("\r\n") ? message : message + "\r\n"));
    if (!needs_stuffing(message)) CHECK(encode_data(message) == message + ".\r\n");
  }
  for (const std::string_view message : {"", ".a\r\n.\r\n..b\r\n", "a\n.\n", "a\r", "a\r\n", "a.\n."})
    for (std::size_t cut = 0; cut <= message.size(); ++cut) {
      INFO(message << cut);
      DataEncoder encoder;
      std::string encoded;
      encoder.write(message.substr(0, cut), encoded);
      encoder.write(message.substr(cut), encoded);
      encoder.finish(encoded);
      CHECK(encoded == encode_data(message));
    }
  CHECK(needs_stuffing(".a\r\n"));
  CHECK(needs_stuffing("a\r\n.b\r\n"));
  CHECK(needs_stuffing("a"));
  CHECK_FALSE(needs_stuffing("a.b\r\nc.\r\n"));
}

TEST_CASE("a CR or LF by itself is found in chunks", "[smtp]") {
  const auto bare = [](std::string_view bytes, std::size_t split) {
    LineEndChecker checker;
    checker.feed(bytes.substr(0, split));
    checker.feed({});
    checker.feed(bytes.substr(std::min(split, bytes.size())));
    return checker.bare_cr_or_lf();
  };
  for (std::size_t split = 0; split < 8; ++split) {
    for (const std::string_view good : {"", "a", "\r\n", "a\r\n\r\nb\r\n", "ab\r\ncd"}) CHECK_FALSE(bare(good, split));
    for (const std::string_view bad :
         {"\n", "\r", "a\nb", "a\rb", "\r\r\n", "\r\n\n", "a\r\n\r", "\n\r\n", "a\r\nb\nc"})
      CHECK(bare(bad, split));
  }
}
