#include "mda/explain.h"

#include "mda/plan.h"

namespace quartet::mda {
namespace {

std::string describe(const Target& target) {
  switch (target.kind) {
    case Target::Kind::kStore:
      return "the mailboxes of " + target.address +
             (target.path.empty() ? "" : ": the one called " + target.path + ", if it is there");
    case Target::Kind::kMbox:
      return "mbox " + target.path;
    case Target::Kind::kMaildir:
      return "Maildir " + target.path;
    case Target::Kind::kSend:
      break;
  }
  return "sent on to " + target.address;
}

}  // namespace

control::RecipientAnswer explain_recipient(const Tables& tables, const control::RecipientQuestion& question,
                                           WallTime now) {
  const auto plan = make_plan(*tables.directory, *tables.deliveries, question.recipient, tables.srs.get(), now);
  control::RecipientAnswer out;
  out.mail = {250, "2.1.0", "sender ok"};
  out.rcpt = plan.targets.empty() ? plan.refusal : smtp::Reply(250, "2.1.5", "recipient ok");
  for (const auto& unknown : plan.unknown) out.reasons.push_back("leads to " + unknown + ", which has no user");
  for (const auto& target : plan.targets) {
    if (!target.via.empty() && target.via != question.recipient) out.reasons.push_back("by way of " + target.via);
    out.leads_to.push_back(describe(target));
  }
  return out;
}

}  // namespace quartet::mda
