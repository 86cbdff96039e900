// One LIST response: RFC 3501 section 7.2.2, RFC 5258.
#pragma once
#include <string>
#include <string_view>

#include "common/store/types.h"
#include "imapd/context.h"

namespace quartet::imapd {

/// What it says beside the mailbox.
struct ListLine {
  bool lsub = false;
  bool extended = false;   // the client knows \NonExistent
  bool no_select = false;  // there is a mailbox, which the client may not read
  bool no_access = false;
  bool has_children = false;
  bool subscriptions = false;  // \Subscribed is wanted
  std::string item{};          // extended data: "(\"CHILDINFO\" (\"SUBSCRIBED\"))"
};

void append_list_line(Context& context, const store::MailboxInfo& mailbox, const ListLine& line);

}  // namespace quartet::imapd
