// The store's statements in PostgreSQL's words. Sans-IO.
#pragma once
#include <string>
#include <string_view>

namespace quartet::store {

/// Parameters become $1, $2, ...; INSERT OR IGNORE gets its ON CONFLICT; the hint INDEXED BY goes; names that are words
/// of PostgreSQL's (offset, user) are quoted. All else is common to both.
std::string postgres_sql(std::string_view sql);

/// The tables of a shard, in a schema of their own, which is the first of the search path. Statements that do nothing
/// where all is there.
extern const char* const kPostgresShardTables;
/// What all shards share: their number, the bytes, and who has which maildrop open.
extern const char* const kPostgresCommonTables;

}  // namespace quartet::store
