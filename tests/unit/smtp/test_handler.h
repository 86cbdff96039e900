// An agent for tests of the sessions: its answers depend on the local part of the addresses.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "common/smtp/client_session.h"
#include "common/smtp/server_session.h"

namespace quartet::smtp::test {

/// MAIL: "refused" gets 550. RCPT: "unknown" 550, "busy" 450. The message: of "nodata" 451 in place of 354, of
/// "diskfull" 452 from its first octets on. Each reply to a message tells its octets; with LMTP recipient "full" gets
/// 452. ATRN: "none.test" gets 453; after a 250 the session sends one message to the client. AUTH: tim,
/// tanstaaftanstaaf; by SCRAM it is "tanstaaftanstaaf by SCRAM".
class TestHandler final : public Handler {
 public:
  explicit TestHandler(bool lmtp = false) : lmtp_(lmtp) {}

  async::Task<Reply> on_open(const Peer& peer) override;
  async::Task<Reply> on_mail(const Peer& peer, const MailParameters& mail) override;
  async::Task<Reply> on_rcpt(const Peer& peer, const Transaction& transaction, const RcptParameters& rcpt) override;
  async::Task<std::expected<std::unique_ptr<MessageSink>, Reply>> on_message(const Peer& peer,
                                                                             const Transaction& transaction) override;
  async::Task<Reply> on_auth(const Peer& peer, sasl::Claim& claim) override;
  sasl::Verifiers verifiers() override;
  async::Task<Reply> on_etrn(const Peer& peer, const std::string& argument) override;
  async::Task<Reply> on_atrn(const Peer& peer, const std::vector<std::string>& domains) override;
  async::Task<void> on_turned(const Peer& peer, std::unique_ptr<net::Stream> stream) override;

  struct Message {
    Transaction transaction;
    std::string bytes;
    std::string hello;
    std::string login;
    bool tls = false;
  };
  std::vector<Message> messages;            // those that got a 250
  std::optional<TransactionResult> turned;  // what the client said to the message after ATRN
  Reply open{220, "", "welcome"};

 private:
  bool lmtp_;
};

/// What a session's own pieces of network see: counts the writes that reach `under`.
class CountingStream final : public net::Stream {
 public:
  CountingStream(std::unique_ptr<net::Stream> under, std::size_t& writes) : under_(std::move(under)), writes_(writes) {}
  async::Task<std::expected<std::string_view, net::IoError>> read_some(async::Deadline deadline) override {
    return under_->read_some(deadline);
  }
  async::Task<std::expected<void, net::IoError>> write(std::string_view bytes, async::Deadline deadline) override {
    ++writes_;
    return under_->write(bytes, deadline);
  }
  async::Task<std::expected<void, net::IoError>> shutdown(async::Deadline deadline) override {
    return under_->shutdown(deadline);
  }
  const net::Address& local() const override { return under_->local(); }
  const net::Address& peer() const override { return under_->peer(); }

 private:
  std::unique_ptr<net::Stream> under_;
  std::size_t& writes_;
};

/// Serves `stream`; `end` tells how it ended. All outlive the task.
async::Task<void> run_server(std::unique_ptr<net::Stream> stream, const ServerOptions& options, Handler& handler,
                             SessionEnd& end);

inline async::Deadline soon() { return async::Deadline::after(std::chrono::seconds(20)); }

}  // namespace quartet::smtp::test
