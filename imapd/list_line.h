// One LIST response: RFC 3501 section 7.2.2, RFC 5258.
#pragma once
#include <optional>
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

/// Extended data of a LIST response: the name a mailbox had, or that the client gave it (RFC 9051 section 6.3.9.7).
std::string old_name_item(std::string_view old, bool utf8);

/// The name of a mailbox as the store has it, where the client must hear of that: it is one of IMAP4rev2 and gave
/// another (RFC 9051 section 5.1). Others would not expect such a LIST response.
std::optional<std::string> true_name(const Context& context, const std::string& given);

/// The LIST response that lets a client find again what it called `given`.
void append_true_name(Context& context, std::string_view attributes, std::string_view name, std::string_view given);
/// The same after a command that took the name, if there is something to say.
void tell_true_name(Context& context, const std::string& given, std::string_view attributes = {});

}  // namespace quartet::imapd
