#include "mta/rewrite.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/mime/idna.h"
#include "common/relay/route.h"
#include "common/smtp/orcpt.h"

namespace quartet::mta {
namespace {

using directory::Expansion;
using smtp::RcptParameters;

/// Who gets the message under one sender, each once.
struct Group {
  bool list = false;
  std::vector<RcptParameters> recipients;
  std::set<std::string> addresses;

  void add(RcptParameters recipient) {
    if (addresses.insert(directory::canonical_address(recipient.forward_path)).second)
      recipients.push_back(std::move(recipient));
  }
};

class Follower {
 public:
  Follower(const Settings& settings, smtp::Transaction transaction, WallTime now)
      : settings_(settings), now_(now), sender_(transaction.mail.reverse_path) {
    out_.transaction = std::move(transaction);
  }

  service::Followed run() {
    auto recipients = std::move(out_.transaction.recipients);
    std::vector<std::pair<RcptParameters, Expansion>> aliases;
    for (auto& recipient : recipients) {
      auto address = rewritten(settings_, recipient.forward_path, now_);
      if (address != recipient.forward_path) {
        name_original(recipient);
        recipient.forward_path = std::move(address);
      }
      auto expansion = expansion_of(settings_, recipient.forward_path);
      if (expansion && !expansion->targets.empty())
        aliases.emplace_back(std::move(recipient), *std::move(expansion));
      else  // even if it is there twice: the client was promised both
        add_own(std::move(recipient));
    }
    for (auto& [recipient, expansion] : aliases) expand(std::move(recipient), expansion);
    out_.expanded = !aliases.empty();
    out_.transaction.recipients = std::move(own_.recipients);
    for (auto& [sender, group] : others_) out_.branches.push_back({sender, group.list, std::move(group.recipients)});
    return std::move(out_);
  }

 private:
  static void name_original(RcptParameters& recipient) {
    if (recipient.orcpt.empty()) recipient.orcpt = smtp::original_recipient(recipient.forward_path);
  }

  void add_own(RcptParameters recipient) {
    own_.addresses.insert(directory::canonical_address(recipient.forward_path));
    own_.recipients.push_back(std::move(recipient));
  }

  void expand(RcptParameters recipient, const Expansion& expansion) {
    name_original(recipient);
    hear_of_success(recipient, expansion);
    for (const auto& target : expansion.targets) {
      auto member = recipient;
      member.forward_path = target.address;
      if (!target.owner.empty() && !sender_.empty()) {
        member.notify = spool::kNotifyDefault;
        member.orcpt.clear();
        auto& group = others_[target.owner];
        group.list = true;
        group.add(std::move(member));
      } else if (const auto forwarder = forwarder_to(target)) {
        others_[*forwarder].add(std::move(member));
      } else {
        own_.add(std::move(member));
      }
    }
  }

  /// RFC 3461 sections 5.2.7.2 and 5.2.7.4: success ends where one address becomes many, or a list takes over.
  void hear_of_success(RcptParameters& recipient, const Expansion& expansion) {
    const auto by_list = [](const Expansion::Target& target) { return !target.owner.empty(); };
    const bool list = std::ranges::all_of(expansion.targets, by_list);
    if ((recipient.notify & spool::kNotifySuccess) == 0 || (expansion.targets.size() == 1 && !list)) return;
    recipient.notify &= static_cast<std::uint8_t>(~spool::kNotifySuccess);
    if (recipient.notify == spool::kNotifyDefault) recipient.notify = spool::kNotifyNever;
    using Action = relay::Notice::Action;
    relay::Notice notice;
    notice.action = list ? Action::kDelivered : Action::kExpanded;
    notice.address = recipient.forward_path;
    notice.orcpt = recipient.orcpt;
    notice.last_attempt = now_;
    out_.notices.push_back(std::move(notice));
  }

  /// The sender of what goes to another site, if it has to be another one.
  std::optional<std::string> forwarder_to(const Expansion::Target& target) const {
    if (target.local || !settings_.srs || settings_.directory->is_local(mime::domain_of(sender_))) return std::nullopt;
    return settings_.srs->forward(sender_, now_);
  }

  const Settings& settings_;
  const WallTime now_;
  const std::string sender_;
  Group own_;
  std::map<std::string, Group> others_;  // by their sender
  service::Followed out_;
};

}  // namespace

std::string rewritten(const Settings& settings, const std::string& recipient, WallTime now) {
  if (settings.srs && settings.srs->is_ours(recipient))
    return settings.srs->reverse(recipient, now).value_or(recipient);
  return settings.directory ? settings.directory->at_home(recipient) : recipient;
}

std::optional<Expansion> expansion_of(const Settings& settings, const std::string& recipient) {
  if (!settings.config.follow_aliases() || !settings.directory) return std::nullopt;
  auto expansion = settings.directory->expand(recipient);
  if (!expansion.is_alias) return std::nullopt;
  return expansion;
}

service::Followed follow(const Settings& settings, smtp::Transaction transaction, WallTime now) {
  return Follower(settings, std::move(transaction), now).run();
}

spool::Replacement replacement_of(const Settings& settings, const spool::Message& message,
                                  const std::vector<spool::Claim>& recipients, WallTime now) {
  spool::Replacement out;
  smtp::Transaction transaction;
  transaction.mail.reverse_path = message.envelope.reverse_path;
  for (const auto& recipient : recipients) {
    const auto address = rewritten(settings, recipient.address, now);
    const auto expansion = expansion_of(settings, address);
    if (address == recipient.address && (!expansion || expansion->targets.empty())) continue;
    out.replaced.push_back(recipient.ordinal);
    transaction.recipients.push_back({recipient.address, recipient.notify, recipient.orcpt});
  }
  if (out.replaced.empty()) return out;
  auto followed = follow(settings, std::move(transaction), now);
  const auto add = [&](const spool::Envelope& envelope, const std::vector<RcptParameters>& to) {
    auto& made = out.messages.emplace_back();
    made.envelope = envelope;
    for (const auto& recipient : to)
      made.recipients.push_back({recipient.forward_path, recipient.notify, recipient.orcpt});
  };
  if (!followed.transaction.recipients.empty()) add(message.envelope, followed.transaction.recipients);
  for (const auto& branch : followed.branches) {
    auto envelope = message.envelope;
    envelope.reverse_path = branch.reverse_path;
    if (branch.list) {
      envelope.envid.clear();
      envelope.ret = spool::Ret::kDefault;
    }
    add(envelope, branch.recipients);
  }
  if (!followed.notices.empty() && !message.envelope.reverse_path.empty()) {
    relay::NoticeOptions options;
    options.hostname = settings.hostname;
    out.messages.push_back(relay::make_notice(options, message, {}, followed.notices));
  }
  return out;
}

}  // namespace quartet::mta
