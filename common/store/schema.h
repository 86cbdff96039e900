// The tables of one shard, and the opening of its database file.
#pragma once
#include <expected>

#include "common/store/database.h"
#include "common/store/types.h"

namespace quartet::store {

inline constexpr int kSchemaVersion = 1;

/// Makes the tables in a new file; refuses a file of a later version.
std::expected<void, StoreError> prepare_schema(Database& database);

/// The same refusal, of who makes no tables. A file without any is good.
std::expected<void, StoreError> known_schema(Database& database);

}  // namespace quartet::store
