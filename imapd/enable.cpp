// ENABLE (RFC 5161), the commands that enable CONDSTORE by being used (RFC 7162 section 3.1), and those that what is
// enabled rules out.
#include <fmt/format.h>

#include "imapd/commands.h"

namespace quartet::imapd {
namespace {

/// False for what is not known and for what needs no enabling, which are passed over (RFC 5161 section 3.1).
bool enable_one(Context& context, const std::string& capability) {
  auto& enabled = context.enabled;
  if (capability == "CONDSTORE" || capability == "QRESYNC") {
    enable_condstore(context);
    enabled.qresync = enabled.qresync || capability == "QRESYNC";
    return true;
  }
  if (capability == "IMAP4REV2") return enabled.rev2 = enabled.utf8 = true;
  if (capability == "UTF8=ACCEPT") return enabled.utf8_accept = enabled.utf8 = true;
  return false;
}

/// Strings are UTF-8 from ENABLE UTF8=ACCEPT on, another label would contradict it (RFC 9755 section 3).
bool names_charset(const Command& command) {
  if (const auto* search = std::get_if<Search>(&command.arguments)) return !search->charset.empty();
  if (const auto* sort = std::get_if<Sort>(&command.arguments)) return sort->charset != "UTF-8";
  if (const auto* thread = std::get_if<Thread>(&command.arguments)) return thread->charset != "UTF-8";
  return false;
}

}  // namespace

std::optional<Reply> ruled_out(const Enabled& enabled, const Command& command) {
  if (enabled.utf8_accept && names_charset(command)) return Reply::bad("Strings are UTF-8 after ENABLE UTF8=ACCEPT");
  return std::nullopt;
}

void enable_condstore(Context& context) {
  if (std::exchange(context.enabled.condstore, true) || !context.selected) return;
  // The client has had no mod-sequence of this mailbox to begin with.
  const auto modseq = context.selected->view()->highest_modseq();
  context.output.line(fmt::format("* OK [HIGHESTMODSEQ {}] Mod-sequences from here on", modseq));
}

Reply enable(Context& context, const Enable& command) {
  std::string names;
  for (const auto& capability : command.capabilities)
    if (enable_one(context, capability)) names += " " + capability;
  context.output.line("* ENABLED" + names);
  return Reply::ok("Enabled");
}

}  // namespace quartet::imapd
