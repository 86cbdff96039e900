// The actions of a script. What delivers comes first, answers go out when it is done: a client that has to come again
// would be answered twice.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/ascii.h"
#include "common/log/log.h"
#include "common/mime/charset.h"
#include "common/mime/idna.h"
#include "common/mime/trace.h"
#include "common/relay/route.h"
#include "common/sieve/answers.h"
#include "mda/copies.h"
#include "mda/fault.h"
#include "mda/filter.h"
#include "mda/onward.h"
#include "mda/sieve_memory.h"

namespace quartet::mda {
namespace {

/// One place that the script puts the message.
struct Placing {
  store::DeliveryTarget target;
  sieve::Edited message;      // null: as it came
  std::string special_use{};  // of a mailbox that has to be made
  std::optional<smtp::Reply> reply;
};

std::uint64_t system_flag(std::string_view flag) {
  static constexpr std::pair<std::string_view, std::uint64_t> kFlags[] = {{"\\Seen", store::flag::kSeen},
                                                                          {"\\Answered", store::flag::kAnswered},
                                                                          {"\\Flagged", store::flag::kFlagged},
                                                                          {"\\Deleted", store::flag::kDeleted},
                                                                          {"\\Draft", store::flag::kDraft}};
  for (const auto& [name, value] : kFlags) {
    if (ascii::iequals(name, flag)) return value;
  }
  return 0;
}

void set_flags(store::DeliveryTarget& target, const sieve::Flags& flags) {
  for (const auto& flag : flags) {
    if (const auto system = system_flag(flag))
      target.flags |= system;
    else
      target.keywords.push_back(flag);
  }
}

/// The store refuses these for as long as the script asks for them.
bool never_so(store::ErrorCode code) {
  using store::ErrorCode;
  return code == ErrorCode::kNoMailbox || code == ErrorCode::kNoSelect || code == ErrorCode::kInvalidName ||
         code == ErrorCode::kTooManyKeywords || code == ErrorCode::kCannot || code == ErrorCode::kUnsupported;
}

/// RFC 5429 section 2.5: lines that are too long for a reply become several.
std::vector<std::string> reply_lines(std::string_view text) {
  constexpr std::size_t kLongest = 400, kMost = 50;
  std::vector<std::string> out;
  for (auto line : ascii::split(ascii::trim(text), '\n')) {
    line = ascii::trim(line);
    do {
      if (out.size() < kMost) out.emplace_back(line.substr(0, kLongest));
      line.remove_prefix(std::min(line.size(), kLongest));
    } while (!line.empty());
  }
  return out;
}

class Actions {
 public:
  Actions(const Services& services, const Incoming& incoming, const mime::Header& header, const Filtering& filtering,
          const sieve::Outcome& outcome)
      : services_(services), in_(incoming), header_(header), filtering_(filtering), outcome_(outcome) {}

  async::Task<smtp::Reply> run() {
    if (const auto* reject = find_reject()) co_return co_await refuse(*reject);
    gather();
    co_await place();
    if (is_sent_on() && is_placed_nowhere()) {
      // Who it is sent on to would get it again each time that the client comes again.
      auto kept = co_await keep();
      if (!kept.positive()) co_return kept;
    }
    for (const auto& action : outcome_.actions) {
      if (const auto* redirect = std::get_if<sieve::Redirect>(&action)) co_await send_on(*redirect);
    }
    auto reply = co_await settle();
    if (reply.positive()) co_await afterwards();
    co_return reply;
  }

 private:
  const sieve::Reject* find_reject() const {
    for (const auto& action : outcome_.actions) {
      if (const auto* found = std::get_if<sieve::Reject>(&action)) return found;
    }
    return nullptr;
  }

  /// RFC 5429: refused in the transaction where that refuses nobody else and says what the script says.
  async::Task<smtp::Reply> refuse(const sieve::Reject& reject) {
    const bool sayable = mime::is_ascii(reject.reason);
    const bool answerable = !in_.mail.reverse_path.empty() && services_.spool != nullptr;
    if (filtering_.alone && (sayable || reject.at_protocol || !answerable)) {
      smtp::Reply out(550, "5.7.1", "the recipient does not want this message");
      if (!sayable) co_return out;
      out.lines = reply_lines(reject.reason);
      co_return out;
    }
    if (answerable)
      co_return co_await answer(sieve::refusal(reject, in_.mail.reverse_path, in_.message, answering()),
                                {in_.mail.reverse_path});
    // Nobody to be told, and others have the message: all that is left is to drop it here.
    co_return smtp::Reply(250, "2.1.5", "delivered");
  }

  bool is_sent_on() const {
    return std::ranges::any_of(outcome_.actions,
                               [](const auto& action) { return std::holds_alternative<sieve::Redirect>(action); });
  }

  bool is_placed() const {
    return std::ranges::any_of(places_, [](const Placing& placing) { return placing.reply->positive(); });
  }

  /// There are places, and all of them refuse it.
  bool is_placed_nowhere() const { return !places_.empty() && !is_placed(); }

  void gather() {
    for (const auto& action : outcome_.actions) {
      Placing placing;
      placing.target.account = filtering_.account;
      if (const auto* keep = std::get_if<sieve::Keep>(&action)) {
        placing.target.mailbox = filtering_.mailbox;
        set_flags(placing.target, keep->flags);
        placing.message = keep->message;
      } else if (const auto* file = std::get_if<sieve::FileInto>(&action)) {
        placing.target.mailbox = file->mailbox;
        placing.target.create_mailbox = file->create;
        set_flags(placing.target, file->flags);
        placing.message = file->message;
        placing.special_use = file->special_use;
      } else {
        continue;
      }
      places_.push_back(std::move(placing));
    }
  }

  std::string copy_of(const sieve::Edited& message) const {
    if (message == nullptr)
      return mailbox_copy(in_.message, header_, in_.mail.reverse_path, filtering_.account, in_.received);
    const mime::Header header(*message);
    return mailbox_copy(*message, header, in_.mail.reverse_path, filtering_.account, in_.received);
  }

  /// From a name in the script to the account that has the mailbox: into that of another the user needs the right to
  /// post (RFC 4314 section 2.1). The INBOX is for what may not go there.
  async::Task<void> address(Placing& placing) {
    auto& target = placing.target;
    const auto namespaces = services_.namespaces();
    const auto wanted = store::resolve(namespaces.get(), filtering_.account, target.mailbox);
    if (wanted && wanted->prefix.empty()) co_return;
    auto found = co_await store::locate(services_.store, namespaces, filtering_.account, target.mailbox);
    if (!found && store::is_transient(found.error().code)) {
      placing.reply = reply_to(found.error());
      co_return;
    }
    if (found && found->rights.has("p")) {
      const auto allowed = store::changeable_flags(found->rights);
      target.account = found->place.account;
      target.mailbox = found->place.mailbox;
      target.flags &= allowed;
      if (!found->rights.has("w")) target.keywords.clear();
    } else {
      failed("fileinto", target.mailbox, found ? "no right to post" : store::to_string(found.error().code));
      target.mailbox = "INBOX";
    }
    target.create_mailbox = false;
  }

  /// RFC 5228 section 2.10.3: names that lead to one mailbox are one place, which gets the flags of all.
  void unite() {
    std::vector<Placing> out;
    for (auto& placing : places_) {
      const auto same = std::ranges::find_if(out, [&](const Placing& one) {
        return !one.reply && !placing.reply && one.message == placing.message &&
               one.target.account == placing.target.account && is_same_mailbox(one.target, placing.target);
      });
      if (same == out.end()) {
        out.push_back(std::move(placing));
        continue;
      }
      same->target.flags |= placing.target.flags;
      for (auto& keyword : placing.target.keywords) {
        if (std::ranges::count(same->target.keywords, keyword) == 0)
          same->target.keywords.push_back(std::move(keyword));
      }
    }
    places_ = std::move(out);
  }

  static bool is_same_mailbox(const store::DeliveryTarget& one, const store::DeliveryTarget& other) {
    const auto a = store::canonical_name(one.mailbox), b = store::canonical_name(other.mailbox);
    return a && b && *a == *b;
  }

  /// RFC 8579 section 4.1: a mailbox that is made gets the use that the script looked for. If it is there, or cannot be
  /// made so, the delivery finds out.
  async::Task<void> make(const Placing& placing) {
    if (placing.special_use.empty() || placing.reply || !placing.target.create_mailbox) co_return;
    const auto made =
        co_await services_.store.create(placing.target.account, placing.target.mailbox, placing.special_use);
    if (!made && made.error().code != store::ErrorCode::kExists)
      failed("fileinto :specialuse", placing.target.mailbox, store::to_string(made.error().code));
  }

  /// Places of the same bytes share them.
  async::Task<void> place() {
    for (auto& placing : places_) co_await address(placing);
    unite();
    for (const auto& placing : places_) co_await make(placing);
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (places_[i].reply) continue;
      std::vector<std::size_t> same;
      std::vector<store::DeliveryTarget> targets;
      for (std::size_t n = i; n < places_.size(); ++n) {
        if (places_[n].message != places_[i].message) continue;
        same.push_back(n);
        targets.push_back(places_[n].target);
      }
      const auto bytes = std::make_shared<const std::string>(copy_of(places_[i].message));
      const auto results = co_await services_.store.deliver(std::move(targets), bytes, in_.time);
      // What has no place comes last: it may be kept already.
      for (const bool refused : {false, true}) {
        for (std::size_t n = 0; n < same.size(); ++n) {
          if (refused == (!results[n] && never_so(results[n].error().code)))
            co_await placed(places_[same[n]], results[n], bytes);
        }
      }
    }
  }

  async::Task<void> placed(Placing& placing, store::Result<store::Stored> result, store::Bytes bytes) {
    if (!result && never_so(result.error().code)) {
      failed("fileinto", placing.target.mailbox, store::to_string(result.error().code));
      if (is_kept(placing.message)) {
        placing.reply = smtp::Reply(250, "2.1.5", "delivered");
        co_return;
      }
      placing.target.mailbox = "INBOX";
      result = co_await to_inbox(bytes);
    }
    if (!result) {
      failed("store", placing.target.mailbox, result.error().detail);
      placing.reply = co_await refusal_of(services_, placing.target.account, result.error(), bytes->size());
      co_return;
    }
    if (services_.store_fault != nullptr) services_.store_fault->clear();
    placing.reply = smtp::Reply(250, "2.1.5", "delivered");
  }

  /// Whether it is where the user's mail is kept, as this script made it.
  bool is_kept(const sieve::Edited& message) const {
    return std::ranges::any_of(places_, [&](const Placing& placing) {
      return placing.reply && placing.reply->positive() && placing.message == message &&
             placing.target.account == filtering_.account &&
             (placing.target.mailbox == "INBOX" || placing.target.mailbox == filtering_.mailbox);
    });
  }

  /// RFC 5228 section 2.10.6: what cannot be done as the script says is kept.
  async::Task<store::Result<store::Stored>> to_inbox(store::Bytes bytes) {
    std::vector<store::DeliveryTarget> targets;
    targets.push_back({.account = filtering_.account, .keywords = {}});
    auto results = co_await services_.store.deliver(std::move(targets), std::move(bytes), in_.time);
    co_return std::move(results.front());
  }

  void failed(std::string_view action, std::string_view target, std::string_view reason) const {
    log::warn("mda.action_failed", {{"message", in_.id},
                                    {"trace", in_.trace},
                                    {"address", filtering_.account},
                                    {"action", action},
                                    {"target", target},
                                    {"reason", reason}});
  }

  /// As the sender asked (RFC 3461 section 4.1), but for success, of which our reply tells.
  std::uint8_t notify_of_redirect() const {
    if ((filtering_.notify & spool::kNotifySuccess) == 0) return filtering_.notify;
    const auto rest = static_cast<std::uint8_t>(filtering_.notify & ~spool::kNotifySuccess);
    return rest == 0 ? std::uint8_t{spool::kNotifyNever} : rest;
  }

  /// The mark of the account is what a loop of redirects is seen by when the message comes again.
  async::Task<void> send_on(const sieve::Redirect& redirect) {
    auto message = onward(in_, header_);
    const bool outside = !services_.filters->options().accounts()->is_local(mime::domain_of(redirect.address));
    if (outside && filtering_.forwarded_from) message.envelope.reverse_path = *filtering_.forwarded_from;
    message.recipients.push_back({redirect.address, notify_of_redirect(), filtering_.orcpt});
    if (redirect.message == nullptr) {
      message.body = forwarded_copy(in_.message, header_, filtering_.account, in_.received);
    } else {
      const mime::Header header(*redirect.message);
      message.body = forwarded_copy(*redirect.message, header, filtering_.account, in_.received);
    }
    auto reply = co_await enqueue(services_, in_, std::move(message), smtp::Reply(250, "2.1.5", "sent on"));
    if (!reply.positive()) failed("redirect", redirect.address, reply.text());
    sent_.push_back(std::move(reply));
  }

  /// If some of it is done and some is not, to refuse the message would do the first twice: it is kept instead.
  async::Task<smtp::Reply> settle() {
    std::vector<smtp::Reply> replies = sent_;
    for (const auto& placing : places_) replies.push_back(*placing.reply);
    const auto bad = std::ranges::find_if(replies, [](const auto& reply) { return !reply.positive(); });
    if (bad == replies.end() || kept_) co_return smtp::Reply(250, "2.1.5", "delivered");
    const bool some = std::ranges::any_of(replies, &smtp::Reply::positive);
    if (!some) co_return *bad;
    if (is_kept(nullptr)) co_return smtp::Reply(250, "2.1.5", "delivered");
    auto kept = co_await keep();
    // The user has it somewhere: there it would be once more each time that the client comes again.
    if (!kept.positive() && is_placed()) co_return smtp::Reply(250, "2.1.5", "delivered");
    co_return kept;
  }

  /// In the INBOX, as it came.
  async::Task<smtp::Reply> keep() {
    const auto bytes = std::make_shared<const std::string>(copy_of(nullptr));
    const auto kept = co_await to_inbox(bytes);
    if (!kept) co_return co_await refusal_of(services_, filtering_.account, kept.error(), bytes->size());
    kept_ = true;
    co_return smtp::Reply(250, "2.1.5", "delivered");
  }

  sieve::Answering answering() const {
    return {filtering_.account, mime::new_message_id(mime::domain_of(filtering_.account)), services_.hostname,
            in_.time};
  }

  /// With the null sender: nobody answers an answer.
  async::Task<smtp::Reply> answer(std::string text, std::vector<std::string> recipients) {
    auto message = onward(in_, header_);
    message.envelope.reverse_path.clear();
    message.envelope.envid.clear();
    message.envelope.ret = spool::Ret::kDefault;
    message.envelope.body_type = mime::is_ascii(text) ? spool::BodyType::k7Bit : spool::BodyType::k8BitMime;
    for (auto& recipient : recipients) message.recipients.push_back({std::move(recipient), spool::kNotifyNever, {}});
    message.body.push_back(std::move(text));
    co_return co_await enqueue(services_, in_, std::move(message), smtp::Reply(250, "2.1.5", "delivered"));
  }

  /// The mail has arrived: what fails here is no reason to have it sent again.
  async::Task<void> afterwards() {
    for (const auto& action : outcome_.actions) {
      if (const auto* vacation = std::get_if<sieve::Vacation>(&action)) {
        const bool due = co_await remember(vacation->key, vacation->seconds);
        if (due) co_await answer_or_say("vacation", sieve::vacation_reply(*vacation, answering()), {vacation->to});
      } else if (const auto* notify = std::get_if<sieve::Notify>(&action)) {
        co_await answer_or_say("notify", sieve::notification(*notify, answering()), notify->to.recipients);
      }
    }
    for (const auto& [key, seconds] : outcome_.remember) co_await remember(key, seconds, true);
  }

  async::Task<void> answer_or_say(std::string action, std::string text, std::vector<std::string> recipients) {
    const auto to = recipients.front();
    const auto reply = co_await answer(std::move(text), std::move(recipients));
    if (!reply.positive()) failed(action, to, reply.text());
  }

  /// Whether it was not remembered before; what cannot be remembered is not done, or it would be done again and again.
  async::Task<bool> remember(std::string key, std::uint64_t seconds, bool renew = false) {
    const auto directory = user_directory(services_.filters->options().directory, filtering_.account);
    if (!directory) co_return false;
    const auto claimed = co_await async::offload(
        services_.files, [&] { return SieveMemory(*directory).claim(key, seconds, in_.time, renew); });
    if (!claimed) failed("remember", *directory, claimed.error().detail);
    co_return claimed.value_or(false);
  }

  const Services& services_;
  const Incoming& in_;
  const mime::Header& header_;
  const Filtering& filtering_;
  const sieve::Outcome& outcome_;
  std::vector<Placing> places_;
  std::vector<smtp::Reply> sent_;
  bool kept_ = false;  // by keep()
};

}  // namespace

async::Task<smtp::Reply> carry_out(const Services& services, const Incoming& incoming, const mime::Header& header,
                                   const Filtering& filtering, const sieve::Outcome& outcome) {
  Actions actions(services, incoming, header, filtering, outcome);
  co_return co_await actions.run();
}

}  // namespace quartet::mda
