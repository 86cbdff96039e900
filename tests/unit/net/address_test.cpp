#include "common/net/address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <catch2/catch.hpp>

using namespace quartet::net;

TEST_CASE("addresses are read and written back", "[net]") {
  for (const char* text : {"192.0.2.1:25", "[2001:db8::1]:25", "[::]:0", "unix:/run/x.sock", "0.0.0.0:65535"}) {
    const auto address = Address::parse(text);
    REQUIRE(address.has_value());
    CHECK(address->to_string() == text);
  }
  CHECK(Address::parse("[2001:DB8:0:0::0001]:25")->to_string() == "[2001:db8::1]:25");
  CHECK(Address::parse("[2001:DB8::1]:25") == Address::parse("[2001:db8:0::1]:25"));
  CHECK(Address::parse("unix:relative")->host() == "relative");
  CHECK(Address().to_string() == "none");
}

TEST_CASE("what is no address is refused, and the error quotes it", "[net]") {
  for (const char* text :
       {"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1:2 5",
        "192.0.2.256:25", "192.0.2:25", "2001:db8::1:25", "[192.0.2.1]:25", "[2001:db8::1]", "[2001:db8::1:25",
        "2001:db8::1]:25", "mx.test:25", "unix:", " 192.0.2.1:25", "[fe80::1%eth0]:25"}) {
    const auto address = Address::parse(text);
    INFO(text);
    REQUIRE_FALSE(address.has_value());
    CHECK(address.error().find('"' + std::string(text) + '"') != std::string::npos);
  }
  CHECK(Address::parse("unix:" + std::string(107, 'x')).has_value());
  CHECK_FALSE(Address::parse("unix:" + std::string(108, 'x')).has_value());
  CHECK_FALSE(Address::parse(std::string("unix:a\0b", 8)).has_value());
  CHECK_FALSE(Address::from_ip("localhost", 1).has_value());
  CHECK_FALSE(Address::parse(std::string("192.0.2.1\0x:25", 14)).has_value());
  CHECK_FALSE(Network::parse(std::string("192.0.2.1\0/24", 13)).has_value());
}

TEST_CASE("address literals for EHLO and Received (RFC 5321 section 4.1.3)", "[net]") {
  CHECK(Address::from_ip("192.0.2.1", 0)->to_literal() == "[192.0.2.1]");
  CHECK(Address::from_ip("2001:db8::1", 0)->to_literal() == "[IPv6:2001:db8::1]");
}

TEST_CASE("addresses of the system and back", "[net]") {
  for (const char* text : {"192.0.2.1:25", "[2001:db8::1]:2525"}) {
    sockaddr_storage storage;
    Address::parse(text)->to_sockaddr(storage);
    CHECK(Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)).to_string() == text);
  }
  // An IPv4 client of an IPv6 socket is an IPv4 client.
  sockaddr_storage storage;
  Address::parse("[::ffff:192.0.2.1]:25")->to_sockaddr(storage);
  CHECK(Address::from_sockaddr(reinterpret_cast<const sockaddr&>(storage)).to_string() == "192.0.2.1:25");
}

TEST_CASE("loopback", "[net]") {
  CHECK(Address::from_ip("127.9.9.9", 0)->is_loopback());
  CHECK(Address::from_ip("::1", 0)->is_loopback());
  CHECK(Address::parse("unix:/x")->is_loopback());
  CHECK_FALSE(Address::from_ip("128.0.0.1", 0)->is_loopback());
  CHECK_FALSE(Address::from_ip("::2", 0)->is_loopback());
  CHECK_FALSE(Address().is_loopback());
}

TEST_CASE("networks", "[net]") {
  struct Case {
    const char* network;
    const char* address;
    bool inside;
  };
  for (const auto& each :
       {Case{"10.0.0.0/8", "10.255.0.1", true}, Case{"10.0.0.0/8", "11.0.0.0", false},
        Case{"192.0.2.128/25", "192.0.2.129", true}, Case{"192.0.2.128/25", "192.0.2.127", false},
        Case{"192.0.2.77/24", "192.0.2.1", true}, Case{"0.0.0.0/0", "198.51.100.1", true},
        Case{"0.0.0.0/0", "::1", false}, Case{"192.0.2.1", "192.0.2.1", true}, Case{"192.0.2.1", "192.0.2.0", false},
        Case{"::1/128", "::1", true}, Case{"2001:db8::/33", "2001:db8:7fff::1", true},
        Case{"2001:db8::/33", "2001:db8:8000::1", false}, Case{"::/0", "2001:db8::1", true},
        Case{"::/0", "192.0.2.1", false}}) {
    const auto network = Network::parse(each.network);
    REQUIRE(network.has_value());
    INFO(each.network << " and " << each.address);
    CHECK(network->contains(*Address::from_ip(each.address, 25)) == each.inside);
  }
  CHECK(Network::parse("unix")->contains(*Address::parse("unix:/any")));
  CHECK_FALSE(Network::parse("unix")->contains(*Address::from_ip("127.0.0.1", 1)));
  CHECK_FALSE(Network::parse("127.0.0.0/8")->contains(*Address::parse("unix:/any")));
  for (const char* bad :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0/8", "x/8", "10.0.0.0/8/8"})
    CHECK_FALSE(Network::parse(bad).has_value());
}
