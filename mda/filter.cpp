#include "mda/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "common/base/ascii.h"
#include "common/log/log.h"
#include "common/relay/route.h"
#include "common/sieve/answers.h"
#include "mda/sieve_memory.h"

namespace quartet::mda {
namespace {

/// What a script can ask, for one account. On a thread of the pool; what is behind it blocks.
class AccountWorld final : public sieve::World {
 public:
  AccountWorld(Scripts& scripts, std::string account, std::string directory, std::vector<store::MailboxInfo> mailboxes,
               WallTime now)
      : scripts_(scripts),
        account_(std::move(account)),
        memory_(std::move(directory)),
        mailboxes_(std::move(mailboxes)),
        now_(now) {}

  bool mailbox_exists(const std::string& name) override { return find(name) != nullptr; }

  std::optional<std::string> special_use(const std::string& attribute) override {
    for (const auto& mailbox : mailboxes_) {
      if (can_hold(mailbox) && has_use(mailbox, attribute)) return mailbox.name;
    }
    return std::nullopt;
  }

  bool has_special_use(const std::string& mailbox, const std::string& attribute) override {
    const auto* found = find(mailbox);
    return found != nullptr && has_use(*found, attribute);
  }

  bool seen(const std::string& key) override {
    const auto found = memory_.has(key, now_);
    return found && *found;
  }

  std::expected<sieve::ProgramPtr, std::string> script(bool global, const std::string& name) override {
    auto found = global ? scripts_.compile_global(name) : scripts_.compile(account_, name);
    if (!found) return std::unexpected(std::move(found.error().text));
    return *std::move(found);
  }

  std::int32_t zone(std::int64_t seconds) override {
    const std::time_t time = seconds;
    std::tm local{};
    return ::localtime_r(&time, &local) == nullptr ? 0 : static_cast<std::int32_t>(local.tm_gmtoff / 60);
  }

 private:
  static bool can_hold(const store::MailboxInfo& mailbox) { return mailbox.exists && !mailbox.noselect; }

  static bool has_use(const store::MailboxInfo& mailbox, std::string_view attribute) {
    return std::ranges::any_of(ascii::split(mailbox.special_use, ' '),
                               [&](auto use) { return !use.empty() && ascii::iequals(use, attribute); });
  }

  const store::MailboxInfo* find(const std::string& name) const {
    const auto canonical = store::canonical_name(name);
    if (!canonical) return nullptr;
    for (const auto& mailbox : mailboxes_) {
      if (mailbox.name == *canonical && can_hold(mailbox)) return &mailbox;
    }
    return nullptr;
  }

  Scripts& scripts_;
  const std::string account_;
  SieveMemory memory_;
  const std::vector<store::MailboxInfo> mailboxes_;
  const WallTime now_;
};

void broken(const Incoming& incoming, const Filtering& filtering, std::string_view script, std::string_view reason) {
  log::warn("mda.script_failed", {{"message", incoming.id},
                                  {"trace", incoming.trace},
                                  {"address", filtering.account},
                                  {"script", script},
                                  {"reason", reason}});
}

struct Found {
  std::string name;
  sieve::ProgramPtr program;  // null: there is none, or it is wrong
  std::string fault;
  bool of_file = false;  // see Scripts::Fault
};

/// On a thread of the pool.
Found find_script(Scripts& scripts, const std::string& account) {
  Found out;
  const auto active = scripts.active(account);
  if (!active) {
    out.fault = active.error().detail;
    out.of_file = true;
    return out;
  }
  if (!*active) return out;
  out.name = **active;
  auto compiled = scripts.compile(account, out.name);
  if (!compiled) {
    out.fault = std::move(compiled.error().text);
    out.of_file = compiled.error().of_file;
  } else if (*compiled == nullptr) {
    out.fault = "there is no such script";
  } else {
    out.program = *std::move(compiled);
  }
  return out;
}

bool has(const sieve::Program& program, sieve::Extension extension) {
  return sieve::extensions_of(program).test(static_cast<std::size_t>(extension));
}

/// An included script may ask for what the first does not.
bool needs_mailboxes(const sieve::Program& program) {
  using sieve::Extension;
  return has(program, Extension::kMailbox) || has(program, Extension::kSpecialUse) || has(program, Extension::kInclude);
}

sieve::Input input_for(const Filters& filters, const Incoming& incoming, const Filtering& filtering,
                       const std::string& script, const std::string& hostname) {
  sieve::Input input;
  input.name = script;
  input.message = incoming.message;
  input.from = incoming.mail.reverse_path;
  input.to = filtering.recipient;
  input.user = filtering.account;
  const auto directory = filters.options().accounts();
  if (const auto* account = directory->find_account(filtering.account)) input.addresses = account->addresses;
  input.now = incoming.time;
  input.environment = {{"domain", relay::domain_of(hostname.contains('@') ? hostname : "x@" + hostname)},
                       {"host", hostname},
                       {"location", "MDA"},
                       {"name", "Quartet"},
                       {"phase", "during"},
                       {"remote-ip", incoming.client},
                       {"version", QUARTET_VERSION}};
  return input;
}

bool only_keeps(const sieve::Outcome& outcome) {
  if (outcome.actions.size() != 1 || !outcome.remember.empty()) return false;
  const auto* keep = std::get_if<sieve::Keep>(&outcome.actions.front());
  return keep != nullptr && keep->flags.empty() && keep->message == nullptr;
}

void report(const Incoming& incoming, const Filtering& filtering, const std::string& script,
            const sieve::Outcome& outcome) {
  std::string actions;
  for (const auto& action : outcome.actions) {
    if (actions.size() > 500) break;
    actions += (actions.empty() ? "" : "; ") + sieve::to_string(action).substr(0, 200);
  }
  log::info("mda.filtered", {{"message", incoming.id},
                             {"trace", incoming.trace},
                             {"address", filtering.account},
                             {"script", script},
                             {"actions", actions.empty() ? "discard" : actions}});
}

/// RFC 5228 section 2.10.6: the message is kept, and its reader told why.
sieve::Outcome kept_with_fault(const Incoming& incoming, std::string_view script, std::string_view fault) {
  sieve::Outcome out;
  out.actions.emplace_back(sieve::Keep{{}, sieve::with_fault(incoming.message, fmt::format("{}:{}", script, fault))});
  return out;
}

async::Task<sieve::Outcome> outcome_of(const Services& services, const Incoming& incoming, const Filtering& filtering,
                                       const Found& found) {
  auto& filters = *services.filters;
  std::vector<store::MailboxInfo> mailboxes;
  if (needs_mailboxes(*found.program)) {
    auto listed = co_await services.store.list(filtering.account);
    if (listed) mailboxes = *std::move(listed);
    // RFC 5490 section 3.1: those of others count that the user may post to.
    auto shared = co_await store::list_shared(services.store, services.namespaces(), filtering.account);
    for (auto& mailbox : shared ? *shared : std::vector<store::Located>{})
      if (mailbox.rights.has("p")) mailboxes.push_back(std::move(mailbox.info));
  }
  auto outcome = co_await async::offload(services.files, [&] {
    AccountWorld world(filters.scripts(), filtering.account,
                       user_directory(filters.options().directory, filtering.account).value_or(""),
                       std::move(mailboxes), incoming.time);
    auto out = sieve::run(*found.program, input_for(filters, incoming, filtering, found.name, services.hostname), world,
                          filters.options().limits);
    if (!out.error) return out;
    const auto& script = out.error_script.empty() ? found.name : out.error_script;
    const auto fault = sieve::to_string(*out.error);
    broken(incoming, filtering, script, fault);
    return kept_with_fault(incoming, script, fault);
  });
  if (!outcome.no_vacation.empty())
    log::debug("mda.no_vacation", {{"message", incoming.id},
                                   {"trace", incoming.trace},
                                   {"address", filtering.account},
                                   {"reason", outcome.no_vacation}});
  if (!outcome.no_redirect.empty())
    log::debug("mda.no_redirect", {{"message", incoming.id},
                                   {"trace", incoming.trace},
                                   {"address", filtering.account},
                                   {"reason", outcome.no_redirect}});
  co_return outcome;
}

}  // namespace

async::Task<std::optional<smtp::Reply>> filter(const Services& services, const Incoming& incoming,
                                               const mime::Header& header, Filtering filtering) {
  auto& filters = *services.filters;
  if (filters.scripts().has_none(filtering.account)) co_return std::optional<smtp::Reply>();
  auto found =
      co_await async::offload(services.files, [&] { return find_script(filters.scripts(), filtering.account); });
  sieve::Outcome outcome;
  if (!found.fault.empty()) {
    broken(incoming, filtering, found.name, found.fault);
    if (found.of_file) co_return std::optional<smtp::Reply>();
    outcome = kept_with_fault(incoming, found.name, found.fault);
  } else if (found.program != nullptr) {
    outcome = co_await outcome_of(services, incoming, filtering, found);
  } else {
    co_return std::optional<smtp::Reply>();
  }
  if (only_keeps(outcome)) co_return std::optional<smtp::Reply>();
  report(incoming, filtering, found.name, outcome);
  auto reply = co_await carry_out(services, incoming, header, filtering, outcome);
  co_return std::optional<smtp::Reply>(std::move(reply));
}

}  // namespace quartet::mda
