#include "common/net/proxied.h"

#include "common/net/proxy_protocol.h"

namespace quartet::net {
namespace {

/// The balancer's connection with the addresses of the client's.
class ProxiedStream final : public Stream {
 public:
  ProxiedStream(std::unique_ptr<Stream> under, const ProxyHeader& header, std::string early)
      : under_(std::move(under)),
        peer_(header.client.value_or(under_->peer())),
        local_(header.server.value_or(under_->local())),
        early_(std::move(early)) {}

  async::Task<std::expected<std::string_view, IoError>> read_some(async::Deadline deadline) override {
    if (early_.empty()) {
      given_.clear();
      co_return co_await under_->read_some(deadline);
    }
    given_ = std::exchange(early_, {});
    co_return given_;
  }
  async::Task<std::expected<void, IoError>> write(std::string_view bytes, async::Deadline deadline) override {
    return under_->write(bytes, deadline);
  }
  async::Task<std::expected<void, IoError>> shutdown(async::Deadline deadline) override {
    return under_->shutdown(deadline);
  }
  const Address& local() const override { return local_; }
  const Address& peer() const override { return peer_; }

 private:
  std::unique_ptr<Stream> under_;
  Address peer_;
  Address local_;
  std::string early_;  // what came along with the header
  std::string given_;  // of that, what the reader looks at
};

}  // namespace

async::Task<StreamResult> accept_proxied(std::unique_ptr<Stream> stream, async::Deadline deadline) {
  ProxyParser parser;
  for (;;) {
    const auto bytes = co_await stream->read_some(deadline);
    if (!bytes) co_return std::unexpected(bytes.error());
    parser.feed(*bytes);
    const auto header = parser.next();
    if (!header) continue;
    if (!*header) co_return std::unexpected(IoError{IoCode::kSystem, to_string(header->error())});
    std::string early(parser.unconsumed());
    co_return std::make_unique<ProxiedStream>(std::move(stream), **header, std::move(early));
  }
}

}  // namespace quartet::net
