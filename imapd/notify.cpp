// NOTIFY: RFC 5465 section 3.
#include "imapd/changes.h"
#include "imapd/commands.h"
#include "imapd/notifier.h"

namespace quartet::imapd {

Answer notify(Context& context, const Notify& command) {
  if (command.unsupported)
    co_return Reply::no("No such event",
                        "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
                        "MailboxMetadataChange ServerMetadataChange)");
  // What has happened until now is told, whatever the client wanted to know so far (section 3.1).
  if (context.selected && !command.groups.empty()) {
    const auto told = co_await tell_changes(context, {}, FlagChanges::kAll);
    if (!told) context.farewell = farewell_after(told.error());
    if (!told) co_return failure(told.error());
  }
  auto notifier = std::make_shared<Notifier>(command);
  auto failed = co_await notifier->begin(context, command.status);
  if (failed) co_return *std::move(failed);
  context.notifier = std::move(notifier);
  co_return Reply::ok(command.groups.empty() ? "Nothing will be told" : "Will be told");
}

}  // namespace quartet::imapd
