// Standing: whether an account is in this store, as a row of the same database tells that has its mailboxes. Who writes
// sees it in the transaction of the write, whichever process moves the account between stores; see mover.h.
#pragma once
#include <cstdint>
#include <string>

#include "common/store/database.h"

namespace quartet::store {

struct Standing {
  enum class Kind {
    kHere = 0,      // there is no row: it is an account of this store
    kFenced = 1,    // it is just being moved to `peer`: it can be read until then, but not changed
    kMoved = 2,     // it is in `peer`; what is left of it here is nobody's
    kIncoming = 3,  // it is being copied from `peer`, and is still there
    kLeaving = 4,   // it is being copied to `peer`, and as yet used as ever
  };
  Kind kind = Kind::kHere;
  std::string peer;          // the other store, by name
  std::string move;          // by which run of a Mover
  std::int64_t expires = 0;  // kFenced: the fence is void from then on; microseconds

  /// Whether what is here is the account.
  bool holds() const { return kind == Kind::kHere || kind == Kind::kFenced || kind == Kind::kLeaving; }
};

/// From four columns, the kind first.
Standing standing_of(const Statement& query, int column);
/// kHere takes the row away.
void write_standing(Database& database, std::int64_t account, const Standing& standing);

}  // namespace quartet::store
