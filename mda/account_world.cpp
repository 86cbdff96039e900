#include "mda/account_world.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "common/base/ascii.h"
#include "common/log/log.h"
#include "common/store/annotated.h"

namespace quartet::mda {
namespace {

bool has(const sieve::Program& program, sieve::Extension extension) {
  return sieve::extensions_of(program).test(static_cast<std::size_t>(extension));
}

/// An included script may ask for what the first does not.
bool needs_mailboxes(const sieve::Program& program) {
  using sieve::Extension;
  return has(program, Extension::kMailbox) || has(program, Extension::kMboxMetadata) ||
         has(program, Extension::kSpecialUse) || has(program, Extension::kInclude);
}

bool can_hold(const store::MailboxInfo& mailbox) { return mailbox.exists && !mailbox.noselect; }

bool has_use(const store::MailboxInfo& mailbox, std::string_view attribute) {
  return std::ranges::any_of(ascii::split(mailbox.special_use, ' '),
                             [&](auto use) { return !use.empty() && ascii::iequals(use, attribute); });
}

const store::MailboxInfo* find(const Surroundings& surroundings, const std::string& name) {
  const auto canonical = store::canonical_name(name);
  if (!canonical) return nullptr;
  for (const auto& mailbox : surroundings.mailboxes) {
    if (mailbox.name == *canonical && can_hold(mailbox)) return &mailbox;
  }
  return nullptr;
}

/// As clients name it (RFC 5464 section 3.2).
std::string name_of(const store::Annotation& annotation) {
  return (annotation.user.empty() ? "/shared" : "/private") + annotation.entry;
}

}  // namespace

async::Task<Surroundings> read_surroundings(const Services& services, std::string account,
                                            const sieve::Program& program) {
  Surroundings out;
  if (!needs_mailboxes(program)) co_return out;
  auto listed = co_await services.store.list(account);
  if (listed) out.mailboxes = *std::move(listed);
  // RFC 5490 section 3.1: those of others count that the user may post to.
  auto shared = co_await store::list_shared(services.store, services.namespaces(), account);
  for (auto& mailbox : shared ? *shared : std::vector<store::Located>{})
    if (mailbox.rights.has("p")) out.mailboxes.push_back(std::move(mailbox.info));
  co_return out;
}

async::Task<bool> read_wanted(const Services& services, std::string account, Surroundings& surroundings) {
  const auto wanted = std::exchange(surroundings.wanted, {});
  for (const auto& name : wanted) {
    auto& known = surroundings.annotations[name];
    const auto* const mailbox = name.empty() ? nullptr : find(surroundings, name);
    auto read = mailbox == nullptr ? store::server_annotations(services.store, services.namespaces(), account)
                                   : store::annotations_of(services.store, mailbox->ref, mailbox->special_use, account);
    auto annotations = co_await std::move(read);
    if (annotations) known = *std::move(annotations);
  }
  co_return !wanted.empty();
}

AccountWorld::AccountWorld(Scripts& scripts, sieve_site::Lists& lists, std::string account, std::string directory,
                           Surroundings& surroundings, WallTime now)
    : scripts_(scripts),
      lists_(lists),
      account_(std::move(account)),
      memory_(std::move(directory)),
      surroundings_(surroundings),
      now_(now) {}

bool AccountWorld::mailbox_exists(const std::string& name) { return find(surroundings_, name) != nullptr; }

std::optional<std::string> AccountWorld::annotation(const std::optional<std::string>& mailbox,
                                                    const std::string& name) {
  const auto* const of = mailbox ? find(surroundings_, *mailbox) : nullptr;
  if (mailbox && of == nullptr) return std::nullopt;
  const auto key = of == nullptr ? std::string() : of->name;
  const auto known = surroundings_.annotations.find(key);
  if (known == surroundings_.annotations.end()) {
    surroundings_.wanted.insert(key);
    return std::nullopt;
  }
  const auto found = std::ranges::find_if(
      known->second, [&](const store::Annotation& one) { return ascii::iequals(name_of(one), name); });
  return found == known->second.end() ? std::nullopt : std::optional(found->value);
}

std::optional<std::string> AccountWorld::special_use(const std::string& attribute) {
  for (const auto& mailbox : surroundings_.mailboxes) {
    if (can_hold(mailbox) && has_use(mailbox, attribute)) return mailbox.name;
  }
  return std::nullopt;
}

bool AccountWorld::has_special_use(const std::string& mailbox, const std::string& attribute) {
  const auto* const found = find(surroundings_, mailbox);
  return found != nullptr && has_use(*found, attribute);
}

bool AccountWorld::seen(const std::string& key) {
  const auto found = memory_.has(key, now_);
  return found && *found;
}

std::expected<sieve::ProgramPtr, std::string> AccountWorld::script(bool global, const std::string& name) {
  auto found = global ? scripts_.compile_global(name) : scripts_.compile(account_, name);
  if (!found) return std::unexpected(std::move(found.error().text));
  return *std::move(found);
}

std::expected<sieve::ExternalListPtr, std::string> AccountWorld::list(const std::string& name) {
  auto found = lists_.find(name, account_);
  if (found) return found;
  log::error("mda.list_failed", {{"address", account_}, {"list", name}, {"reason", found.error()}});
  // The message's reader sees this, and has no business with paths.
  return std::unexpected("the mail server's log says why");
}

std::int32_t AccountWorld::zone(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm local{};
  return ::localtime_r(&time, &local) == nullptr ? 0 : static_cast<std::int32_t>(local.tm_gmtoff / 60);
}

}  // namespace quartet::mda
