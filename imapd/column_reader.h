// Reads columns of messages, from memory or from the store, some hundred messages at a time and some ahead.
#pragma once
#include <cstddef>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/task_group.h"
#include "common/store/snapshot.h"
#include "imapd/column_cache.h"
#include "imapd/context.h"
#include "imapd/numbers.h"

namespace quartet::imapd {

/// Messages that follow one another and what columns have of them.
struct ColumnGroup {
  std::vector<std::size_t> positions;  // of the view, ascending
  /// Of the message at positions[place]; null data: it is gone, or the store keeps nothing that the column is made of.
  std::string_view text(std::size_t column, std::size_t place) const {
    return texts[column * positions.size() + place];
  }
  std::vector<std::string_view> texts;
  std::vector<ColumnBlockPtr> held;
};

/// As ranges that follow one another.
Positions ranges_of(const std::vector<std::size_t>& positions);

/// One walk over messages of a view.
class ColumnReader {
 public:
  /// Everything given outlives it.
  ColumnReader(Context& context, store::SnapshotPtr view, const std::vector<Column>& columns)
      : context_(context), view_(std::move(view)), columns_(columns), octets_each_(columns.size()) {}

  /// What next() gives: positions of the view, ascending. Once.
  void ask_for(std::vector<PositionRange> positions) { rest_ = std::move(positions); }

  /// The next group, good until the call after this; null at the end. An error ends the walk.
  async::Task<std::expected<const ColumnGroup*, store::StoreError>> next();
  /// Before its destruction, in any case.
  async::Task<void> close();

 private:
  struct Slot {
    ColumnGroup group;
    std::optional<store::StoreError> error;
    async::Event loaded;
  };

  struct Wanted {
    std::vector<std::size_t> columns;    // that lack something; empty: nothing is to be read
    std::vector<std::size_t> positions;  // of messages to read for them
    unsigned sources = 0;
    bool whole = false;  // the columns will have the whole block then
  };

  std::vector<std::size_t> take_positions();
  Wanted wanted(const ColumnGroup& group, std::uint32_t number) const;
  async::Task<void> load(Slot& slot);
  ColumnCache::Key key_of(const Column& column, std::uint32_t block) const;
  bool has_all(const ColumnBlock& block, const std::vector<std::size_t>& positions) const;
  async::Task<std::expected<void, store::StoreError>> read(ColumnGroup& group, const Wanted& wanted);
  void keep(const Column& column, std::uint32_t number, const ColumnBlockPtr& block) const;
  void resolve(ColumnGroup& group) const;

  Context& context_;
  const store::SnapshotPtr view_;
  const std::vector<Column>& columns_;
  std::vector<PositionRange> rest_;
  std::size_t next_range_ = 0;
  std::vector<std::size_t> octets_each_;  // of a text, by column: what the last block has of a message
  std::deque<std::unique_ptr<Slot>> ahead_;
  std::unique_ptr<Slot> current_;
  async::TaskGroup loads_;
};

/// Keeps alive what each_text() has shown.
struct HeldTexts {
  std::vector<ColumnBlockPtr> blocks;
  std::deque<std::string> made;
};

struct AskedTexts {
  store::SnapshotPtr view;
  const std::vector<std::size_t>& positions;  // of the view, ascending
  const std::vector<Column>& columns;         // such as are made of headers
  HeldTexts* held = nullptr;                  // null: texts are good for the call only
};
/// Called for each of the positions with its row, that is its place among them. The texts of a message that is gone
/// have null data.
using UseTexts = std::function<void(std::size_t row, std::span<const std::string_view> texts)>;
/// All that is given outlives the task. A reply: they cannot be read.
async::Task<std::optional<Reply>> each_text(Context& context, AskedTexts asked, UseTexts use);

}  // namespace quartet::imapd
