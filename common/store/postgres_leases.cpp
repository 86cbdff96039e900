// Leases of maildrops in a table of PostgreSQL. Its clock counts, as those of the hosts may differ. The table is not
// logged: what a crash of the server takes away comes back when it is renewed.
#include <libpq-fe.h>

#include <utility>

#include "common/store/maildrop_leases.h"
#include "common/store/postgres_pool.h"

namespace quartet::store {
namespace {

class PostgresLeases final : public MaildropLeases {
 public:
  explicit PostgresLeases(PostgresServer server) : pool_(std::move(server)) {}

  Result<bool> hold(const std::string& account, const std::string& holder, std::chrono::milliseconds time) override {
    const auto held = pool_.ask(
        "INSERT INTO maildrop AS mine(account,holder,until) VALUES($1,$2,now()+make_interval(secs=>$3::float8/1000)) "
        "ON CONFLICT(account) DO UPDATE SET holder=excluded.holder,until=excluded.until "
        "WHERE mine.holder=excluded.holder OR mine.until<now() RETURNING 1",
        {account, holder, std::to_string(time.count())});
    if (!held) return std::unexpected(held.error());
    return PQntuples(held->get()) == 1;
  }

  Result<void> leave(const std::string& account, const std::string& holder) override {
    const auto left = pool_.ask("DELETE FROM maildrop WHERE account=$1 AND holder=$2", {account, holder});
    if (!left) return std::unexpected(left.error());
    return {};
  }

 private:
  PostgresPool pool_;
};

}  // namespace

std::unique_ptr<MaildropLeases> postgres_leases(const PostgresServer& server) {
  return std::make_unique<PostgresLeases>(server);
}

}  // namespace quartet::store
