#include "mta/atrn.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/crypto/digest.h"

namespace quartet::mta {
namespace {

using Link = relay::RoutingTable::Link;

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

/// The right that `login` has to the mail of `link` by ATRN; null if it has none.
const LinkRight* right_of(const LinkRights& rights, const Link& link, const std::string& login) {
  const auto right = rights.find(link.name);
  if (right == rights.end() || !has(right->second.logins, login)) return nullptr;
  return &right->second;
}

/// Puts a link into the turn, once. The connection stays as long as the most patient of its links says.
void add(relay::Turn& turn, const Link& link, const LinkRight& right) {
  if (has(turn.links, link.name)) return;
  turn.links.push_back(link.name);
  turn.stay = std::max<std::chrono::milliseconds>(turn.stay, right.stay);
  turn.keep_alive = std::min<std::chrono::milliseconds>(turn.keep_alive, right.keep_alive);
}

/// What is said where the site of a link may not have its mail at present; RFC 2645 section 5.2.1 has 450 for it.
std::optional<smtp::Reply> refused(const relay::StartAnswer& answer) {
  using Kind = relay::StartAnswer::Kind;
  if (answer.kind == Kind::kPaused) return smtp::Reply(450, "4.3.2", "ATRN request refused: delivery is paused");
  if (answer.kind == Kind::kTooSoon) return smtp::Reply(450, "4.7.0", "ATRN request refused: " + too_soon(answer.wait));
  return std::nullopt;
}

/// Whether the claim is of this password.
bool has_password(const sasl::Claim& claim, const std::string& password) {
  if (const auto* const proof = std::get_if<sasl::CramMd5Proof>(&claim.evidence)) return sasl::proves(*proof, password);
  const auto* const said = std::get_if<sasl::Password>(&claim.evidence);
  return said != nullptr && crypto::same_secret(said->text, password);
}

}  // namespace

AtrnAnswer answer_atrn(const std::vector<std::string>& domains, const std::string& login, const relay::Router& router,
                       const LinkRights& rights, const Waiting& waiting, const MayTurn& may_turn) {
  const auto who = ascii::lower(login);
  std::optional<smtp::Reply> not_now;
  relay::Turn turn;
  turn.domains = domains;
  turn.keep_alive = std::chrono::minutes(4);
  for (const auto& domain : domains) {
    const auto* link = router.link_of(domain);
    const auto* right = link == nullptr ? nullptr : right_of(rights, *link, who);
    // One answer for what is not there and for what is not theirs.
    if (right == nullptr) return {{450, "4.7.1", fmt::format("{} is not yours to ask for", domain)}, {}};
    if (!not_now) not_now = refused(may_turn(link->name));
    add(turn, *link, *right);
  }
  if (not_now) return {*std::move(not_now), {}};
  if (domains.empty()) {
    for (const auto& link : router.table().links) {
      const auto* right = right_of(rights, link, who);
      if (right == nullptr) continue;
      if (auto refusal = refused(may_turn(link.name))) {
        not_now = std::move(refusal);
        continue;
      }
      add(turn, link, *right);
      turn.domains.insert(turn.domains.end(), link.domains.begin(), link.domains.end());
    }
  }
  if (turn.links.empty() && not_now) return {*std::move(not_now), {}};
  if (turn.links.empty()) return {{450, "4.7.1", "no domain is yours to ask for"}, {}};
  // Who stays for what is to come is let in with an empty queue, too, which RFC 2645 permits.
  const auto count = waiting(turn.domains);
  if (!count) return {{451, "4.3.2", "the queue cannot be served now"}, {}};
  if (turn.stay.count() == 0 && *count == 0) return {{453, "4.2.0", "you have no mail"}, {}};
  return {{250, "2.0.0", "now you are the server"}, std::move(turn)};
}

std::optional<bool> check_link_password(const LinkRights& rights, const sasl::Claim& claim) {
  const auto who = ascii::lower(claim.authentication);
  for (const auto& [name, right] : rights) {
    if (right.password.empty() || !has(right.logins, who)) continue;
    return has_password(claim, right.password);
  }
  return std::nullopt;
}

}  // namespace quartet::mta
