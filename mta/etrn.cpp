#include "mta/etrn.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"

namespace quartet::mta {
namespace {

smtp::Reply reply_to(const relay::StartAnswer& answer, std::string_view node, bool withhold_count) {
  using Kind = relay::StartAnswer::Kind;
  switch (answer.kind) {
    case Kind::kStarted:
      if (withhold_count) return {252, "2.0.0", fmt::format("pending messages for node {} started", node)};
      return {253, "2.0.0", fmt::format("{} pending messages for node {} started", answer.pending, node)};
    case Kind::kAlreadyRunning:
      return {250, "2.0.0", fmt::format("queuing for node {} started", node)};
    case Kind::kNothing:
      return {251, "2.0.0", fmt::format("no messages waiting for node {}", node)};
    case Kind::kUnable:
      return {458, "4.3.2", fmt::format("unable to queue messages for node {}", node)};
    case Kind::kPaused:
      return {458, "4.3.2", fmt::format("unable to queue messages for node {}: delivery is paused", node)};
    case Kind::kTooSoon:
      return {458, "4.7.0", fmt::format("unable to queue messages for node {}: {}", node, too_soon(answer.wait))};
    case Kind::kUnknown:
      break;
  }
  return {459, "4.7.1", fmt::format("node {} not allowed: no link of this client", node)};
}

using config::v1::Link;

void check_mode(service::Checker& checker, const config::v1::Mta& source, const Link& link) {
  const auto mode = link.mode();
  const bool atrn = mode == Link::ATRN || mode == Link::MODE_UNSPECIFIED;
  const bool etrn = mode == Link::ETRN || mode == Link::MODE_UNSPECIFIED;
  if (!etrn && link.allowed_size() != 0) checker.fault(link, "allowed", "is for ETRN, which the mode excludes");
  if (!atrn && link.login_size() != 0) checker.fault(link, "login", "is for ATRN, which the mode excludes");
  if (mode == Link::PUSH && link.on_request())
    checker.fault(link, "on_request", "nobody could request it: mode is PUSH");
  if (mode == Link::ATRN && link.has_next_hop()) checker.fault(link, "next_hop", "is never used: mode is ATRN");
  if (mode == Link::ATRN && link.login_size() == 0) checker.fault(link, "mode", "ATRN needs a login");
  if (link.login_size() != 0 && source.odmr_size() == 0) checker.fault(link, "login", "needs a listener in odmr");
  if (link.login_size() == 0 && !link.password().empty()) checker.fault(link, "password", "needs a login");
  if (link.min_interval_seconds() > 86400) checker.fault(link, "min_interval_seconds", "at most 86400 (a day)");
  if (link.min_interval_seconds() != 0 && mode == Link::PUSH)
    checker.fault(link, "min_interval_seconds", "nobody starts it: mode is PUSH");
  if (link.keep_alive_seconds() > 270)
    checker.fault(link, "keep_alive_seconds", "at most 270: a server may close after 300 (RFC 5321 section 4.5.3.2.7)");
}

void check_login(service::Checker& checker, const Link& link, int index, const directory::Account* account) {
  if (link.login(index).empty()) checker.fault(link, "login", "is empty", index);
  if (account != nullptr && !link.password().empty())
    checker.fault(link, "login", "has a password in the directory, and none may be given here", index);
  if (account == nullptr && link.password().empty())
    checker.fault(link, "login", "is not in the directory, and there is no password", index);
}

}  // namespace

std::string too_soon(std::chrono::milliseconds wait) {
  return fmt::format("asked too often, try again in {} seconds", std::chrono::ceil<std::chrono::seconds>(wait).count());
}

LinkRights read_link_rights(service::Checker& checker, const config::v1::Mta& source,
                            const directory::Directory* directory) {
  LinkRights out;
  std::unordered_map<std::string, std::string> passwords;
  for (const auto& link : source.link()) {
    check_mode(checker, source, link);
    LinkRight right;
    right.allowed = service::networks(checker, link, "allowed", link.allowed());
    right.withhold_count = link.withhold_count();
    right.password = link.password();
    right.stay = std::chrono::seconds(link.stay_seconds());
    if (link.keep_alive_seconds() != 0) right.keep_alive = std::chrono::seconds(link.keep_alive_seconds());
    for (int i = 0; i < link.login_size(); ++i) {
      auto login = ascii::lower(link.login(i));
      check_login(checker, link, i, directory != nullptr ? directory->find_account(login) : nullptr);
      if (passwords.try_emplace(login, link.password()).first->second != link.password())
        checker.fault(link, "login", "has another password at another link", i);
      right.logins.push_back(std::move(login));
    }
    out[link.name()] = std::move(right);
  }
  return out;
}

EtrnNode parse_etrn(std::string_view argument) {
  if (argument.starts_with('@')) return {EtrnNode::Form::kSubtree, ascii::lower(argument.substr(1))};
  if (argument.starts_with('#')) return {EtrnNode::Form::kQueue, ascii::lower(argument.substr(1))};
  return {EtrnNode::Form::kDomain, ascii::lower(argument)};
}

const relay::RoutingTable::Link* find_link(const relay::Router& router, const EtrnNode& node) {
  if (node.form == EtrnNode::Form::kDomain) return router.link_of(node.name);
  for (const auto& link : router.table().links) {
    if (node.form == EtrnNode::Form::kQueue) {
      if (ascii::iequals(link.name, node.name)) return &link;
      continue;
    }
    // The link must have all below the name: what it has no right to ask for it would be promised otherwise, and "@com"
    // is answered to nobody.
    const auto meant = [&node](const std::string& domain) { return domain == "." + node.name; };
    if (std::ranges::any_of(link.domains, meant)) return &link;
  }
  return nullptr;
}

smtp::Reply answer_etrn(std::string_view argument, const net::Address& client, const relay::Router& router,
                        const LinkRights& rights,
                        const std::function<relay::StartAnswer(const std::string& link)>& start) {
  const auto* link = find_link(router, parse_etrn(argument));
  const auto right = link == nullptr ? rights.end() : rights.find(link->name);
  // One answer for what is not there and for what is not theirs: strangers learn no names.
  if (right == rights.end() || !service::contains(right->second.allowed, client)) return reply_to({}, argument, false);
  return reply_to(start(link->name), argument, right->second.withhold_count);
}

}  // namespace quartet::mta
