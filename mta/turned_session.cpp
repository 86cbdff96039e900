#include "mta/turned_session.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/log/log.h"
#include "common/mime/idna.h"
#include "mta/rewrite.h"
#include "mta/session.h"

namespace quartet::mta {
namespace {

class Counting final : public smtp::MessageSink {
 public:
  Counting(std::unique_ptr<smtp::MessageSink> under, std::atomic<std::uint64_t>& received)
      : under_(std::move(under)), received_(received) {}
  async::Task<std::expected<void, smtp::Reply>> write(std::string bytes) override {
    return under_->write(std::move(bytes));
  }
  async::Task<std::vector<smtp::Reply>> finish() override {
    auto replies = co_await under_->finish();
    if (!replies.empty() && replies.front().positive()) received_.fetch_add(1, std::memory_order_relaxed);
    co_return replies;
  }

 private:
  std::unique_ptr<smtp::MessageSink> under_;
  std::atomic<std::uint64_t>& received_;
};

}  // namespace

smtp::ServerOptions turned_options(const smtp::ServerOptions& server) {
  auto options = server;
  options.features.etrn = options.features.odmr = options.features.trace = false;
  options.features.mechanisms.clear();
  options.implicit_tls = false;
  options.tls = nullptr;  // the stream has it already
  return options;
}

smtp::Reply check_turned_recipient(const Settings& settings, const std::vector<std::string>& domains,
                                   const std::string& recipient) {
  if (ascii::iequals(recipient, "postmaster")) return {250, "2.1.5", "recipient ok"};
  if (std::ranges::find(domains, mime::domain_of(recipient)) == domains.end())
    return {550, "5.7.1", "not one of the domains that were asked for"};
  // As from a stranger: the domain is ours or one that we relay to, as load_settings() saw.
  return check_recipient(settings, net::Address(), recipient);
}

async::Task<smtp::Reply> TurnedSession::on_open(const smtp::Peer&) { co_return smtp::Reply(220, "", "welcome"); }

async::Task<smtp::Reply> TurnedSession::on_mail(const smtp::Peer&, const smtp::MailParameters&) {
  settings_ = current_.get();
  co_return smtp::Reply(250, "2.1.0", "sender ok");
}

async::Task<smtp::Reply> TurnedSession::on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                                const smtp::RcptParameters& rcpt) {
  auto reply = check_turned_recipient(*settings_, domains_, rcpt.forward_path);
  if (!reply.positive()) {
    log::info("mta.refused", {{"peer", peer.address.to_string()},
                              {"helo", peer.hello},
                              {"from", transaction.mail.reverse_path},
                              {"to", rcpt.forward_path},
                              {"reply", reply.text()}});
  }
  co_return reply;
}

async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> TurnedSession::on_message(
    const smtp::Peer& peer, const smtp::Transaction& transaction) {
  intake_.hostname = settings_->hostname;
  intake_.hops = settings_->hops;
  intake_.postmaster_domain = postmaster_domain(*settings_);
  co_return std::make_unique<Counting>(service::open_intake(intake_, peer, follow(*settings_, transaction, wall_now())),
                                       received_);
}

}  // namespace quartet::mta
