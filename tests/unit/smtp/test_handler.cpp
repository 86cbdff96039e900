#include "tests/unit/smtp/test_handler.h"

namespace quartet::smtp::test {
namespace {

class Sink final : public MessageSink {
 public:
  Sink(TestHandler& handler, TestHandler::Message message, bool lmtp)
      : handler_(handler), message_(std::move(message)), lmtp_(lmtp) {}

  async::Task<std::expected<void, Reply>> write(std::string bytes) override {
    if (message_.transaction.mail.reverse_path.starts_with("diskfull@"))
      co_return std::unexpected(Reply(452, "4.3.1", "the disk is full"));
    message_.bytes += bytes;
    co_return std::expected<void, Reply>();
  }

  async::Task<std::vector<Reply>> finish() override {
    const Reply taken(250, "2.0.0", "took " + std::to_string(message_.bytes.size()) + " octets");
    std::vector<Reply> replies;
    for (const auto& recipient : message_.transaction.recipients) {
      const bool full = lmtp_ && recipient.forward_path.starts_with("full@");
      replies.push_back(full ? Reply(452, "4.2.2", "the mailbox is full") : taken);
    }
    if (!lmtp_) replies = {taken};
    handler_.messages.push_back(std::move(message_));
    co_return replies;
  }

 private:
  TestHandler& handler_;
  TestHandler::Message message_;
  bool lmtp_;
};

}  // namespace

async::Task<Reply> TestHandler::on_open(const Peer&) { co_return open; }

async::Task<Reply> TestHandler::on_mail(const Peer&, const MailParameters& mail) {
  if (mail.reverse_path.starts_with("refused@")) co_return Reply(550, "5.7.1", "not from you");
  co_return Reply(250, "2.1.0", "sender ok");
}

async::Task<Reply> TestHandler::on_rcpt(const Peer&, const Transaction&, const RcptParameters& rcpt) {
  if (rcpt.forward_path.starts_with("unknown@")) co_return Reply(550, "5.1.1", "no such user");
  if (rcpt.forward_path.starts_with("busy@")) co_return Reply(450, "4.2.1", "try later");
  co_return Reply(250, "2.1.5", "recipient ok");
}

async::Task<std::expected<std::unique_ptr<MessageSink>, Reply>> TestHandler::on_message(
    const Peer& peer, const Transaction& transaction) {
  if (transaction.mail.reverse_path.starts_with("nodata@"))
    co_return std::unexpected(Reply(451, "4.3.0", "no message now"));
  Message message{transaction, {}, peer.hello, peer.login, peer.tls != nullptr};
  co_return std::make_unique<Sink>(*this, std::move(message), lmtp_);
}

async::Task<Reply> TestHandler::on_atrn(const Peer&, const std::vector<std::string>& domains) {
  if (domains == std::vector<std::string>{"none.test"}) co_return Reply(453, "4.2.0", "you have no mail");
  co_return Reply(250, "2.0.0", "your turn");
}

async::Task<void> TestHandler::on_turned(const Peer&, std::unique_ptr<net::Stream> stream) {
  ClientOptions options;
  options.hostname = "mx.test";
  options.starttls = StartTls::kNever;
  auto session = co_await ClientSession::open(std::move(stream), std::move(options));
  if (!session) co_return;
  OutboundTransaction letter;
  letter.reverse_path = "a@mx.test";
  letter.recipients = {{"b@c.test", 0, {}}};
  letter.message = "Subject: turned\r\n\r\nhello\r\n";
  auto result = co_await (*session)->send(letter);
  turned = std::move(result);
  co_await (*session)->quit();
}

async::Task<Reply> TestHandler::on_auth(const Peer&, sasl::Claim& claim) {
  const auto* const password = std::get_if<sasl::Password>(&claim.evidence);
  if (claim.authentication == "tim" && password != nullptr && password->text == "tanstaaftanstaaf")
    co_return Reply(235, "2.7.0", "welcome");
  const auto* const verdict = std::get_if<sasl::Verdict>(&claim.evidence);
  if (claim.authentication == "tim" && verdict != nullptr && *verdict == sasl::Verdict::kProven)
    co_return Reply(235, "2.7.0", "welcome");
  co_return Reply(535, "5.7.8", "wrong name or password");
}

sasl::Verifiers TestHandler::verifiers() {
  return [](crypto::Digest digest, std::string_view) {
    return *sasl::make_scram_verifier(digest, "tanstaaftanstaaf by SCRAM", "0123456789abcdef", 4096);
  };
}

async::Task<Reply> TestHandler::on_etrn(const Peer&, const std::string& argument) {
  if (argument == "unknown.test") co_return Reply(459, "4.7.1", "not allowed");
  co_return Reply(250, "2.0.0", "queue for " + argument + " started");
}

async::Task<void> run_server(std::unique_ptr<net::Stream> stream, const ServerOptions& options, Handler& handler,
                             SessionEnd& end) {
  end = co_await serve(std::move(stream), options, handler);
}

}  // namespace quartet::smtp::test
