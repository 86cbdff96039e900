// From journal records to the index: at start, for what other writers hand over, and for checks.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/journal/liveness.h"
#include "common/journal/types.h"
#include "common/spool/codec.h"
#include "common/spool/index.h"

namespace quartet::spool {

class Replay {
 public:
  enum class Source {
    kOwn,    // the owner's log: a message that is known already was copied forward
    kOther,  // another writer's: a message that is known already was taken over before
  };
  struct Result {
    std::vector<Slot> inserted;             // messages
    std::vector<std::uint64_t> dead_files;  // payload files nobody needs any more
  };

  Replay(Index& index, journal::Liveness& live) : index_(index), live_(live) {}

  void feed(const journal::RecordView& record, Source source, Result& result);
  void apply(const Update& update, Result& result);

  std::uint64_t unreadable() const { return unreadable_; }  // records whose contents are not what their type says

 private:
  void feed_body(const journal::RecordView& record, Source source, Result& result);

  Index& index_;
  journal::Liveness& live_;
  std::string message_;  // the kMessage record that waits for its body
  journal::Location message_at_;
  std::uint64_t unreadable_ = 0;
};

/// Brings a recipient into the state the update says; nothing if it is not there. As Index::remove.
std::optional<Place> apply_update(Index& index, const Update& update);

}  // namespace quartet::spool
