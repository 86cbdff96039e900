#include "common/service/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/ascii.h"
#include "common/log/log.h"
#include "common/log/message_events.h"
#include "common/metrics/metrics.h"
#include "common/mime/trace.h"
#include "common/spool/handling.h"

namespace quartet::service {
namespace {

constexpr std::size_t kMostHeader = mime::HeaderLimits().bytes;

spool::Ret ret_of(smtp::Ret ret) {
  switch (ret) {
    case smtp::Ret::kFull:
      return spool::Ret::kFull;
    case smtp::Ret::kHeaders:
      return spool::Ret::kHeaders;
    case smtp::Ret::kDefault:
      break;
  }
  return spool::Ret::kDefault;
}

spool::BodyType body_type_of(smtp::Body body) {
  switch (body) {
    case smtp::Body::k8BitMime:
      return spool::BodyType::k8BitMime;
    case smtp::Body::kBinaryMime:
      return spool::BodyType::kBinaryMime;
    case smtp::Body::k7Bit:
      break;
  }
  return spool::BodyType::k7Bit;
}

metrics::Counter& over_budget() {
  static auto& counter =
      metrics::counter("quartet_intake_over_budget_total", "Messages refused for lack of memory for them");
  return counter;
}

class Intake final : public smtp::MessageSink {
 public:
  Intake(const IntakeOptions& options, const smtp::Peer& peer, Followed followed)
      : options_(options), peer_(peer), followed_(std::move(followed)), transaction_(followed_.transaction) {
    (void)over_budget();  // shown as 0 from the first message on
  }

  ~Intake() override { options_.budget->give_back(taken_); }

  async::Task<std::expected<void, smtp::Reply>> write(std::string bytes) override {
    if (!options_.budget->take(bytes.size())) {
      over_budget().add();
      log::warn("intake.over_budget", {{"peer", peer_.address.to_string()}, {"taken", options_.budget->taken()}});
      drop();
      co_return std::unexpected(smtp::Reply(452, "4.3.1", "too many messages at once, try again later"));
    }
    taken_ += bytes.size();
    size_ += bytes.size();
    if (head_complete_) {
      rest_.push_back(std::move(bytes));
      co_return std::expected<void, smtp::Reply>();
    }
    // The header in one piece; its end may lie across two.
    const auto seen = head_.size() < 3 ? 0 : head_.size() - 3;
    if (head_.empty())
      head_ = std::move(bytes);
    else
      head_ += bytes;
    head_complete_ =
        head_.starts_with("\r\n") || head_.find("\r\n\r\n", seen) != std::string::npos || head_.size() >= kMostHeader;
    co_return std::expected<void, smtp::Reply>();
  }

  async::Task<std::vector<smtp::Reply>> finish() override {
    auto messages = build();
    if (!messages) co_return one(std::move(messages.error()));
    const auto notices = this->notices(messages->front());
    // Not the time of the commit: a delivery from memory may end before this session hears of it.
    received_ = messages->front().envelope.received;
    std::string first;
    for (auto& message : *messages) {
      add_body(message, &message == &messages->back());
      const Queued facts = {message.id.to_string(), message.envelope.trace_id, message.envelope.reverse_path,
                            message.recipients.front().address, message.recipients.size()};
      const auto queued = co_await enqueue(std::move(message));
      if (!queued) co_return one(reply_to(queued.error()));
      record(facts);
      report(facts);
      if (first.empty()) first = facts.id;
    }
    if (notices) {
      // The mail itself is safe: that the sender hears nothing is no reason to have it sent again.
      const auto told = co_await enqueue(*notices);
      (void)told;
    }
    auto text = "queued as " + first;
    if (!priority_changed_) co_return one(smtp::Reply(250, "2.0.0", std::move(text)));
    // RFC 6710 section 4.1: the new priority comes first.
    co_return one(smtp::Reply(250, "2.3.6", fmt::format("{} is the new priority; {}", priority_, text)));
  }

 private:
  static std::vector<smtp::Reply> one(smtp::Reply reply) {
    std::vector<smtp::Reply> replies;
    replies.push_back(std::move(reply));
    return replies;
  }

  void drop() {
    head_ = {};
    rest_ = {};
    options_.budget->give_back(std::exchange(taken_, 0));
  }

  /// What a message in the queue is known by.
  struct Queued {
    std::string id;
    std::string trace;
    std::string sender;
    std::string recipient;  // the first
    std::size_t recipients = 0;
  };

  async::Task<std::expected<spool::MessageId, spool::SpoolError>> enqueue(spool::NewMessage message) {
    static auto& commits = metrics::histogram(
        "quartet_commit_seconds", "Durations from the end of a message to its being on disk", metrics::durations());
    const auto begun = std::chrono::steady_clock::now();
    const auto trace = message.envelope.trace_id;
    const auto sender = message.envelope.reverse_path;
    auto queued = co_await options_.enqueue(std::move(message));
    commits.observe(metrics::seconds_since(begun));
    if (!queued) {
      log::error(
          options_.agent + ".not_queued",
          {{"trace", trace}, {"peer", peer_.address.to_string()}, {"from", sender}, {"error", queued.error().detail}});
    }
    co_return queued;
  }

  /// The message for each sender it goes out under; of their bodies only what we put in front.
  std::expected<std::vector<spool::NewMessage>, smtp::Reply> build() {
    mime::Header header(head_);
    if (const auto separator = header.separator_size(); separator > 0) {
      // Behind our fields it would end the header.
      head_.erase(0, separator);
      size_ -= separator;
      header = mime::Header(head_);
    }
    if (const auto hops = mime::received_hops(header); hops > options_.hops) {
      log::warn(options_.agent + ".loop",
                {{"peer", peer_.address.to_string()}, {"from", transaction_.mail.reverse_path}, {"hops", hops}});
      return std::unexpected(smtp::Reply(554, "5.4.6", fmt::format("a loop: {} Received fields", hops)));
    }
    header_id_ = header.text("Message-ID");
    if (options_.complete) {
      auto fields = options_.complete(header);
      if (!fields) return std::unexpected(std::move(fields.error()));
      added_ = *std::move(fields);
    }
    std::vector<spool::NewMessage> messages;
    const auto own = envelope();
    if (!transaction_.recipients.empty()) messages.push_back(begin(header, own, transaction_.recipients));
    for (const auto& branch : followed_.branches) {
      auto other = own;
      other.reverse_path = branch.reverse_path;
      if (branch.list) {
        other.envid.clear();
        other.ret = spool::Ret::kDefault;
      }
      messages.push_back(begin(header, std::move(other), branch.recipients));
    }
    return messages;
  }

  spool::NewMessage begin(const mime::Header& header, spool::Envelope envelope,
                          const std::vector<smtp::RcptParameters>& recipients) {
    spool::NewMessage message;
    message.id = spool::MessageId::make();
    message.envelope = std::move(envelope);
    set_handling(message, header);
    for (const auto& recipient : recipients)
      message.recipients.push_back({with_domain(recipient.forward_path), recipient.notify, recipient.orcpt});
    std::string added = received(message) + added_;
    // A message without a header would begin with a line that is no field, right after ours.
    if (header.fields().empty() && !header.terminated() && size_ != 0) added += "\r\n";
    message.body.push_back(std::move(added));
    return message;
  }

  void add_body(spool::NewMessage& message, bool last) {
    message.body.reserve(rest_.size() + 2);
    message.body.push_back(last ? std::move(head_) : head_);
    if (last)
      std::ranges::move(rest_, std::back_inserter(message.body));
    else
      std::ranges::copy(rest_, std::back_inserter(message.body));
    if (last) rest_.clear();
  }

  /// What the sender hears at once, if there is anything; `first` is one of the messages.
  std::optional<spool::NewMessage> notices(const spool::NewMessage& first) const {
    if (followed_.notices.empty() || transaction_.mail.reverse_path.empty()) return std::nullopt;
    spool::Message message{first.id, first.envelope, size_, 0};
    message.envelope.reverse_path = transaction_.mail.reverse_path;
    message.envelope.envid = transaction_.mail.envid;
    relay::NoticeOptions options;
    options.hostname = options_.hostname;
    return relay::make_notice(options, message, head_, followed_.notices);
  }

  spool::Envelope envelope() const {
    const auto& mail = transaction_.mail;
    spool::Envelope out;
    out.reverse_path = mail.reverse_path;
    out.ret = ret_of(mail.ret);
    out.envid = mail.envid;
    out.body_type = body_type_of(mail.body);
    out.smtputf8 = mail.smtputf8;
    out.require_tls = mail.require_tls;
    out.auth_id = peer_.login;
    out.client = client();
    // The first of our agents to see a message names it for all.
    out.trace_id = mail.trace.empty() ? Id::make().to_string() : mail.trace;
    out.received = wall_now();
    return out;
  }

  /// How and when the message goes on, as MAIL and the header ask for it.
  void set_handling(spool::NewMessage& message, const mime::Header& header) {
    const auto& mail = transaction_.mail;
    auto& envelope = message.envelope;
    // RFC 8689 section 4.1: the parameter counts more than the field.
    if (!envelope.require_tls && has_tls_optional(header)) spool::set_tls_optional(envelope);
    auto asked = mail.priority.value_or(0);
    if (!mail.priority && options_.priority_field) asked = smtp::parse_priority(header.text("MT-Priority")).value_or(0);
    priority_ = std::min(asked, options_.highest_priority);
    priority_changed_ = priority_ != asked;
    envelope.priority = priority_;
    const auto release = mail.hold_until.value_or(envelope.received + mail.hold_for.value_or(std::chrono::seconds(0)));
    if (release > envelope.received) {
      spool::set_release(envelope, release);
      message.due = release;
    }
    if (mail.by) {
      // The time that a message is held at its sender's wish is not a delay.
      const auto at = spool::released(envelope) + std::chrono::seconds(mail.by->seconds);
      spool::set_deadline(envelope, {at, mail.by->notify, mail.by->trace});
    }
  }

  /// Whose mail it is: the peer's, unless the peer named another.
  std::string client() const {
    const auto address = peer_.origin ? peer_.origin->address.value_or(std::nullopt) : std::nullopt;
    return address ? address->with_port(peer_.origin->port.value_or(0)).to_string() : peer_.address.to_string();
  }

  std::string with_domain(const std::string& forward_path) const {
    return forward_path.contains('@') ? forward_path : forward_path + "@" + options_.postmaster_domain;
  }

  std::string received(const spool::NewMessage& message) const {
    mime::Received field;
    field.helo = peer_.hello;
    field.client = peer_.address.to_literal();
    field.by = options_.hostname;
    field.protocol = with_protocol(peer_, transaction_.mail.smtputf8);
    if (peer_.tls != nullptr) field.tls = peer_.tls->version + " " + peer_.tls->cipher;
    field.id = message.id.to_string();
    // With more of them it would tell each who else got the message.
    if (priority_ != 0) field.priority = std::to_string(priority_);
    if (message.recipients.size() == 1) field.for_address = message.recipients.front().address;
    field.time = message.envelope.received;
    return mime::received_field(field);
  }

  void record(const Queued& queued) const {
    const auto client = peer_.address.to_string();
    log::message_events().record({.step = log::MessageStep::kAccepted,
                                  .time = received_,
                                  .trace = queued.trace,
                                  .message = queued.id,
                                  .header_id = header_id_,
                                  .sender = queued.sender,
                                  .recipient = queued.recipient,
                                  .peer = client,
                                  .tls = peer_.tls != nullptr ? std::string_view(peer_.tls->version) : ""});
  }

  void report(const Queued& queued) const {
    static auto& messages = metrics::counter("quartet_messages_accepted_total", "Messages put into the queue");
    static auto& octets = metrics::counter("quartet_octets_accepted_total", "Octets of messages put into the queue");
    messages.add();
    octets.add(size_);
    log::info(options_.agent + ".accepted", {{"message", queued.id},
                                             {"trace", queued.trace},
                                             {"from", queued.sender},
                                             {"to", queued.recipient},
                                             {"recipients", queued.recipients},
                                             {"size", size_},
                                             {"peer", peer_.address.to_string()},
                                             {"client", client()},
                                             {"helo", peer_.hello},
                                             {"tls", peer_.tls != nullptr ? peer_.tls->version : std::string()},
                                             {"login", peer_.login}});
  }

  const IntakeOptions& options_;
  const smtp::Peer& peer_;
  Followed followed_;
  smtp::Transaction& transaction_;  // of followed_
  std::string head_;                // the header, with what came along with it
  bool head_complete_ = false;
  std::string header_id_;  // Message-ID
  std::string added_;      // by options_.complete
  std::int8_t priority_ = 0;
  bool priority_changed_ = false;
  WallTime received_{};
  std::vector<std::string> rest_;
  std::uint64_t size_ = 0;   // octets of the message
  std::uint64_t taken_ = 0;  // of the budget
};

}  // namespace

std::unique_ptr<smtp::MessageSink> open_intake(const IntakeOptions& options, const smtp::Peer& peer,
                                               Followed followed) {
  return std::make_unique<Intake>(options, peer, std::move(followed));
}

bool has_tls_optional(const mime::Header& header) {
  return header.count("TLS-Required") == 1 && ascii::iequals(header.text("TLS-Required"), "No");
}

smtp::Reply reply_to(const spool::SpoolError& error) {
  switch (error.code) {
    case spool::ErrorCode::kNoSpace:
      return {452, "4.3.1", "no room for the message, try again later"};
    case spool::ErrorCode::kTooLarge:
      // Another division into transactions helps (RFC 5321 section 4.5.3.1.10).
      return {452, "4.5.3", "too many recipients for one message"};
    case spool::ErrorCode::kClosed:
      return {451, "4.3.2", "the server is closing"};
    default:
      return {451, "4.3.0", "the message could not be stored, try again later"};
  }
}

std::string with_protocol(const smtp::Peer& peer, bool smtputf8, bool lmtp) {
  if (!peer.esmtp && !lmtp) return "SMTP";
  std::string name = lmtp ? "LMTP" : smtputf8 ? "SMTP" : "ESMTP";
  if (smtputf8) name.insert(0, "UTF8");
  if (peer.tls != nullptr) name += 'S';
  if (!peer.login.empty()) name += 'A';
  return name;
}

}  // namespace quartet::service
