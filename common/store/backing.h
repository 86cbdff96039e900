// Backing: what an engine works on, by its options.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/store/bodies.h"
#include "common/store/maildrop_leases.h"
#include "common/store/shard_place.h"
#include "common/store/store.h"

namespace quartet::store {

struct Backing {
  std::string hints_directory;
  std::unique_ptr<Bodies> bodies;
  std::vector<std::unique_ptr<ShardPlace>> shards;
  std::unique_ptr<MaildropLeases> leases;  // null: one host has it all
  std::shared_ptr<void> opening;           // to be kept until the shards are open
};

/// The directory of the options: shards in SQLite files, bytes in journal segments.
Result<Backing> sqlite_backing(const Options& options);
/// The PostgreSQL database of the options: a schema for each shard, bytes in a table. The directory has the hints.
Result<Backing> postgres_backing(const Options& options);

}  // namespace quartet::store
