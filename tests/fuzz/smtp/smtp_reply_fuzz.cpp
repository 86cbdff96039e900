// Replies do not depend on how the bytes were split, and what is written is read back.
#include "common/base/check.h"
#include "common/smtp/reply.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

struct Seen {
  std::vector<Reply> replies;
  std::optional<ReplyError> error;
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen read(const std::vector<std::string_view>& pieces) {
  ReplyParser parser;
  Seen seen;
  for (const auto piece : pieces) {
    parser.feed(piece);
    while (auto event = parser.next()) {
      if (!*event) {
        seen.error = event->error();
        return seen;
      }
      seen.replies.push_back(**std::move(event));
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
  for (const auto& reply : seen.replies) {
    QUARTET_CHECK(reply.code >= 200 && reply.code <= 599 && !reply.lines.empty());
    // Control characters are changed once, by the first writing.
    const auto text = format(reply);
    const auto back = read({text});
    if (back.error) continue;  // a line grew past the limit by its enhanced code
    QUARTET_CHECK(back.replies.size() == 1);
    QUARTET_CHECK(format(back.replies[0]) == text);
  }
  return 0;
}
