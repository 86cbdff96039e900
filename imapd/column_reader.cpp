#include "imapd/column_reader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/mime/digest.h"

namespace quartet::imapd {
namespace {

// Groups that are read at the same time: while one is sent, the threads of the store are at the next.
constexpr std::size_t kAhead = 4;

std::uint32_t block_of(std::uint32_t uid) { return uid / ColumnCache::kBlockUids; }

/// What an older block of a column has, null if nothing, with what is read of messages of ascending UIDs.
class Merge {
 public:
  /// About so many messages will be in it, each with so many octets.
  Merge(const Column& column, ColumnBlockPtr older, std::size_t messages, std::size_t octets_each)
      : column_(column), older_(std::move(older)) {
    block_->reserve(messages, messages * octets_each);
  }

  void add(std::uint32_t uid, const store::CachedItem& item) {
    take_older(uid);
    if (older_ != nullptr && row_ < older_->size() && older_->uid(row_) == uid) return;
    const auto begin = block_->text().size();
    if (item.found && column_.append(block_->text(), item))
      block_->end_of(uid);
    else
      block_->text().resize(begin);
  }

  ColumnBlockPtr finish() {
    take_older(std::uint64_t{store::kMaxUid} + 1);
    block_->shrink();
    return std::move(block_);
  }

 private:
  void take_older(std::uint64_t before) {
    for (; older_ != nullptr && row_ < older_->size() && older_->uid(row_) < before; ++row_)
      block_->add(older_->uid(row_), older_->text(row_));
  }

  const Column& column_;
  const ColumnBlockPtr older_;
  std::size_t row_ = 0;  // of `older_`, that is next
  std::shared_ptr<ColumnBlock> block_ = std::make_shared<ColumnBlock>();
};

}  // namespace

/// The next ones that are in one block of UIDs.
std::vector<std::size_t> ColumnReader::take_positions() {
  std::vector<std::size_t> positions;
  std::size_t end = 0;
  for (; next_range_ < rest_.size(); ++next_range_) {
    auto& range = rest_[next_range_];
    if (positions.empty()) {
      const auto after = static_cast<std::uint64_t>(block_of((*view_)[range.first].uid) + 1) * ColumnCache::kBlockUids;
      end = after > store::kMaxUid ? view_->size() : view_->lower_bound(static_cast<std::uint32_t>(after));
    }
    while (range.first < std::min(range.end, end)) positions.push_back(range.first++);
    if (range.first < range.end) break;
  }
  return positions;
}

async::Task<std::expected<const ColumnGroup*, store::StoreError>> ColumnReader::next() {
  while (ahead_.size() < kAhead && next_range_ < rest_.size()) {
    auto slot = std::make_unique<Slot>();
    slot->group.positions = take_positions();
    ahead_.push_back(std::move(slot));
    loads_.spawn(load(*ahead_.back()));
  }
  current_.reset();
  if (ahead_.empty()) co_return nullptr;
  co_await ahead_.front()->loaded.wait_uncancellable();
  current_ = std::move(ahead_.front());
  ahead_.pop_front();
  if (current_->error) {
    next_range_ = rest_.size();
    co_return std::unexpected(*current_->error);
  }
  co_return &current_->group;
}

async::Task<void> ColumnReader::close() { co_await loads_.join(); }

ColumnCache::Key ColumnReader::key_of(const Column& column, std::uint32_t block) const {
  return {view_->mailbox(), view_->uidvalidity(), column, block};
}

bool ColumnReader::has_all(const ColumnBlock& block, const std::vector<std::size_t>& positions) const {
  std::size_t row = 0;
  for (const auto position : positions) {
    const auto uid = (*view_)[position].uid;
    row = block.row_of(uid, row);
    if (row == block.size() || block.uid(row) != uid) return false;
  }
  return true;
}

void ColumnReader::keep(const Column& column, std::uint32_t number, const ColumnBlockPtr& block) const {
  auto* const cache = context_.services.columns;
  const auto messages = std::max<std::size_t>(block->size(), 1);
  if (cache != nullptr && cache->has_room_for(block->octets() / messages * view_->size()))
    cache->add(key_of(column, number), block);
}

void ColumnReader::resolve(ColumnGroup& group) const {
  const auto count = group.positions.size();
  group.texts.resize(columns_.size() * count);
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    const auto& block = *group.held[column];
    std::size_t row = 0;
    for (std::size_t place = 0; place < count; ++place) {
      const auto uid = (*view_)[group.positions[place]].uid;
      row = block.row_of(uid, row);
      if (row < block.size() && block.uid(row) == uid) group.texts[column * count + place] = block.text(row);
    }
  }
}

/// Which messages of the block are to be read for columns that lack some of those asked for.
ColumnReader::Wanted ColumnReader::wanted(const ColumnGroup& group, std::uint32_t number) const {
  Wanted wanted;
  for (std::size_t n = 0; n < columns_.size(); ++n) {
    if (group.held[n] != nullptr && has_all(*group.held[n], group.positions)) continue;
    wanted.columns.push_back(n);
    wanted.sources |= columns_[n].source();
  }
  if (wanted.columns.empty()) return wanted;
  // Who wants most of a block gets all of it into memory; a message here and there is read as it is asked for.
  const auto first = view_->lower_bound(number * ColumnCache::kBlockUids);
  auto end = group.positions.back() + 1;
  while (end < view_->size() && block_of((*view_)[end].uid) == number) ++end;
  wanted.whole = 2 * group.positions.size() >= end - first;
  wanted.positions = group.positions;
  if (wanted.whole) {
    wanted.positions.resize(end - first);
    std::iota(wanted.positions.begin(), wanted.positions.end(), first);
  }
  std::erase_if(wanted.positions, [&](std::size_t position) {
    const auto has = [&](std::size_t n) {
      return group.held[n] != nullptr && group.held[n]->has((*view_)[position].uid);
    };
    return std::ranges::all_of(wanted.columns, has);
  });
  return wanted;
}

/// Columns are made on the thread that reads what they are made of: this one has the client to serve.
async::Task<std::expected<void, store::StoreError>> ColumnReader::read(ColumnGroup& group, const Wanted& wanted) {
  std::vector<store::ObjectId> objects;
  for (const auto position : wanted.positions) objects.push_back((*view_)[position].object);
  std::vector<Merge> merges;
  for (const auto n : wanted.columns) {
    const auto messages = wanted.positions.size() + (group.held[n] == nullptr ? 0 : group.held[n]->size());
    merges.emplace_back(columns_[n], group.held[n], messages, octets_each_[n]);
  }
  const auto take = [&](std::size_t place, const store::CachedItem& item) {
    const auto uid = (*view_)[wanted.positions[place]].uid;
    for (auto& merge : merges) merge.add(uid, item);
    if (place + 1 < wanted.positions.size()) return;
    for (std::size_t n = 0; n < merges.size(); ++n) group.held[wanted.columns[n]] = merges[n].finish();
  };
  const auto shown = co_await context_.store().show_cached(view_->mailbox(), std::move(objects), wanted.sources, take);
  // A little more than the average: the next block then seldom grows.
  for (const auto n : wanted.columns)
    if (shown && group.held[n]->size() > 0)
      octets_each_[n] = group.held[n]->text_octets() / group.held[n]->size() * 17 / 16 + 1;
  co_return shown;
}

async::Task<void> ColumnReader::load(Slot& slot) {
  auto& group = slot.group;
  auto* const cache = context_.services.columns;
  const auto number = block_of((*view_)[group.positions.front()].uid);
  for (const auto& column : columns_)
    group.held.push_back(cache == nullptr ? nullptr : cache->find(key_of(column, number)));
  const auto wanted = this->wanted(group, number);
  if (!wanted.columns.empty()) {
    const auto read = co_await this->read(group, wanted);
    if (!read) slot.error = read.error();
    for (const auto n : wanted.columns)
      if (read && wanted.whole) keep(columns_[n], number, group.held[n]);
  }
  if (!slot.error) resolve(group);
  slot.loaded.set();
}

Positions ranges_of(const std::vector<std::size_t>& positions) {
  Positions ranges;
  for (const auto position : positions) {
    if (!ranges.empty() && ranges.back().end == position)
      ++ranges.back().end;
    else
      ranges.push_back({position, position + 1});
  }
  return ranges;
}

namespace {

/// The texts of a message of which the store keeps no header that can be read: from its own bytes.
async::Task<std::optional<Reply>> read_texts(Context& context, const AskedTexts& asked, std::size_t position,
                                             HeldTexts& held, std::vector<std::string_view>& texts) {
  const auto read = co_await context.store().read(asked.view->mailbox(), (*asked.view)[position].object);
  if (!read && read.error().code == store::ErrorCode::kNoMessage) co_return std::nullopt;
  if (!read) co_return failure(read.error());
  const auto blob = mime::digest_headers(**read);
  const auto headers = mime::decode_headers(blob);
  for (std::size_t column = 0; headers && column < texts.size(); ++column) {
    asked.columns[column].append(held.made.emplace_back(), *headers);
    texts[column] = held.made.back();
  }
  co_return std::nullopt;
}

async::Task<std::optional<Reply>> walk_texts(Context& context, const AskedTexts& asked, ColumnReader& reader,
                                             const UseTexts& use) {
  constexpr std::size_t kGroupsAtOnce = 8;
  std::vector<std::string_view> texts(asked.columns.size());
  std::size_t row = 0;
  for (std::size_t groups = 1;; ++groups) {
    // What is in memory holds up the loop for as long as it takes.
    if (groups % kGroupsAtOnce == 0) co_await async::yield();
    const auto group = co_await reader.next();
    if (!group) co_return failure(group.error());
    if (*group == nullptr) co_return std::nullopt;
    HeldTexts made;
    auto& held = asked.held == nullptr ? made : *asked.held;
    for (std::size_t place = 0; place < (*group)->positions.size(); ++place, ++row) {
      for (std::size_t column = 0; column < texts.size(); ++column) texts[column] = (*group)->text(column, place);
      if (!texts.empty() && texts.front().data() == nullptr) {
        auto failed = co_await read_texts(context, asked, (*group)->positions[place], held, texts);
        if (failed) co_return failed;
      }
      use(row, texts);
    }
    if (asked.held != nullptr) held.blocks.insert(held.blocks.end(), (*group)->held.begin(), (*group)->held.end());
  }
}

}  // namespace

async::Task<std::optional<Reply>> each_text(Context& context, AskedTexts asked, UseTexts use) {
  ColumnReader reader(context, asked.view, asked.columns);
  reader.ask_for(ranges_of(asked.positions));
  auto failed = co_await walk_texts(context, asked, reader, use);
  co_await reader.close();
  co_return failed;
}

}  // namespace quartet::imapd
