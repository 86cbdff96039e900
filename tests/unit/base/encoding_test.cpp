#include "common/base/encoding.h"

#include <catch2/catch.hpp>
#include <random>

using namespace quartet;

TEST_CASE("base64 keeps to the vectors of RFC 4648 section 10", "[base]") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(base64_encode(plain) == encoded);
    CHECK(base64_decode(encoded) == std::string(plain));
  }
}

TEST_CASE("base64 decoding refuses what encoding never writes", "[base]") {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", "Zm 9", "Zg==Zg==", "Z=g=", "Zm9-"}) {
    INFO(bad);
    CHECK_FALSE(base64_decode(bad).has_value());
  }
}

TEST_CASE("what is encoded decodes to itself", "[base]") {
  std::mt19937 random(3);
  for (std::size_t length = 0; length < 200; ++length) {
    std::string bytes(length, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
    CHECK(hex_decode(hex_encode(bytes)) == bytes);
  }
}

TEST_CASE("little-endian integers and counted bytes come back, and short input is refused untouched", "[base]") {
  std::string out;
  put_le<std::uint32_t>(out, 0x01020304);
  put_bytes(out, "abc");
  CHECK(out == std::string("\x04\x03\x02\x01\x03\0\0\0abc", 11));
  for (std::size_t cut = 0; cut < 4; ++cut) {
    std::string_view in(out.data(), cut);
    CHECK_FALSE(take_le<std::uint32_t>(in).has_value());
    CHECK(in.size() == cut);
  }
  for (std::size_t cut = 4; cut < out.size(); ++cut) {
    std::string_view in(out.data() + 4, cut - 4);
    CHECK_FALSE(take_bytes(in).has_value());
    CHECK(in.size() == cut - 4);
  }
  std::string_view in = out;
  CHECK(take_le<std::uint32_t>(in) == 0x01020304u);
  CHECK(take_bytes(in) == "abc");
  CHECK(in.empty());
}
