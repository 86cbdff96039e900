#include "imapd/pop3_transfer.h"

#include <string>
#include <string_view>
#include <utility>

#include "common/mime/downgrade.h"
#include "common/smtp/data_decoder.h"
#include "imapd/message_pieces.h"
#include "imapd/proto/pop3_command.h"

namespace quartet::imapd {
namespace {

class Transfer {
 public:
  Transfer(Output& output, store::OpenMessage message, std::optional<std::uint32_t> lines)
      : output_(output), message_(std::move(message)) {
    if (lines) top_.emplace(*lines);
  }

  /// Nothing of what follows would be sent.
  bool over() const { return output_.failed() || (top_ && top_->done()); }

  /// What the message has before `header`, and it, in ASCII if it has to be.
  async::Task<store::Result<void>> pass(mime::ByteRange header) {
    auto sent = co_await send_until(header.offset);
    if (!sent || over()) co_return sent;
    const auto bytes = co_await message_.read(header.offset, header.size);
    if (!bytes) co_return std::unexpected(bytes.error());
    const auto made = mime::downgrade_header(*bytes);
    encode(made ? *made : *bytes);
    co_await output_.send(encoded_);
    next_ = header.offset + header.size;
    co_return store::Result<void>();
  }

  async::Task<store::Result<void>> finish() {
    auto sent = co_await send_until(message_.size());
    if (!sent) co_return sent;
    std::string end;
    encoder_.finish(end);
    co_await output_.send(end);
    co_return store::Result<void>();
  }

 private:
  async::Task<store::Result<void>> send_until(std::uint64_t end) {
    Pieces pieces(message_, {next_, end - next_});
    while (!over()) {
      {
        const auto piece = co_await pieces.next();
        if (!piece) co_return std::unexpected(piece.error());
        if (piece->empty()) break;
        encode(*piece);
      }
      co_await output_.send(encoded_);
    }
    next_ = end;
    co_return store::Result<void>();
  }

  void encode(std::string_view bytes) {
    encoded_.clear();
    encoder_.write(top_ ? top_->take(bytes) : bytes, encoded_);
  }

  Output& output_;
  store::OpenMessage message_;
  std::optional<Top> top_;
  smtp::DataEncoder encoder_;
  std::string encoded_;     // what goes out next
  std::uint64_t next_ = 0;  // what has not been sent yet
};

}  // namespace

async::Task<store::Result<void>> transfer(Output& output, store::OpenMessage message,
                                          std::vector<mime::ByteRange> headers, std::optional<std::uint32_t> lines) {
  Transfer all(output, std::move(message), lines);
  for (std::size_t n = 0; n < headers.size() && !all.over(); ++n) {
    const auto passed = co_await all.pass(headers[n]);
    if (!passed) co_return passed;
  }
  co_return co_await all.finish();
}

}  // namespace quartet::imapd
