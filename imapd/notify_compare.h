// What is different between two lists of mailboxes, as a client with NOTIFY is told of it (RFC 5465 section 5).
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/task.h"
#include "imapd/context.h"
#include "imapd/known_mailboxes.h"

namespace quartet::imapd {

/// What a client wants to know of a mailbox that it has not selected.
struct MailboxEvents {
  bool messages = false;  // MessageNew and MessageExpunge
  bool flags = false;
  bool names = false;
  bool subscriptions = false;
  bool metadata = false;
  bool any() const { return messages || flags || names || subscriptions || metadata; }
};

using Mailboxes = std::map<std::string, Known, std::less<>>;
Mailboxes by_name(std::vector<Known> known);

/// Whether there is a mailbox that the client may read; its events are told to no one else.
bool is_readable(const Known& mailbox);

struct Compared {
  const Mailboxes& before;
  const Mailboxes& now;
  std::function<MailboxEvents(const Known&)> events_of;
  std::function<bool(std::string_view name)> forgiven;  // what the client itself has done there
};

/// LIST for names that came, went, were renamed, subscribed to or not any more, and that may be read or not any more
/// (sections 5.4, 5.5 and 5.9).
void append_name_changes(Context& context, const Compared& compared);

/// STATUS for mailboxes other than the selected one (sections 5.1 to 5.3).
async::Task<void> append_status_changes(Context& context, const Compared& compared);

/// Those of `now` whose messages, flags or annotations may be others than before; with new ones.
std::vector<const Known*> touched(const Compared& compared);

}  // namespace quartet::imapd
