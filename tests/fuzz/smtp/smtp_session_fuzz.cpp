// A whole session of the server, DATA and BDAT framing included: what it says does not depend on how the bytes were
// split, and each message that it takes is one that the client meant.
#include "common/async/task_group.h"
#include "common/base/check.h"
#include "common/log/log.h"
#include "common/smtp/data_decoder.h"
#include "common/smtp/server_session.h"
#include "tests/fuzz/smtp/split.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

struct Took {
  std::string said;
  std::vector<std::string> messages;
  friend bool operator==(const Took&, const Took&) = default;
};

class Sink final : public MessageSink {
 public:
  Sink(std::vector<std::string>& messages, std::size_t replies, bool binary)
      : messages_(messages), replies_(replies), binary_(binary) {}
  async::Task<std::expected<void, Reply>> write(std::string bytes) override {
    bytes_ += bytes;
    co_return std::expected<void, Reply>();
  }
  async::Task<std::vector<Reply>> finish() override {
    LineEndChecker checker;
    checker.feed(bytes_);
    QUARTET_CHECK(binary_ || !checker.bare_cr_or_lf());
    messages_.push_back(std::move(bytes_));
    co_return std::vector<Reply>(replies_, Reply(250, "2.0.0", "taken"));
  }

 private:
  std::vector<std::string>& messages_;
  std::size_t replies_;
  bool binary_;
  std::string bytes_;
};

class Agent final : public Handler {
 public:
  Agent(std::vector<std::string>& messages, bool lmtp) : messages_(messages), lmtp_(lmtp) {}
  async::Task<Reply> on_open(const Peer&) override { co_return Reply(220, "", ""); }
  async::Task<Reply> on_mail(const Peer&, const MailParameters&) override { co_return Reply(250, "2.1.0", "ok"); }
  async::Task<Reply> on_rcpt(const Peer&, const Transaction&, const RcptParameters& rcpt) override {
    if (rcpt.forward_path.starts_with("u")) co_return Reply(550, "5.1.1", "unknown");
    co_return Reply(250, "2.1.5", "ok");
  }
  async::Task<std::expected<std::unique_ptr<MessageSink>, Reply>> on_message(const Peer&,
                                                                             const Transaction& transaction) override {
    QUARTET_CHECK(!transaction.recipients.empty());
    co_return std::make_unique<Sink>(messages_, lmtp_ ? transaction.recipients.size() : 1,
                                     transaction.mail.body == Body::kBinaryMime);
  }
  async::Task<Reply> on_auth(const Peer&, sasl::Claim& claim) override {
    co_return claim.authentication == "a" ? Reply(235, "2.7.0", "ok") : Reply(535, "5.7.8", "no");
  }

 private:
  std::vector<std::string>& messages_;
  bool lmtp_;
};

async::Task<void> run_server(std::unique_ptr<net::Stream> stream, const ServerOptions& options, Handler& handler) {
  co_await serve(std::move(stream), options, handler);
}

async::Task<void> say_all(net::Stream& stream, const std::vector<std::string_view>& pieces) {
  for (const auto piece : pieces) {
    const auto sent = co_await stream.write(piece, async::Deadline::never());
    if (!sent) co_return;
    co_await async::yield();
  }
  co_await stream.shutdown(async::Deadline::never());
}

async::Task<void> talk(const ServerOptions& options, const std::vector<std::string_view>& pieces, Took& took) {
  Agent agent(took.messages, options.features.lmtp);
  auto [mine, theirs] = net::make_pipe();
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, agent));
  group.spawn(say_all(*mine, pieces));
  for (;;) {
    const auto bytes = co_await mine->read_some(async::Deadline::never());
    if (!bytes) break;
    took.said += *bytes;
  }
  co_await group.join();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  log::set_level(log::Level::kError);  // each refusal is a line
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto input = fuzz::as_text(data + 2, size - 2);
  ServerOptions options;
  options.features.hostname = "mx.test";
  options.features.lmtp = (data[1] & 1) != 0;
  options.features.auth_in_clear = true;
  options.features.xclient = options.features.xforward = options.features.priority = true;
  options.features.deliver_by.emplace();
  options.features.mechanisms = {"PLAIN", "LOGIN"};
  options.features.limits.message_size = 200;
  options.features.limits.errors_until_slow = 1000;
  Took whole;
  Took split;
  async::Loop().block_on(talk(options, {input}, whole));
  async::Loop().block_on(talk(options, fuzz::pieces(input, data[0]), split));
  QUARTET_CHECK(whole == split);
  for (const auto& message : whole.messages) QUARTET_CHECK(message.size() <= 200);
  return 0;
}
