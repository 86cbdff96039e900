#include "imapd/list_line.h"

#include "common/store/store.h"
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

std::string old_name_item(std::string_view old, bool utf8) {
  std::string item = R"(("OLDNAME" ()";
  append_mailbox_name(item, old, utf8);
  return item + "))";
}

std::optional<std::string> true_name(const Context& context, const std::string& given) {
  if (!context.enabled.rev2) return std::nullopt;
  auto name = store::canonical_name(given);
  if (!name || *name == given) return std::nullopt;
  return *std::move(name);
}

void append_true_name(Context& context, std::string_view attributes, std::string_view name, std::string_view given) {
  auto& out = context.output.text();
  out.append("* LIST (").append(attributes).append(R"() "/" )");
  append_mailbox_name(out, name, context.enabled.utf8);
  out.append(" ").append(old_name_item(given, context.enabled.utf8)).append("\r\n");
}

void tell_true_name(Context& context, const std::string& given, std::string_view attributes) {
  if (const auto name = true_name(context, given)) append_true_name(context, attributes, *name, given);
}

}  // namespace quartet::imapd
