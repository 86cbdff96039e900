// A file system for SQLite that gathers what a transaction appends to the write-ahead log and writes it by one call.
// SQLite makes two of each page, which costs more than the octets do.
#pragma once

namespace quartet::store {

/// What sqlite3_open_v2() takes for it. Safe from any thread.
const char* gathered_wal();

}  // namespace quartet::store
