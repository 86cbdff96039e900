// The bytes of messages: one, several, one to be read in ranges, and a look at many.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>

#include "common/async/task_group.h"
#include "common/store/engine.h"

namespace quartet::store {
namespace {

// Messages that a thread looks at before it asks for more.
constexpr std::size_t kLookedAtTogether = 4;
// Of a thread with the messages of one look, until what others have asked for meanwhile comes.
constexpr std::chrono::milliseconds kTurn{20};

/// Where the bytes of an object are.
struct Place {
  ObjectId object = 0;
  journal::Location location;
  std::uint64_t size = 0;
};

Place place_of(const Statement& row) {
  return {row.integer(0), {row.number(1), row.number32(2), row.number32(3), row.number(4)}, row.number(5)};
}

#define PLACE_COLUMNS "id,segment,offset,length,file,size"

std::optional<Place> find_place(Database& database, ObjectId object) {
  auto query = database.prepare("SELECT " PLACE_COLUMNS " FROM object WHERE id=?");
  query.bind(object);
  return query.step() ? std::optional(place_of(query)) : std::nullopt;
}

/// Of each object, in order; nullopt for those that are gone.
std::vector<std::optional<Place>> find_places(Database& database, const std::vector<ObjectId>& objects) {
  std::vector<std::optional<Place>> places(objects.size());
  if (are_close(objects)) {
    auto query = database.prepare("SELECT " PLACE_COLUMNS " FROM object WHERE id BETWEEN ? AND ? ORDER BY id");
    query.bind(objects.front()).bind(objects.back());
    for (std::size_t n = 0; query.step();) {
      const auto place = place_of(query);
      while (n < objects.size() && objects[n] < place.object) ++n;
      if (n < objects.size() && objects[n] == place.object) places[n++] = place;
    }
  } else {
    for (std::size_t n = 0; n < objects.size(); ++n) places[n] = find_place(database, objects[n]);
  }
  return places;
}

#undef PLACE_COLUMNS

std::vector<journal::Location> locations_of(const std::vector<std::optional<Place>>& places) {
  std::vector<journal::Location> locations;
  for (const auto& place : places)
    if (place) locations.push_back(place->location);
  return locations;
}

}  // namespace

bool are_close(const std::vector<ObjectId>& objects) {
  if (objects.size() < 2 || std::ranges::adjacent_find(objects, std::ranges::greater_equal()) != objects.end())
    return false;
  const auto span = objects.back() - objects.front();
  return span < 2 * static_cast<ObjectId>(objects.size());
}

/// One look at many messages.
struct Engine::Looking {
  Shard& home;
  const std::vector<ObjectId>& objects;
  const Look& look;
  std::vector<std::optional<Place>> places;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;  // guards what follows
  std::optional<StoreError> error;
};

Result<Bytes> Engine::read_object(Database& database, ObjectId object) {
  const auto place = find_place(database, object);
  if (!place) return std::unexpected(database.failed() ? database.error() : StoreError{ErrorCode::kNoMessage, ""});
  auto bytes = bodies_->read(place->location, place->size);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  return std::make_shared<const std::string>(std::move(*bytes));
}

Store::Async<Bytes> Engine::read(MailboxRef mailbox, ObjectId object) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<Bytes>(*pool_, *home, [&](Database& database) { return read_object(database, object); });
}

Store::Async<OpenMessage> Engine::open(MailboxRef mailbox, ObjectId object) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<OpenMessage>(*pool_, *home, [&](Database& database) -> Result<OpenMessage> {
    const auto place = find_place(database, object);
    if (!place) return std::unexpected(database.failed() ? database.error() : StoreError{ErrorCode::kNoMessage, ""});
    auto body = bodies_->open(place->location, place->size);
    if (!body) return std::unexpected(std::move(body.error()));
    return OpenMessage(*std::move(body), place->size, *pool_);
  });
}

Store::Async<std::vector<Bytes>> Engine::read_many(MailboxRef mailbox, std::vector<ObjectId> objects) {
  using Many = std::vector<Bytes>;
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  co_return co_await read_from<Many>(*pool_, *home, [&](Database& database) -> Result<Many> {
    Many result(objects.size());
    const auto places = find_places(database, objects);
    bodies_->will_need(locations_of(places));
    for (std::size_t n = 0; n < objects.size(); ++n) {
      if (!places[n]) continue;
      auto bytes = bodies_->read(places[n]->location, places[n]->size);
      if (bytes)
        result[n] = std::make_shared<const std::string>(std::move(*bytes));
      else if (bytes.error().code != ErrorCode::kNoMessage)
        return std::unexpected(std::move(bytes.error()));
    }
    return result;
  });
}

Store::Done Engine::look_at(MailboxRef mailbox, std::vector<ObjectId> objects, Look look) {
  Shard* const home = shard(mailbox);
  if (home == nullptr) co_return no_mailbox();
  using Places = std::vector<std::optional<Place>>;
  auto places = co_await read_from<Places>(
      *pool_, *home, [&](Database& database) -> Result<Places> { return find_places(database, objects); });
  if (!places) co_return std::unexpected(std::move(places.error()));
  bodies_->will_need(locations_of(*places));
  Looking looking{*home, objects, look, *std::move(places), {}, {}, {}};
  // One thread is left to the other sessions.
  const auto threads = std::max<std::size_t>(options_.reader_threads, 2) - 1;
  async::TaskGroup group;
  for (std::size_t n = 0; n < threads && n * kLookedAtTogether < objects.size(); ++n) group.spawn(look_on(looking));
  co_await group.join();
  if (looking.error) co_return std::unexpected(*std::move(looking.error));
  co_return std::expected<void, StoreError>();
}

async::Task<void> Engine::look_on(Looking& looking) {
  // Several looks at a time have all threads, and take as long as their caller wants of each message.
  for (bool over = false; !over;) {
    over = co_await async::offload(*pool_, [&] {
      const auto end = std::chrono::steady_clock::now() + kTurn;
      do {
        const auto first = looking.next.fetch_add(kLookedAtTogether);
        if (first >= looking.objects.size()) return true;
        look_at_some(looking, first, std::min(first + kLookedAtTogether, looking.objects.size()));
      } while (std::chrono::steady_clock::now() < end);
      return false;
    });
  }
}

void Engine::look_at_some(Looking& looking, std::size_t first, std::size_t end) {
  for (auto n = first; n < end; ++n) {
    if (!looking.places[n]) continue;
    const auto& place = *looking.places[n];
    auto bytes = bodies_->read(place.location, place.size);
    if (!bytes) {
      // It may have been moved since its place was read.
      auto reader = looking.home.reader();
      const auto again = reader.ok() ? find_place(*reader, place.object) : std::nullopt;
      if (again) bytes = bodies_->read(again->location, again->size);
    }
    if (bytes) {
      looking.look(n, *bytes);
    } else if (bytes.error().code != ErrorCode::kNoMessage) {
      const std::lock_guard lock(looking.mutex);
      looking.error = bytes.error();
      return;
    }
  }
}

}  // namespace quartet::store
