#include "mda/session.h"

#include <algorithm>
#include <utility>

#include "common/base/gather.h"
#include "common/base/id.h"
#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/mime/trace.h"
#include "common/relay/route.h"
#include "mda/fault.h"

namespace quartet::mda {
namespace {

std::string received(const smtp::Peer& peer, const Incoming& incoming, const std::string& hostname) {
  mime::Received field;
  field.helo = peer.hello;
  field.client = peer.address.to_literal();
  field.by = hostname;
  field.protocol = service::with_protocol(peer, incoming.mail.smtputf8, true);
  if (peer.tls != nullptr) field.tls = peer.tls->version + " " + peer.tls->cipher;
  field.id = incoming.id;
  // With more of them it would tell each who else got the message.
  if (incoming.recipients.size() == 1) field.for_address = incoming.recipients.front().rcpt.forward_path;
  field.time = incoming.time;
  return mime::received_field(field);
}

/// Gathers one message, then delivers it.
class Sink final : public smtp::MessageSink {
 public:
  Sink(const SessionServices& services, const smtp::Peer& peer, smtp::MailParameters mail,
       std::vector<Recipient> recipients)
      : services_(services), peer_(peer), incoming_(std::make_shared<Incoming>()) {
    incoming_->mail = std::move(mail);
    incoming_->recipients = std::move(recipients);
  }
  ~Sink() override { services_.budget.give_back(taken_); }

  async::Task<std::expected<void, smtp::Reply>> write(std::string bytes) override {
    if (!services_.budget.take(bytes.size())) {
      log::warn("mda.over_budget", {{"peer", peer_.address.to_string()}, {"taken", services_.budget.taken()}});
      incoming_->message = {};
      services_.budget.give_back(std::exchange(taken_, 0));
      co_return std::expected<void, smtp::Reply>(
          std::unexpect, smtp::Reply(452, "4.3.1", "too many messages at once, try again later"));
    }
    taken_ += bytes.size();
    if (incoming_->message.empty())
      incoming_->message = std::move(bytes);
    else
      gather(incoming_->message, bytes, incoming_->mail.size.value_or(0));
    co_return std::expected<void, smtp::Reply>();
  }

  async::Task<std::vector<smtp::Reply>> finish() override {
    const auto& mail = incoming_->mail;
    incoming_->time = wall_now();
    incoming_->id = Id::make().to_string();
    incoming_->trace = mail.trace.empty() ? Id::make().to_string() : mail.trace;
    incoming_->client = peer_.address.to_string();
    if (!peer_.address.is_unix()) incoming_->client_ip = peer_.address.host();
    incoming_->received = received(peer_, *incoming_, services_.delivery.hostname);
    co_return co_await deliver(services_.delivery, incoming_);
  }

 private:
  const SessionServices& services_;
  const smtp::Peer& peer_;
  std::shared_ptr<Incoming> incoming_;
  std::uint64_t taken_ = 0;  // of the budget
};

class Handler final : public smtp::Handler {
 public:
  explicit Handler(const SessionServices& services) : services_(services) {}

  async::Task<smtp::Reply> on_open(const smtp::Peer&) override { co_return smtp::Reply(220, "", "ready"); }

  async::Task<smtp::Reply> on_mail(const smtp::Peer&, const smtp::MailParameters& mail) override {
    recipients_.clear();
    size_ = mail.size.value_or(0);
    co_return smtp::Reply(250, "2.1.0", "sender ok");
  }

  async::Task<smtp::Reply> on_rcpt(const smtp::Peer& peer, const smtp::Transaction& transaction,
                                   const smtp::RcptParameters& rcpt) override {
    const auto tables = services_.tables();
    const auto now = wall_now();
    auto plan = make_plan(*tables.directory, *tables.deliveries, rcpt.forward_path, tables.srs.get(), now);
    for (const auto& unknown : plan.unknown) {
      if (!plan.targets.empty()) log::warn("mda.dead_target", {{"address", rcpt.forward_path}, {"target", unknown}});
    }
    auto reply = plan.targets.empty() ? plan.refusal : smtp::Reply(250, "2.1.5", "recipient ok");
    std::vector<Reservations::HeldPtr> reserved;
    // Several places: those with room get the message, the others when there is room.
    if (plan.targets.size() == 1 && plan.targets.front().kind == Target::Kind::kStore) {
      const auto& login = plan.targets.front().address;
      const auto room = co_await reserve(login, reserved);
      const auto* account = tables.directory->find_account(login);
      const bool never = account != nullptr && account->quota_bytes != 0 && size_ > account->quota_bytes;
      if (!room) reply = reply_to(room.error(), never);
    }
    if (reply.positive())
      recipients_.push_back(
          {rcpt, std::move(plan), forwarded_from(tables, transaction.mail.reverse_path, now), std::move(reserved)});
    else
      refused(peer, transaction, rcpt, reply);
    co_return reply;
  }

  async::Task<std::expected<std::unique_ptr<smtp::MessageSink>, smtp::Reply>> on_message(
      const smtp::Peer& peer, const smtp::Transaction& transaction) override {
    co_return std::make_unique<Sink>(services_, peer, transaction.mail, std::exchange(recipients_, {}));
  }

  /// An idle client holds no room that others could use.
  void on_transaction_ended() override { recipients_.clear(); }

 private:
  static std::optional<std::string> forwarded_from(const Tables& tables, const std::string& sender, WallTime now) {
    if (!tables.srs || tables.directory->is_local(mime::domain_of(sender))) return std::nullopt;
    return tables.srs->forward(sender, now);
  }

  /// Room in the account, and in its INBOX where no script may put the message elsewhere.
  async::Task<std::expected<void, store::StoreError>> reserve(const std::string& login,
                                                              std::vector<Reservations::HeldPtr>& reserved) {
    auto& store = services_.delivery.store;
    // Named twice, it gets the message once.
    const bool again = std::ranges::any_of(recipients_, [&login](const Recipient& other) {
      return !other.reserved.empty() && other.plan.targets.front().address == login;
    });
    if (again) co_return std::expected<void, store::StoreError>();
    reserved.push_back(services_.reservations.hold(login, size_));
    const auto before = reserved.back()->before();
    auto room = co_await store.check_quota(login, before.bytes + size_, before.messages + 1);
    if (!room || services_.delivery.filters != nullptr) co_return room;
    reserved.push_back(services_.reservations.hold(login + "/INBOX", size_));
    const auto there = reserved.back()->before();
    co_return co_await store.check_mailbox_quota(login, "INBOX", there.bytes + size_, there.messages + 1);
  }

  static void refused(const smtp::Peer& peer, const smtp::Transaction& transaction, const smtp::RcptParameters& rcpt,
                      const smtp::Reply& reply) {
    log::info("mda.refused", {{"trace", transaction.mail.trace},
                              {"peer", peer.address.to_string()},
                              {"from", transaction.mail.reverse_path},
                              {"to", rcpt.forward_path},
                              {"code", reply.code},
                              {"status", reply.enhanced},
                              {"reply", reply.text()}});
  }

  const SessionServices& services_;
  std::vector<Recipient> recipients_;  // accepted ones of the transaction, as the session counts them
  std::uint64_t size_ = 0;             // as announced
};

}  // namespace

std::unique_ptr<smtp::Handler> make_handler(const SessionServices& services) {
  return std::make_unique<Handler>(services);
}

}  // namespace quartet::mda
