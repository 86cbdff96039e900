// ENABLE (RFC 5161), the commands that enable CONDSTORE by being used (RFC 7162 section 3.1), and those that what is
// enabled rules out.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "imapd/command_traits.h"
#include "imapd/commands.h"

namespace quartet::imapd {
namespace {

/// The name as CAPABILITY has it, which is what clients look for in ENABLED; "" for what is not known and for what
/// needs no enabling, which are passed over (RFC 5161 section 3.1).
std::string_view enable_one(Context& context, std::string_view capability) {
  static constexpr std::string_view kNames[] = {"IMAP4rev2", "UTF8=ACCEPT", "CONDSTORE", "QRESYNC", "UIDONLY"};
  const auto* const known = std::ranges::find_if(kNames, [&](auto name) { return ascii::iequals(name, capability); });
  if (known == std::end(kNames)) return {};
  auto& enabled = context.enabled;
  if (*known == "CONDSTORE" || *known == "QRESYNC") enable_condstore(context);
  if (*known == "QRESYNC") enabled.qresync = true;
  if (*known == "IMAP4rev2") enabled.rev2 = enabled.utf8 = true;
  if (*known == "UTF8=ACCEPT") enabled.utf8_accept = enabled.utf8 = true;
  if (*known == "UIDONLY") enabled.uidonly = true;
  return *known;
}

/// Strings are UTF-8 from ENABLE UTF8=ACCEPT on, another label would contradict it (RFC 9755 section 3).
bool names_charset(const Command& command) {
  if (const auto* many = std::get_if<MultiSearch>(&command.arguments)) return !many->search.charset.empty();
  if (const auto* search = std::get_if<Search>(&command.arguments)) return !search->charset.empty();
  if (const auto* sort = std::get_if<Sort>(&command.arguments)) return sort->charset != "UTF-8";
  if (const auto* thread = std::get_if<Thread>(&command.arguments)) return thread->charset != "UTF-8";
  return false;
}

/// Whether messages are named by sequence number (RFC 9586 section 3).
bool names_numbers(const Command& command) {
  static constexpr std::string_view kByNumber[] = {"FETCH", "STORE",  "COPY",   "MOVE",
                                                   "SORT",  "SEARCH", "THREAD", "REPLACE"};
  if (!command.uid && std::ranges::find(kByNumber, command.name) != std::end(kByNumber)) return true;
  if (searches_numbers(command)) return true;
  const auto* select = std::get_if<Select>(&command.arguments);
  return select != nullptr && select->qresync && select->qresync->known_pairs;
}

}  // namespace

std::optional<Reply> ruled_out(const Enabled& enabled, const Command& command) {
  if (enabled.uidonly && names_numbers(command))
    return Reply::bad("Messages are named by UID after ENABLE UIDONLY", "UIDREQUIRED");
  if (enabled.utf8_accept && names_charset(command)) return Reply::bad("Strings are UTF-8 after ENABLE UTF8=ACCEPT");
  return std::nullopt;
}

void enable_condstore(Context& context) {
  if (std::exchange(context.enabled.condstore, true) || !context.selected) return;
  // The client has had no mod-sequence of this mailbox to begin with.
  const auto modseq = context.selected->heard_modseq();
  context.output.line(fmt::format("* OK [HIGHESTMODSEQ {}] Mod-sequences from here on", modseq));
}

Reply enable(Context& context, const Enable& command) {
  std::string names;
  for (const auto& capability : command.capabilities)
    if (const auto name = enable_one(context, capability); !name.empty()) names.append(" ").append(name);
  context.output.line("* ENABLED" + names);
  return Reply::ok("Enabled");
}

}  // namespace quartet::imapd
