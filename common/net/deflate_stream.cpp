#include "common/net/deflate_stream.h"

#include <zlib.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "common/async/wait.h"
#include "common/base/check.h"

namespace quartet::net {
namespace {

// Negative: raw DEFLATE, without zlib's header (RFC 4978 section 3). Peers may use all 32 KiB of window; to what we
// send half of it and a quicker level lose little, and a session keeps 80 KiB instead of 256.
constexpr int kInWindow = -15;
constexpr int kOutWindow = -14;
constexpr int kOutMemory = 6;
constexpr int kOutLevel = 4;
constexpr std::size_t kPiece = 16 * 1024;
// What arrived at once may expand to its thousandfold: the loop's other sessions get their turn in between.
constexpr unsigned kPiecesATurn = 16;

class DeflateStream final : public Stream {
 public:
  explicit DeflateStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {
    QUARTET_CHECK(inflateInit2(&in_, kInWindow) == Z_OK);
    QUARTET_CHECK(deflateInit2(&out_, kOutLevel, Z_DEFLATED, kOutWindow, kOutMemory, Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~DeflateStream() override {
    inflateEnd(&in_);
    deflateEnd(&out_);
  }
  DeflateStream(const DeflateStream&) = delete;
  DeflateStream& operator=(const DeflateStream&) = delete;

  async::Task<std::expected<std::string_view, IoError>> read_some(async::Deadline deadline) override {
    for (;;) {
      // A full piece may have left more behind, without any new input.
      if (in_.avail_in > 0 || more_) {
        const auto expanded = expand();
        if (!expanded) co_return std::unexpected(IoError{IoCode::kReset, "not DEFLATE data"});
        if (*expanded > 0) {
          if (++pieces_ % kPiecesATurn == 0) co_await async::yield();
          co_return std::string_view(expanded_.data(), *expanded);
        }
      }
      const auto bytes = co_await inner_->read_some(deadline);
      if (!bytes) co_return std::unexpected(bytes.error());
      received_.assign(*bytes);
      in_.next_in = reinterpret_cast<Bytef*>(received_.data());
      in_.avail_in = static_cast<uInt>(received_.size());
    }
  }

  async::Task<std::expected<void, IoError>> write(std::string_view bytes, async::Deadline deadline) override {
    out_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    out_.avail_in = static_cast<uInt>(bytes.size());
    std::array<char, kPiece> piece;
    do {
      out_.next_out = reinterpret_cast<Bytef*>(piece.data());
      out_.avail_out = kPiece;
      const int done = ::deflate(&out_, Z_SYNC_FLUSH);
      QUARTET_CHECK(done == Z_OK || done == Z_BUF_ERROR);
      const std::string_view made(piece.data(), kPiece - out_.avail_out);
      if (made.empty()) break;
      auto sent = co_await inner_->write(made, deadline);
      if (!sent) co_return sent;
    } while (out_.avail_out == 0);
    co_return std::expected<void, IoError>();
  }

  async::Task<std::expected<void, IoError>> shutdown(async::Deadline deadline) override {
    co_return co_await inner_->shutdown(deadline);
  }

  const Address& local() const override { return inner_->local(); }
  const Address& peer() const override { return inner_->peer(); }
  const TlsInfo* tls() const override { return inner_->tls(); }
  std::string channel_binding(std::string_view type) const override { return inner_->channel_binding(type); }

 private:
  /// How many octets came out into expanded_; nullopt: the peer does not send DEFLATE data.
  std::optional<std::size_t> expand() {
    in_.next_out = reinterpret_cast<Bytef*>(expanded_.data());
    in_.avail_out = kPiece;
    const int done = inflate(&in_, Z_SYNC_FLUSH);
    more_ = in_.avail_out == 0;
    // Nothing may follow the last block, which no peer has a reason to send.
    if (done != Z_OK && done != Z_BUF_ERROR) return std::nullopt;
    return kPiece - in_.avail_out;
  }

  std::unique_ptr<Stream> inner_;
  z_stream in_{};
  z_stream out_{};
  std::string received_;
  std::array<char, kPiece> expanded_;
  bool more_ = false;
  unsigned pieces_ = 0;
};

}  // namespace

std::unique_ptr<Stream> deflate(std::unique_ptr<Stream> stream) {
  return std::make_unique<DeflateStream>(std::move(stream));
}

}  // namespace quartet::net
