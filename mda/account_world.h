// What a user's script can ask: of the account's mailboxes, scripts and memory.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/sieve/run.h"
#include "common/sieve_site/lists.h"
#include "mda/deliver.h"
#include "mda/scripts.h"
#include "mda/sieve_memory.h"

namespace quartet::mda {

/// What of the store a script knows. It runs where nothing can be waited for: what it has asked for in vain is read
/// when it has ended, and it runs once more.
struct Surroundings {
  std::vector<store::MailboxInfo> mailboxes;  // that mail can be put into
  /// By mailbox; "" for those of the server.
  std::map<std::string, std::vector<store::Annotation>> annotations;
  std::set<std::string> wanted;  // whose annotations it has asked for
};

/// The mailboxes, if the program can ask for them.
async::Task<Surroundings> read_surroundings(const Services& services, std::string account,
                                            const sieve::Program& program);

/// False if nothing was wanted.
async::Task<bool> read_wanted(const Services& services, std::string account, Surroundings& surroundings);

/// For one account. On a thread of the pool; what is behind it blocks.
class AccountWorld final : public sieve::World {
 public:
  /// `surroundings` outlives it, and gets what is wanted.
  AccountWorld(Scripts& scripts, sieve_site::Lists& lists, std::string account, std::string directory,
               Surroundings& surroundings, WallTime now);

  bool mailbox_exists(const std::string& name) override;
  std::optional<std::string> annotation(const std::optional<std::string>& mailbox, const std::string& name) override;
  std::optional<std::string> special_use(const std::string& attribute) override;
  bool has_special_use(const std::string& mailbox, const std::string& attribute) override;
  bool seen(const std::string& key) override;
  std::expected<sieve::ProgramPtr, std::string> script(bool global, const std::string& name) override;
  std::expected<sieve::ExternalListPtr, std::string> list(const std::string& name) override;
  std::int32_t zone(std::int64_t seconds) override;

 private:
  Scripts& scripts_;
  sieve_site::Lists& lists_;
  const std::string account_;
  SieveMemory memory_;
  Surroundings& surroundings_;
  const WallTime now_;
};

}  // namespace quartet::mda
