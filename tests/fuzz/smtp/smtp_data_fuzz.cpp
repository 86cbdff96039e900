// The end of a message and its octets do not depend on how the bytes were split; a decoded message, encoded, is decoded
// to the same.
#include "common/base/check.h"
#include "common/smtp/data_decoder.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

struct Decoded {
  std::string message;
  std::size_t used = 0;
  bool done = false;
  bool bare = false;
  bool eight_bit = false;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

Decoded decode(const std::vector<std::string_view>& pieces) {
  DataDecoder decoder;
  Decoded out;
  for (const auto piece : pieces) {
    const auto used = decoder.decode(piece, out.message);
    out.used += used;
    if (decoder.done()) break;
    QUARTET_CHECK(used == piece.size());
  }
  out.done = decoder.done();
  out.bare = decoder.bare_cr_or_lf();
  out.eight_bit = decoder.eight_bit();
  return out;
}

bool bare_in(const std::vector<std::string_view>& pieces) {
  LineEndChecker checker;
  for (const auto piece : pieces) checker.feed(piece);
  return checker.bare_cr_or_lf();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = fuzz::as_text(data + 1, size - 1);
  const auto whole = decode({input});
  QUARTET_CHECK(whole == decode(fuzz::pieces(input, data[0])));
  const bool bare = bare_in({input});
  QUARTET_CHECK(bare == bare_in(fuzz::pieces(input, data[0])));
  if (whole.done) {
    QUARTET_CHECK(input.substr(0, whole.used).ends_with(".\r\n"));
    QUARTET_CHECK(whole.bare == bare_in({whole.message}));
  }
  // Any octets, as a message to send.
  const auto encoded = encode_data(input);
  DataEncoder encoder;
  std::string in_pieces;
  for (const auto piece : fuzz::pieces(input, data[0])) encoder.write(piece, in_pieces);
  encoder.finish(in_pieces);
  QUARTET_CHECK(in_pieces == encoded);
  const auto back = decode({encoded});
  QUARTET_CHECK(back.used == encoded.size() || bare);
  if (bare) return 0;
  QUARTET_CHECK(back.done && !back.bare);
  QUARTET_CHECK(back.message ==
                (input.empty() || input.ends_with("\r\n") ? std::string(input) : std::string(input) + "\r\n"));
  if (!needs_stuffing(input)) QUARTET_CHECK(encoded == std::string(input) + ".\r\n");
  return 0;
}
