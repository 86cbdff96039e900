#include "mda/deliver.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/async/task_group.h"
#include "common/log/log.h"
#include "common/log/message_events.h"
#include "common/metrics/metrics.h"
#include "common/mime/trace.h"
#include "mda/copies.h"
#include "mda/fault.h"
#include "mda/filter.h"
#include "mda/maildir.h"
#include "mda/named_mailbox.h"
#include "mda/onward.h"

namespace quartet::mda {
namespace {

using Kind = Target::Kind;

const char* name_of(Kind kind) {
  static constexpr const char* kNames[] = {"store", "mbox", "maildir", "send"};
  return kNames[static_cast<int>(kind)];
}

/// One place that gets a copy; several recipients may lead to it.
struct Job {
  Target target;
  std::string delivered_to;  // for the field; also what a loop is seen by
  smtp::Reply reply;         // code 0: not carried out yet
  bool open() const { return reply.code == 0; }
};

smtp::Reply delivered() { return {250, "2.1.5", "delivered"}; }

class Carrier {
 public:
  Carrier(const Services& services, std::shared_ptr<const Incoming> incoming)
      : services_(services), in_(std::move(incoming)), header_(in_->message) {}

  async::Task<std::vector<smtp::Reply>> run() {
    if (const auto hops = mime::received_hops(header_); hops > services_.hops)
      co_return all(smtp::Reply(554, "5.4.6", fmt::format("a loop: {} Received fields", hops)));
    co_await name_mailboxes();
    make_jobs();
    stop_loops();
    co_await to_scripts();
    co_await to_store();
    co_await to_files();
    for (std::size_t i = 0; i < in_->recipients.size(); ++i) {
      co_await send_on(i, false);
      co_await send_on(i, true);
    }
    std::vector<smtp::Reply> replies;
    for (std::size_t i = 0; i < in_->recipients.size(); ++i) {
      auto reply = co_await settle(i);
      report(i, reply);
      replies.push_back(std::move(reply));
    }
    co_await notify(replies);
    co_return replies;
  }

 private:
  std::vector<smtp::Reply> all(const smtp::Reply& reply) {
    for (std::size_t i = 0; i < in_->recipients.size(); ++i) report(i, reply);
    return std::vector<smtp::Reply>(in_->recipients.size(), reply);
  }

  /// What subaddresses name: a mailbox, or nothing.
  async::Task<void> name_mailboxes() {
    for (const auto& recipient : in_->recipients) {
      for (const auto& target : recipient.plan.targets) {
        if (target.kind != Kind::kStore || target.path.empty()) continue;
        const auto [named, is_new] = mailboxes_.try_emplace({target.address, target.path});
        if (is_new) named->second = co_await mailbox_named(services_.store, target.address, target.path);
      }
    }
  }

  /// As it is when mail comes.
  Target present(const Target& planned) const {
    auto target = planned;
    if (target.kind == Kind::kStore && !target.path.empty()) target.path = mailboxes_.at({target.address, target.path});
    return target;
  }

  void make_jobs() {
    std::map<Target::Place, std::size_t> known;
    for (const auto& recipient : in_->recipients) {
      auto& mine = jobs_of_.emplace_back();
      for (const auto& planned : recipient.plan.targets) {
        const auto target = present(planned);
        const bool sent = target.kind == Kind::kSend;
        // What is sent on keeps the parameters of its own recipient; in a mailbox one copy is enough.
        if (const auto found = known.find(target.place()); !sent && found != known.end()) {
          mine.push_back(found->second);
          continue;
        }
        if (!sent) known.emplace(target.place(), jobs_.size());
        mine.push_back(jobs_.size());
        jobs_.push_back({target, sent ? recipient.rcpt.forward_path : target.address, {}});
      }
    }
  }

  /// A message that bears the mark of an address was there before: to deliver it again would go on for ever.
  void stop_loops() {
    for (auto& job : jobs_) {
      if (mime::has_field_value(header_, "Delivered-To", job.delivered_to))
        job.reply = smtp::Reply(554, "5.4.6", "a loop: the message was delivered to this address before");
    }
  }

  /// Accounts whose script does more than keep the message; the others stay open for the store.
  async::Task<void> to_scripts() {
    if (services_.filters == nullptr) co_return;
    async::TaskGroup group;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i].target.kind == Kind::kStore && jobs_[i].open()) group.spawn(to_script(i));
    }
    co_await group.join();
  }

  async::Task<void> to_script(std::size_t index) {
    Filtering filtering;
    filtering.account = jobs_[index].target.address;
    if (!jobs_[index].target.path.empty()) filtering.mailbox = jobs_[index].target.path;
    for (std::size_t i = 0; i < jobs_of_.size(); ++i) {
      if (std::ranges::count(jobs_of_[i], index) == 0) continue;
      if (filtering.recipient.empty()) {
        filtering.recipient = in_->recipients[i].rcpt.forward_path;
        filtering.notify = in_->recipients[i].rcpt.notify;
        filtering.orcpt = in_->recipients[i].rcpt.orcpt;
        filtering.forwarded_from = in_->recipients[i].forwarded_from;
      }
      if (jobs_of_[i].size() > 1) filtering.alone = false;
    }
    auto reply = co_await filter(services_, *in_, header_, std::move(filtering));
    if (reply) jobs_[index].reply = *std::move(reply);
  }

  std::string copy_for(std::string_view delivered_to) const {
    return mailbox_copy(in_->message, header_, in_->mail.reverse_path, delivered_to, in_->received);
  }

  async::Task<void> to_store() {
    std::vector<std::size_t> mine;
    std::vector<store::DeliveryTarget> targets;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i].target.kind != Kind::kStore || !jobs_[i].open()) continue;
      mine.push_back(i);
      auto& target = targets.emplace_back(store::DeliveryTarget{.account = jobs_[i].target.address, .keywords = {}});
      if (!jobs_[i].target.path.empty()) target.mailbox = jobs_[i].target.path;
    }
    if (mine.empty()) co_return;
    // The store keeps the bytes once for all accounts. So the field can be there only if it would be the same for all;
    // it would also tell each who else got the message.
    const auto bytes = std::make_shared<const std::string>(
        copy_for(mine.size() == 1 ? std::string_view(jobs_[mine.front()].delivered_to) : std::string_view()));
    const auto results = co_await services_.store.deliver(std::move(targets), bytes, in_->time);
    bool again = false;
    for (std::size_t n = 0; n < mine.size(); ++n) {
      auto& job = jobs_[mine[n]];
      if (results[n]) {
        job.reply = delivered();
        if (services_.store_fault != nullptr) services_.store_fault->clear();
      } else if (results[n].error().code == store::ErrorCode::kNoMailbox && !job.target.path.empty()) {
        job.target.path.clear();  // it went just now
        again = true;
      } else {
        co_await store_failed(job, results[n].error(), bytes->size());
      }
    }
    if (again) co_await to_store();
  }

  async::Task<void> store_failed(Job& job, store::StoreError error, std::size_t size) {
    if (error.code != store::ErrorCode::kOverQuota) failed(job, store::to_string(error.code), error.detail);
    job.reply = co_await refusal_of(services_, job.target.address, std::move(error), size);
  }

  void failed(const Job& job, std::string_view error, std::string_view detail) const {
    log::error("mda.target_failed", {{"message", in_->id},
                                     {"trace", in_->trace},
                                     {"target", name_of(job.target.kind)},
                                     {"address", job.target.address},
                                     {"path", job.target.path},
                                     {"error", error},
                                     {"reason", detail}});
  }

  async::Task<void> to_files() {
    async::TaskGroup group;
    for (auto& job : jobs_) {
      const bool file = job.target.kind == Kind::kMbox || job.target.kind == Kind::kMaildir;
      if (file && job.open()) group.spawn(to_file(job));
    }
    co_await group.join();
  }

  async::Task<void> to_file(Job& job) {
    const auto written = co_await async::offload(services_.files, [this, &job] { return write_file(job); });
    if (!written) failed(job, "file", written.error().detail);
    job.reply = written ? delivered() : reply_to(written.error());
  }

  /// On a thread of the pool.
  FileResult<void> write_file(const Job& job) const {
    const auto copy = copy_for(job.delivered_to);
    if (job.target.kind == Kind::kMaildir) return deliver_maildir(job.target.path, copy, services_.hostname);
    return append_mbox(job.target.path, copy, in_->mail.reverse_path, in_->time, services_.mbox);
  }

  /// The sender asked to hear of one recipient: with several places behind it, one that is reached is enough, and none
  /// of the others may say so again (RFC 3461 section 5.2.7).
  std::uint8_t notify_of(std::size_t recipient) const {
    const auto notify = in_->recipients[recipient].rcpt.notify;
    const bool several = in_->recipients[recipient].plan.targets.size() > 1;
    if (!several || (notify & smtp::kNotifySuccess) == 0) return notify;
    const auto rest = static_cast<std::uint8_t>(notify & ~smtp::kNotifySuccess);
    return rest == 0 ? std::uint8_t{smtp::kNotifyNever} : rest;
  }

  /// Everything that one recipient sends on with the same sender, as one message in the spool.
  async::Task<void> send_on(std::size_t recipient, bool other_sender) {
    const auto& [rcpt, plan, forwarded_from, reserved] = in_->recipients[recipient];
    const auto is_wanted = [&](const Job& job) {
      return job.target.kind == Kind::kSend && job.open() && (job.target.outside && forwarded_from) == other_sender;
    };
    if (std::ranges::none_of(jobs_of_[recipient], [&](auto index) { return is_wanted(jobs_[index]); })) co_return;
    auto message = onward(*in_, header_);
    if (other_sender) message.envelope.reverse_path = forwarded_from.value_or("");
    for (const auto index : jobs_of_[recipient]) {
      const auto& job = jobs_[index];
      if (is_wanted(job)) message.recipients.push_back({job.target.address, notify_of(recipient), rcpt.orcpt});
    }
    message.body = forwarded_copy(in_->message, header_, rcpt.forward_path, in_->received);
    const auto reply = co_await enqueue(services_, *in_, std::move(message), smtp::Reply(250, "2.1.5", "sent on"));
    for (const auto index : jobs_of_[recipient]) {
      auto& job = jobs_[index];
      if (is_wanted(job)) job.reply = reply;
    }
  }

  /// The one reply for all places behind a recipient.
  async::Task<smtp::Reply> settle(std::size_t recipient) {
    std::vector<const Job*> lost;
    const Job* worst = nullptr;
    const Job* good = nullptr;
    for (const auto index : jobs_of_[recipient]) {
      const auto& job = jobs_[index];
      if (job.reply.positive()) {
        good = &job;
        continue;
      }
      lost.push_back(&job);
      // The mail is given up only when nothing may succeed later.
      if (worst == nullptr || (worst->reply.permanent() && job.reply.transient())) worst = &job;
    }
    if (lost.empty()) co_return good->reply;
    if (good == nullptr) co_return worst->reply;
    co_return co_await redeliver(recipient, std::move(lost), worst->reply, good->reply);
  }

  /// Some places have the message already: to refuse it would double it there. The rest waits in our own queue.
  async::Task<smtp::Reply> redeliver(std::size_t recipient, std::vector<const Job*> lost, smtp::Reply bad,
                                     smtp::Reply good) {
    if (services_.spool == nullptr || !services_.redelivers)
      co_return bad.transient() ? bad : smtp::Reply(451, "4.3.0", bad.text());
    auto message = onward(*in_, header_);
    for (const auto* job : lost)
      message.recipients.push_back({job->target.via, notify_of(recipient), in_->recipients[recipient].rcpt.orcpt});
    message.body = forwarded_copy(in_->message, header_, {}, in_->received);
    log::warn("mda.partly_delivered", {{"message", in_->id},
                                       {"trace", in_->trace},
                                       {"to", in_->recipients[recipient].rcpt.forward_path},
                                       {"waiting", lost.size()}});
    co_return co_await enqueue(services_, *in_, std::move(message), std::move(good));
  }

  bool only_sent_on(std::size_t recipient) const {
    for (const auto& target : in_->recipients[recipient].plan.targets) {
      if (target.kind != Kind::kSend) return false;
    }
    return true;
  }

  void report(std::size_t recipient, const smtp::Reply& reply) const {
    static auto& good = metrics::counter("quartet_mda_recipients_total", "recipients by result", {{"result", "ok"}});
    static auto& later = metrics::counter("quartet_mda_recipients_total", "recipients by result", {{"result", "4yz"}});
    static auto& never = metrics::counter("quartet_mda_recipients_total", "recipients by result", {{"result", "5yz"}});
    (reply.positive() ? good : reply.transient() ? later : never).add();
    const auto& plan = in_->recipients[recipient].plan;
    std::string targets;
    for (const auto& target : plan.targets) {
      if (targets.size() > 200) break;
      targets += (targets.empty() ? "" : " ") + std::string(name_of(target.kind)) + ":" +
                 (target.path.empty() ? target.address : target.path);
    }
    const auto* event = !reply.positive() ? "mda.failed" : only_sent_on(recipient) ? "mda.forwarded" : "mda.delivered";
    record(recipient, reply);
    log::info(event, {{"message", in_->id},
                      {"trace", in_->trace},
                      {"from", in_->mail.reverse_path},
                      {"to", in_->recipients[recipient].rcpt.forward_path},
                      {"targets", targets},
                      {"size", in_->message.size()},
                      {"code", reply.code},
                      {"status", reply.enhanced},
                      {"reply", reply.text()}});
  }

  void record(std::size_t recipient, const smtp::Reply& reply) const {
    const auto header_id = header_.text("Message-ID");
    const auto text = reply.text();
    log::message_events().record({.step = !reply.positive()         ? log::MessageStep::kRefused
                                          : only_sent_on(recipient) ? log::MessageStep::kForwarded
                                                                    : log::MessageStep::kStored,
                                  .time = wall_now(),
                                  .code = static_cast<std::uint16_t>(reply.code),
                                  .trace = in_->trace,
                                  .message = in_->id,
                                  .header_id = header_id,
                                  .sender = in_->mail.reverse_path,
                                  .recipient = in_->recipients[recipient].rcpt.forward_path,
                                  .peer = in_->client,
                                  .status = reply.enhanced,
                                  .reply = text});
  }

  /// DSN is offered where there is a spool, and so the duty to report success is ours (RFC 3461 section 5.2.4). What
  /// was sent on to one place took the duty along.
  async::Task<void> notify(const std::vector<smtp::Reply>& replies) {
    if (services_.spool == nullptr) co_return;
    auto about = onward(*in_, header_);
    spool::Message message{
        {}, std::move(about.envelope), in_->message.size(), static_cast<std::uint32_t>(in_->recipients.size())};
    std::vector<relay::Notice> notices;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const auto& [rcpt, plan, forwarded_from, reserved] = in_->recipients[i];
      const bool passed_on = only_sent_on(i) && plan.targets.size() == 1;
      if (!replies[i].positive() || passed_on) continue;
      const auto action = only_sent_on(i) ? relay::Notice::Action::kRelayed : relay::Notice::Action::kDelivered;
      if (!relay::wanted(message, rcpt.notify, action)) continue;
      const auto code = static_cast<std::uint16_t>(replies[i].code);
      notices.push_back(
          {action, rcpt.forward_path, rcpt.orcpt, {code, replies[i].enhanced, replies[i].text(), ""}, in_->time, {}});
    }
    if (notices.empty()) co_return;
    auto notice = relay::make_notice(services_.notices, message, in_->message, notices);
    // The mail has arrived: a notice that cannot be written is no reason to send it again.
    co_await enqueue(services_, *in_, std::move(notice), delivered());
  }

  const Services& services_;
  const std::shared_ptr<const Incoming> in_;
  const mime::Header header_;
  std::map<std::pair<std::string, std::string>, std::string> mailboxes_;  // by account and subaddress
  std::vector<Job> jobs_;
  std::vector<std::vector<std::size_t>> jobs_of_;  // of each recipient
};

}  // namespace

async::Task<std::vector<smtp::Reply>> deliver(const Services& services, std::shared_ptr<const Incoming> incoming) {
  Carrier carrier(services, std::move(incoming));
  co_return co_await carrier.run();
}

}  // namespace quartet::mda
