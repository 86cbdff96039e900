// Responses of an IMAP server do not depend on how the bytes were split.
#include "common/base/check.h"
#include "ctl/transfer/imap_response.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::transfer;

namespace {

struct Seen {
  std::vector<ImapResponse> responses;
  std::string error;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read(const std::vector<std::string_view>& pieces) {
  ImapResponseReader reader({.line = 4096, .literal = 4096, .literals = 16, .depth = 8});
  Seen seen;
  for (const auto piece : pieces) {
    reader.feed(piece);
    while (auto event = reader.next()) {
      if (!*event) {
        seen.error = event->error();
        QUARTET_CHECK(!seen.error.empty());
        return seen;
      }
      seen.responses.push_back(**std::move(event));
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto input = fuzz::as_text(data + 1, size - 1);
  const auto seen = read({input});
  QUARTET_CHECK(seen == read(fuzz::pieces(input, data[0])));
  for (const auto& response : seen.responses) {
    if (response.kind != ImapResponse::Kind::kContinuation) QUARTET_CHECK(!response.name.empty());
    if (response.is_status()) QUARTET_CHECK(response.values.empty());
  }
  return 0;
}
