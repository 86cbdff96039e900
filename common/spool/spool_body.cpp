// Bodies: from memory, else from the log by a thread that may block.
#include "common/async/wait.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {

Spool::Body Spool::Impl::cached_body(MessageId id) {
  const std::lock_guard lock(mutex_);
  return bodies_.get(id);
}

async::Task<std::expected<Spool::Body, SpoolError>> Spool::Impl::body(MessageId id) {
  for (std::optional<Place> tried;;) {
    Place place;
    {
      const std::lock_guard lock(mutex_);
      if (auto body = bodies_.get(id)) co_return body;
      const auto slot = index_.find(id);
      if (slot == kNoSlot)
        co_return std::unexpected(SpoolError{ErrorCode::kNotFound, id.to_string() + " is not queued"});
      place = index_.place(slot);
    }
    auto bytes = co_await async::offload(*readers_, [this, place] { return reader_.read(place.body); });
    if (!bytes) {
      // It may have been copied forward, and its segment recycled, while we read: then it is elsewhere now.
      if (!tried || !(*tried == place)) {
        tried = place;
        continue;
      }
      co_return std::unexpected(to_error(bytes.error()));
    }
    auto body = std::make_shared<const std::string>(std::move(*bytes));
    const std::lock_guard lock(mutex_);
    if (index_.find(id) != kNoSlot) bodies_.put(id, body);
    co_return body;
  }
}

}  // namespace quartet::spool
