#include "imapd/message_pieces.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"

namespace quartet::imapd {

Pieces::Pieces(store::OpenMessage message, mime::ByteRange range, mime::Encoding encoding)
    : message_(std::move(message)),
      next_(range.offset),
      end_(range.offset + range.size),
      decodes_(encoding == mime::Encoding::kBase64 || encoding == mime::Encoding::kQuotedPrintable),
      decoder_(encoding) {}

async::Task<store::Result<std::string>> Pieces::next() {
  while (next_ < end_) {
    auto piece = co_await message_.read(next_, std::min<std::uint64_t>(kPiece, end_ - next_));
    if (!piece) co_return piece;
    // The range is the index's, the end of the message the store's.
    next_ = piece->empty() ? end_ : next_ + piece->size();
    if (!decodes_) co_return piece;
    std::string decoded;
    decoder_.write(*piece, decoded);
    if (next_ == end_) decoder_.finish(decoded);
    if (!decoded.empty()) co_return decoded;
  }
  co_return std::string();
}

void cut_short(Output& output, std::string_view account, std::string_view peer, const store::StoreError& error) {
  log::error("imap.cut_short",
             {{"account", account}, {"peer", peer}, {"error", store::to_string(error.code)}, {"reason", error.detail}});
  output.give_up();
}

}  // namespace quartet::imapd
