#include "mda/filter.h"

#include <fmt/format.h>

#include "common/log/log.h"
#include "common/mime/idna.h"
#include "common/relay/route.h"
#include "common/sieve/answers.h"
#include "mda/account_world.h"

namespace quartet::mda {
namespace {

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
  input.separator = directory->separator_of(mime::domain_of(filtering.recipient));
  input.leads_here = [directory, login = filtering.account](std::string_view address) {
    const auto found = directory->resolve(address);
    return found.kind == directory::Resolution::Kind::kAccount && found.account->login == login;
  };
  input.now = incoming.time;
  input.verdicts = filters.options().verdicts.get();
  input.environment = {{"domain", mime::domain_of(hostname.contains('@') ? hostname : "x@" + hostname)},
                       {"host", hostname},
                       {"location", "MDA"},
                       {"name", "Quartet"},
                       {"phase", "during"},
                       {"version", QUARTET_VERSION}};
  if (!incoming.client_ip.empty()) input.environment.emplace("remote-ip", incoming.client_ip);
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

/// What a script finds out by one annotation may have it ask for another.
constexpr int kMostRuns = 8;

async::Task<sieve::Outcome> outcome_of(const Services& services, const Incoming& incoming, const Filtering& filtering,
                                       const Found& found) {
  auto& filters = *services.filters;
  auto surroundings = co_await read_surroundings(services, filtering.account, *found.program);
  const auto run = [&] {
    AccountWorld world(filters.scripts(), filters.lists(), filtering.account,
                       user_directory(filters.options().directory, filtering.account).value_or(""), surroundings,
                       incoming.time);
    return sieve::run(*found.program, input_for(filters, incoming, filtering, found.name, services.hostname), world,
                      filters.options().limits);
  };
  auto outcome = co_await async::offload(services.files, run);
  for (int more = 0; more < kMostRuns && co_await read_wanted(services, filtering.account, surroundings); ++more)
    outcome = co_await async::offload(services.files, run);
  if (outcome.error) {
    const auto& script = outcome.error_script.empty() ? found.name : outcome.error_script;
    const auto fault = sieve::to_string(*outcome.error);
    broken(incoming, filtering, script, fault);
    co_return kept_with_fault(incoming, script, fault);
  }
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
