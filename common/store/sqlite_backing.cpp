#include <algorithm>
#include <thread>

#include "common/store/backing.h"
#include "common/store/body_log.h"
#include "common/store/layout.h"
#include "common/store/shard_files.h"

namespace quartet::store {
namespace {

std::size_t usual_shards() { return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 2, 1, 16); }

}  // namespace

Result<Backing> sqlite_backing(const Options& options) {
  auto opened = Layout::open(options.directory, options.shards != 0 ? options.shards : usual_shards());
  if (!opened) return std::unexpected(opened.error());
  const auto layout = std::make_shared<Layout>(std::move(*opened));
  Backing backing;
  backing.opening = layout;
  backing.hints_directory = layout->hints_directory();
  auto bodies = BodyLog::open(layout->bytes_directory());
  if (!bodies) return std::unexpected(bodies.error());
  backing.bodies = std::move(*bodies);
  for (std::size_t n = 0; n < layout->shards(); ++n) {
    if (auto missing = missing_shard(layout->shard_path(n), layout->bytes_directory()))
      return std::unexpected(std::move(*missing));
    backing.shards.push_back(sqlite_shard(layout->shard_path(n), layout->texts_path(n), options.busy_timeout.count()));
  }
  return backing;
}

}  // namespace quartet::store
