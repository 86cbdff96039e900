// A large message on its way to a client: piece by piece, so that a client that does not read costs a piece of memory
// and not the message.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/async/task.h"
#include "common/mime/section.h"
#include "common/mime/transfer.h"
#include "common/store/open_message.h"
#include "imapd/output.h"

namespace quartet::imapd {

/// Octets that are read at a time. Messages that are not larger are read whole.
inline constexpr std::size_t kPiece = 256 * 1024;

/// A range of a message, read as it is asked for, and what it decodes to.
class Pieces {
 public:
  Pieces(store::OpenMessage message, mime::ByteRange range, mime::Encoding encoding = mime::Encoding::kBinary);
  /// Empty at the end and only there.
  async::Task<store::Result<std::string>> next();

 private:
  store::OpenMessage message_;
  std::uint64_t next_;
  std::uint64_t end_;
  bool decodes_;
  mime::Decoder decoder_;
};

/// What was begun cannot be ended as it was announced: the client gets no more, and the connection ends.
void cut_short(Output& output, std::string_view account, std::string_view peer, const store::StoreError& error);

}  // namespace quartet::imapd
