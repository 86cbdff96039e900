#include "mta/rewrite.h"

namespace quartet::mta {

std::string rewritten(const Settings& settings, const std::string& recipient, WallTime now) {
  if (settings.srs && settings.srs->is_ours(recipient))
    return settings.srs->reverse(recipient, now).value_or(recipient);
  return settings.directory ? settings.directory->at_home(recipient) : recipient;
}

void rewrite_recipients(const Settings& settings, smtp::Transaction& transaction, WallTime now) {
  for (auto& recipient : transaction.recipients) {
    auto address = rewritten(settings, recipient.forward_path, now);
    if (address == recipient.forward_path) continue;
    if (recipient.orcpt.empty()) recipient.orcpt = "rfc822;" + recipient.forward_path;
    recipient.forward_path = std::move(address);
  }
}

}  // namespace quartet::mta
