#include "imapd/list_line.h"

#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

std::string attributes(const store::MailboxInfo& mailbox, const ListLine& line) {
  std::string words;
  const auto add = [&words](std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
  };
  // RFC 5258 section 3: \NonExistent implies \Noselect; only clients that speak LIST-EXTENDED know it.
  if (!mailbox.exists && line.extended)
    add("\\NonExistent");
  else if (mailbox.noselect || !mailbox.exists || line.no_select)
    add("\\Noselect");
  if (line.no_access) add("\\NoAccess");
  add(line.has_children ? "\\HasChildren" : "\\HasNoChildren");
  if (mailbox.subscribed && line.subscriptions) add("\\Subscribed");
  if (!mailbox.special_use.empty()) add(mailbox.special_use);
  return words;
}

}  // namespace

void append_list_line(Context& context, const store::MailboxInfo& mailbox, const ListLine& line) {
  auto& out = context.output.text();
  out.append(line.lsub ? "* LSUB (" : "* LIST (").append(attributes(mailbox, line)).append(") \"/\" ");
  append_mailbox_name(out, mailbox.name, context.enabled.utf8);
  if (!line.item.empty()) out.append(" ").append(line.item);
  out += "\r\n";
}

}  // namespace quartet::imapd
