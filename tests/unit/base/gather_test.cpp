#include "common/base/gather.h"

#include <catch2/catch.hpp>
#include <random>

using namespace quartet;

namespace {

/// So many octets, no two stretches of which are alike.
std::string some_bytes(std::size_t size) {
  std::mt19937_64 random(size);
  std::string bytes;
  while (bytes.size() < size) bytes += std::to_string(random());
  bytes.resize(size);
  return bytes;
}

}  // namespace

TEST_CASE("pieces are gathered in order, whatever was announced", "[base]") {
  const auto whole = some_bytes(9'000'001);
  for (const std::uint64_t announced : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{5'000'000},
                                        std::uint64_t{9'000'001}, std::uint64_t{20'000'000}, ~std::uint64_t{0}}) {
    INFO(announced);
    std::mt19937 random(7);
    std::string gathered;
    for (std::string_view rest = whole; !rest.empty();) {
      const auto piece = rest.substr(0, random() % 100'000);
      gather(gathered, piece, announced);
      rest.remove_prefix(piece.size());
    }
    CHECK((gathered == whole));
  }
}

TEST_CASE("an announcement sets nothing aside, a quarter of it does for all", "[base]") {
  constexpr std::size_t kAnnounced = 8'000'000;
  const auto whole = some_bytes(kAnnounced);
  std::string gathered;
  gather(gathered, std::string_view(whole).substr(0, 1000), kAnnounced);
  CHECK(gathered.capacity() < kAnnounced / 100);
  gather(gathered, std::string_view(whole).substr(1000, kAnnounced / 4), kAnnounced);
  gather(gathered, std::string_view(whole).substr(1000 + kAnnounced / 4, 1), kAnnounced);
  CHECK(gathered.capacity() >= kAnnounced);
  CHECK(gathered.capacity() < 2 * kAnnounced);
  const auto* place = gathered.data();
  gather(gathered, std::string_view(whole).substr(gathered.size()), kAnnounced);
  CHECK(gathered.data() == place);
  CHECK((gathered == whole));
}

TEST_CASE("what is there stays when room is set aside", "[base]") {
  std::string bytes = some_bytes(100'000);
  const auto before = bytes;
  set_aside(bytes, 10'000'000);
  CHECK(bytes.capacity() >= 10'000'000);
  CHECK((bytes == before));
  set_aside(bytes, 10);
  CHECK(bytes.capacity() >= 10'000'000);
}
