#include "imapd/command_traits.h"

#include <algorithm>
#include <iterator>

namespace quartet::imapd {
namespace {

/// Of SEARCH and ESEARCH; null for other commands.
const Search* search_of(const Command& command) {
  if (const auto* many = std::get_if<MultiSearch>(&command.arguments)) return &many->search;
  return std::get_if<Search>(&command.arguments);
}

bool names_numbers(const SearchKey& key) {
  if (key.kind == SearchKey::Kind::kSequence) return !key.set.saved_result();
  return std::ranges::any_of(key.children, names_numbers);
}

}  // namespace

State needed_state(const Command& command) {
  static constexpr std::string_view kAnywhere[] = {"CAPABILITY", "NOOP", "LOGOUT", "ID"};
  static constexpr std::string_view kBefore[] = {"STARTTLS", "LOGIN", "AUTHENTICATE"};
  static constexpr std::string_view kOpen[] = {"CHECK", "CLOSE",   "UNSELECT",    "EXPUNGE", "SEARCH",
                                               "SORT",  "THREAD",  "FETCH",       "STORE",   "COPY",
                                               "MOVE",  "REPLACE", "CANCELUPDATE"};
  if (std::ranges::find(kAnywhere, command.name) != std::end(kAnywhere)) return State::kAny;
  if (std::ranges::find(kBefore, command.name) != std::end(kBefore)) return State::kNotAuthenticated;
  if (std::ranges::find(kOpen, command.name) != std::end(kOpen)) return State::kSelected;
  return State::kAuthenticated;
}

bool searches_numbers(const Command& command) {
  if (const auto* search = search_of(command)) return names_numbers(search->key);
  if (const auto* sort = std::get_if<Sort>(&command.arguments)) return names_numbers(sort->key);
  const auto* thread = std::get_if<Thread>(&command.arguments);
  return thread != nullptr && names_numbers(thread->key);
}

bool tells_expunges(const Command& command) {
  static constexpr std::string_view kByNumber[] = {"FETCH", "STORE", "SEARCH", "SORT", "THREAD"};
  if (searches_numbers(command)) return false;
  return command.uid || std::ranges::find(kByNumber, command.name) == std::end(kByNumber);
}

std::vector<const std::string*> changed_names(const Command& command) {
  if (const auto* create = std::get_if<Create>(&command.arguments)) return {&create->mailbox};
  if (const auto* gone = std::get_if<Delete>(&command.arguments)) return {&gone->mailbox};
  if (const auto* rename = std::get_if<Rename>(&command.arguments)) return {&rename->from, &rename->to};
  if (const auto* subscribe = std::get_if<Subscribe>(&command.arguments)) return {&subscribe->mailbox};
  if (const auto* unsubscribe = std::get_if<Unsubscribe>(&command.arguments)) return {&unsubscribe->mailbox};
  if (const auto* annotate = std::get_if<SetMetadata>(&command.arguments)) return {&annotate->mailbox};
  return {};
}

}  // namespace quartet::imapd
