// ENABLE (RFC 5161), and the commands that enable CONDSTORE by being used (RFC 7162 section 3.1).
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
  return false;
}

}  // namespace

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
