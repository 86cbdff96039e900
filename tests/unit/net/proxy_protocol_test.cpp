#include "common/net/proxy_protocol.h"

#include <catch2/catch.hpp>

#include "common/async/loop.h"
#include "common/net/proxied.h"

using namespace quartet;
using namespace quartet::net;

namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string binary(char command, char family, const std::string& rest) {
  return kSignature + command + family + static_cast<char>(rest.size() >> 8) + static_cast<char>(rest.size() & 0xff) +
         rest;
}

struct Parsed {
  std::string client = "more";  // "more": nothing yet, "bad", "none"
  std::string server;
  std::string rest;
};

Parsed parse(const std::string& input, std::size_t cut = 1) {
  ProxyParser parser;
  for (std::size_t at = 0; at < input.size(); at += cut) {
    parser.feed(std::string_view(input).substr(at, cut));
    const auto header = parser.next();
    if (!header) continue;
    if (!*header) return {"bad", "", ""};
    const auto text = [](const std::optional<Address>& address) { return address ? address->to_string() : "none"; };
    const std::size_t fed = std::min(input.size(), at + cut);
    return {text((*header)->client), text((*header)->server), std::string(parser.unconsumed()) + input.substr(fed)};
  }
  return {};
}

async::Task<std::string> first_octets(const std::string& input) {
  auto ends = make_pipe();
  const auto sent = co_await ends.second->write(input, async::Deadline::after(std::chrono::seconds(5)));
  if (!sent) co_return "not sent";
  auto stream = co_await accept_proxied(std::move(ends.first), async::Deadline::after(std::chrono::milliseconds(50)));
  if (!stream) co_return to_string(stream.error());
  const auto bytes = co_await (*stream)->read_some(async::Deadline::after(std::chrono::seconds(5)));
  co_return (*stream)->peer().to_string() + " " + std::string(bytes.value_or("nothing"));
}

}  // namespace

TEST_CASE("version 1, however it was cut", "[net]") {
  const std::size_t cut = GENERATE(1, 2, 7, 200);
  const auto v4 = parse("PROXY TCP4 192.0.2.7 198.51.100.1 4000 25\r\nEHLO x\r\n", cut);
  CHECK(v4.client == "192.0.2.7:4000");
  CHECK(v4.server == "198.51.100.1:25");
  CHECK(v4.rest == "EHLO x\r\n");
  const auto v6 = parse("PROXY TCP6 2001:db8::7 2001:db8::1 4000 25\r\n", cut);
  CHECK(v6.client == "[2001:db8::7]:4000");
  // HAProxy says so of an IPv4 client that came to an IPv6 socket.
  const auto mapped = parse("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 4000 25\r\n", cut);
  CHECK(mapped.client == "192.0.2.7:4000");
  CHECK(mapped.server == "198.51.100.1:25");
  CHECK(parse("PROXY UNKNOWN\r\nhi", cut).client == "none");
  CHECK(parse("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nhi", cut).rest == "hi");
}

TEST_CASE("what is no header of version 1", "[net]") {
  for (const char* bad :
       {"EHLO x\r\n", "proxy TCP4 192.0.2.7 198.51.100.1 4000 25\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 4000\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 4000 25\r\n", "PROXY TCP6 192.0.2.7 198.51.100.1 4000 25\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 4000 65536\r\n", "PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 000025 2\r\n", "PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n", "PROXY \r\n"}) {
    INFO(bad);
    CHECK(parse(bad).client == "bad");
  }
  CHECK(parse("PROXY UNKNOWN " + std::string(200, 'x')).client == "bad");
  CHECK(parse("PROXY UNKNOWN " + std::string(200, 'x'), 500).client == "bad");
  CHECK(parse("PROXY TCP4 192.0.2.7").client == "more");
}

TEST_CASE("version 2, however it was cut", "[net]") {
  const std::size_t cut = GENERATE(1, 5, 16, 300);
  const std::string v4("\xc0\x00\x02\x07\xc6\x33\x64\x01\x0f\xa0\x00\x19", 12);
  const auto plain = parse(binary('\x21', '\x11', v4) + "hi", cut);
  CHECK(plain.client == "192.0.2.7:4000");
  CHECK(plain.server == "198.51.100.1:25");
  CHECK(plain.rest == "hi");
  // Additions (TLVs) are passed over.
  const auto more = parse(binary('\x21', '\x11', v4 + std::string("\x04\x00\x02zz", 5)) + "hi", cut);
  CHECK(more.client == "192.0.2.7:4000");
  CHECK(more.rest == "hi");
  const std::string end("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
  const auto v6 = parse(binary('\x21', '\x21', end + end + std::string("\x0f\xa0\x00\x19", 4)), cut);
  CHECK(v6.client == "[2001:db8::7]:4000");
  CHECK(v6.server == "[2001:db8::7]:25");
  const std::string mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07", 16);
  CHECK(parse(binary('\x21', '\x21', mapped + end + std::string("\x0f\xa0\x00\x19", 4)), cut).client ==
        "192.0.2.7:4000");
  CHECK(parse(binary('\x20', '\0', "") + "hi", cut).client == "none");  // LOCAL
  CHECK(parse(binary('\x20', '\x11', v4) + "hi", cut).client == "none");
  CHECK(parse(binary('\x21', '\x31', std::string(216, 'x')), cut).client == "none");  // UNIX sockets
}

TEST_CASE("what is no header of version 2", "[net]") {
  const std::string v4(12, 'x');
  CHECK(parse(binary('\x11', '\x11', v4)).client == "bad");
  CHECK(parse(binary('\x22', '\x11', v4)).client == "bad");
  CHECK(parse(binary('\x21', '\x11', v4.substr(1))).client == "bad");
  CHECK(parse(binary('\x21', '\x21', v4)).client == "bad");
  CHECK(parse(binary('\x21', '\x11', std::string(5000, 'x'))).client == "bad");
  CHECK(parse(binary('\x21', '\x11', v4).substr(0, 20)).client == "more");
  CHECK(parse("\r\n\r\nEHLO x\r\n").client == "bad");
}

TEST_CASE("a stream with the client's address, and what the client said", "[net]") {
  async::Loop loop;
  CHECK(loop.block_on(first_octets("PROXY TCP4 192.0.2.7 198.51.100.1 4000 25\r\nEHLO x\r\n")) ==
        "192.0.2.7:4000 EHLO x\r\n");
  CHECK(loop.block_on(first_octets("EHLO x\r\n")).ends_with("no PROXY header"));
  CHECK(loop.block_on(first_octets("PROXY TCP4 192.0.2.7")) == "timed out");
}
