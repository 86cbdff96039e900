// The packet codec against packets made by hand, so that ldns does not check itself.
#include "common/dns/codec.h"

#include <catch2/catch.hpp>

#include "tests/unit/dns/packet.h"

using namespace quartet::dns;
using quartet::dns::testing::Packet;

TEST_CASE("a query asks for recursion and announces EDNS0", "[dns]") {
  const auto query = encode_query({"b.example", Type::kMx}, {.id = 0x1234, .authentic_data = true});
  REQUIRE(query);
  const std::string header("\x12\x34\x01\x20\0\1\0\0\0\0\0\1", 12);
  const std::string question("\1b\7example\0\0\x0f\0\1", 15);
  const std::string opt("\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
  CHECK(*query == header + question + opt);
}

TEST_CASE("without EDNS0 a query has no additional record", "[dns]") {
  const auto query = encode_query({"b.example", Type::kA}, {.id = 1, .udp_payload = {}});
  REQUIRE(query);
  CHECK(query->size() == 12 + 15);
  CHECK_FALSE(encode_query({std::string(64, 'a') + ".example", Type::kA}, {}));
}

TEST_CASE("every record type is read", "[dns]") {
  Packet packet(7, 0x8580, "B.Example", Type::kMx);
  packet.answer("b.example", Type::kMx, 300, Packet::u16(10) + Packet::name("MX1.b.example"));
  packet.answer("b.example", Type::kA, 60, std::string("\xc0\0\2\1", 4));
  packet.answer("b.example", Type::kAaaa, 60, std::string("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16));
  packet.answer("b.example", Type::kTxt, 60, std::string("\5v=spf\4 -al\1l", 13));
  packet.answer("_25._tcp.b.example", Type::kTlsa, 60, std::string("\3\1\1\xaa\xbb", 5));
  packet.answer("x.b.example", Type::kCname, 60, Packet::name("b.example"));
  packet.answer("1.2.0.192.in-addr.arpa", Type::kPtr, 60, Packet::name("b.example"));
  const auto message = decode_answer(packet.bytes());
  REQUIRE(message);
  CHECK(message->id == 7);
  CHECK(message->authoritative);
  CHECK_FALSE(message->authentic);
  CHECK(message->question == Question{"b.example", Type::kMx});
  REQUIRE(message->answers.size() == 7);
  CHECK(message->answers[0] == Record{"b.example", Type::kMx, 300, Mx{10, "mx1.b.example"}});
  CHECK(std::get<std::string>(message->answers[1].data) == "192.0.2.1");
  CHECK(std::get<std::string>(message->answers[2].data) == "2001:db8::1");
  CHECK(std::get<std::string>(message->answers[3].data) == "v=spf -all");
  CHECK(std::get<Tlsa>(message->answers[4].data) == Tlsa{3, 1, 1, "\xaa\xbb"});
  CHECK(std::get<std::string>(message->answers[5].data) == "b.example");
  CHECK(message->answers[6].type == Type::kPtr);
}

TEST_CASE("an IPv4 address in an AAAA record is one", "[dns]") {
  Packet packet(7, 0x8580, "b.example", Type::kAaaa);
  packet.answer("b.example", Type::kAaaa, 60, std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16));
  const auto message = decode_answer(packet.bytes());
  REQUIRE(message);
  REQUIRE(message->answers.size() == 1);
  CHECK(std::get<std::string>(message->answers[0].data) == "192.0.2.1");
}

TEST_CASE("null MX and unknown types", "[dns]") {
  Packet packet(7, 0x8180, "b.example", Type::kMx);
  packet.answer("b.example", Type::kMx, 300, Packet::u16(0) + std::string(1, '\0'));
  packet.answer("b.example", static_cast<Type>(65400), 300, "anything");
  const auto message = decode_answer(packet.bytes());
  REQUIRE(message);
  REQUIRE(message->answers.size() == 1);
  CHECK(std::get<Mx>(message->answers[0].data).exchange == ".");
}

TEST_CASE("a TTL with the highest bit set counts as zero", "[dns]") {  // RFC 2181 section 8
  Packet packet(7, 0x8180, "b.example", Type::kA);
  packet.answer("b.example", Type::kA, 0x80000001U, std::string("\xc0\0\2\1", 4));
  CHECK(decode_answer(packet.bytes())->answers.at(0).ttl == 0);
}

TEST_CASE("flags and codes", "[dns]") {
  Packet packet(9, 0x8223 | 0x0020, "nowhere.example", Type::kA);
  packet.authority("example", Type::kSoa, 60,
                   Packet::name("ns.example") + Packet::name("h.example") +
                       std::string("\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 20));
  const auto message = decode_answer(packet.bytes());
  REQUIRE(message);
  CHECK(message->truncated);
  CHECK(message->authentic);
  CHECK(message->code == ResponseCode::kNoSuchDomain);
  CHECK(std::get<Soa>(message->authority.at(0).data).minimum == 5);
  CHECK_FALSE(message->referral);
}

TEST_CASE("name servers without an SOA are a referral", "[dns]") {
  Packet packet(9, 0x8000, "b.example", Type::kMx);
  packet.authority("example", static_cast<Type>(2), 60, Packet::name("ns.example"));
  CHECK(decode_answer(packet.bytes())->referral);
}

TEST_CASE("what is no answer is refused", "[dns]") {
  Packet packet(7, 0x8180, "b.example", Type::kMx);
  packet.answer("b.example", Type::kMx, 300, Packet::u16(10) + Packet::name("mx.b.example"));
  const std::string whole = packet.bytes();
  REQUIRE(decode_answer(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(decode_answer(whole.substr(0, size)));
  CHECK_FALSE(decode_answer(std::string(64, '\xff')));
  CHECK_FALSE(decode_answer(Packet(7, 0x0100, "b.example", Type::kMx).bytes()));  // a query
  CHECK_FALSE(decode_answer(Packet(7, 0xa800, "b.example", Type::kMx).bytes()));  // a response to an update
  std::string loop = Packet(7, 0x8180, "b.example", Type::kMx).bytes();
  loop.replace(12, 2, "\xc0\x0c");  // a name that points to itself
  CHECK_FALSE(decode_answer(loop));
  CHECK_FALSE(decode_answer(std::string(70000, '\0')));
}

TEST_CASE("names in canonical form", "[dns]") {
  CHECK(canonical_name("MX.B.Example.") == "mx.b.example");
  CHECK(canonical_name("_25._tcp.x") == "_25._tcp.x");
  CHECK_FALSE(canonical_name(""));
  CHECK_FALSE(canonical_name("."));
  CHECK_FALSE(canonical_name("a..b"));
  CHECK_FALSE(canonical_name("a b.example"));
  CHECK_FALSE(canonical_name("b\xc3\xbc.example"));
  CHECK_FALSE(canonical_name(std::string(64, 'a')));
  std::string longest(63, 'a');
  for (int i = 0; i < 3; ++i) longest += "." + std::string(63, 'a');
  CHECK_FALSE(canonical_name(longest));
  CHECK(canonical_name(longest.substr(2)));
}

TEST_CASE("reverse names", "[dns]") {
  CHECK(reverse_name("192.0.2.1") == "1.2.0.192.in-addr.arpa");
  CHECK(reverse_name("2001:db8::1") == "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  CHECK_FALSE(reverse_name("mx.b.example"));
}
