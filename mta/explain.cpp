#include "mta/explain.h"

#include "common/mime/idna.h"
#include "mta/rewrite.h"
#include "mta/routes.h"
#include "mta/session.h"

namespace quartet::mta {
namespace {

std::string directory_reason(const directory::Resolution& resolution, std::string_view domain) {
  using Kind = directory::Resolution::Kind;
  switch (resolution.kind) {
    case Kind::kAccount:
      return "directory: the account " + resolution.account->login;
    case Kind::kAlias:
      return resolution.owner->empty() ? "directory: an alias" : "directory: a list of " + *resolution.owner;
    case Kind::kUnknownUser:
      return "directory: a local domain without that user";
    case Kind::kNotLocal:
      break;
  }
  return "directory: " + std::string(domain) + " is not local";
}

/// Why mail for a domain that is not local is taken from this client, or is not.
std::string relay_reason(const Settings& settings, const net::Address& client, const std::string& domain) {
  if (service::contains(settings.trusted, client)) return "trusted: has the client";
  if (covers(settings.relay_domains, domain)) return "relay_domain: has " + domain;
  if (const auto* link = settings.router->link_of(domain)) return "link: " + link->name;
  return "neither trusted, relay_domain nor link has client or domain";
}

}  // namespace

control::RecipientAnswer explain_recipient(const Settings& settings, const control::RecipientQuestion& question,
                                           WallTime now) {
  const auto& recipient = question.recipient;
  control::RecipientAnswer out;
  out.mail = {250, "2.1.0", "sender ok"};
  out.rcpt = check_recipient(settings, question.client, recipient);
  const auto target = rewritten(settings, recipient, now);
  const auto domain = mime::domain_of(target);
  if (settings.srs && settings.srs->is_ours(recipient)) {
    out.reasons.push_back("srs: a sender that was rewritten when mail was forwarded");
  } else {
    if (target != recipient) out.reasons.push_back("directory: stands for " + target);
    const auto resolution = settings.directory ? settings.directory->resolve(target) : directory::Resolution{};
    if (settings.directory) out.reasons.push_back(directory_reason(resolution, domain));
    if (resolution.kind == directory::Resolution::Kind::kNotLocal)
      out.reasons.push_back(relay_reason(settings, question.client, domain));
  }
  if (!out.rcpt.positive()) return out;
  if (const auto expansion = expansion_of(settings, target)) {
    for (const auto& each : expansion->targets) out.leads_to.push_back(each.address);
    for (const auto& unknown : expansion->unknown) out.reasons.push_back("leads to " + unknown + ", which has no user");
    return out;
  }
  if (covers(settings.verification.domains, domain))
    out.reasons.push_back("verify_recipients: its next hop is asked while the client waits");
  out.leads_to.push_back(target);
  return out;
}

}  // namespace quartet::mta
