#include "common/store/standing.h"

namespace quartet::store {

Standing standing_of(const Statement& query, int column) {
  return {static_cast<Standing::Kind>(query.integer(column)), query.text(column + 1), query.text(column + 2),
          query.integer(column + 3)};
}

void write_standing(Database& database, std::int64_t account, const Standing& standing) {
  if (standing.kind == Standing::Kind::kHere) {
    database.prepare("DELETE FROM standing WHERE account=?").bind(account).run();
    return;
  }
  database
      .prepare(
          "INSERT INTO standing(account,kind,peer,move,expires) VALUES(?,?,?,?,?) ON CONFLICT(account) DO UPDATE SET "
          "kind=excluded.kind,peer=excluded.peer,move=excluded.move,expires=excluded.expires")
      .bind(account)
      .bind(static_cast<int>(standing.kind))
      .bind(standing.peer)
      .bind(standing.move)
      .bind(standing.expires)
      .run();
}

}  // namespace quartet::store
