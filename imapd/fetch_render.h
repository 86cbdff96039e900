// One message in a FETCH response (RFC 3501 section 7.4.2).
#pragma once
#include <optional>
#include <string>

#include "common/async/task.h"
#include "common/mime/structure.h"
#include "common/store/store.h"
#include "imapd/column_reader.h"
#include "imapd/context.h"
#include "imapd/fetch_plan.h"

namespace quartet::imapd {

/// What the store gave of one message.
struct FetchSource {
  std::size_t number = 0;  // message sequence number
  const store::Entry* entry = nullptr;
  const store::CachedItem* cached = nullptr;  // null if nothing cached is needed
  const ColumnGroup* columns = nullptr;       // what columns have of it, at `place`
  std::size_t place = 0;
  store::MessageDetails details;  // empty if none are needed
  std::optional<mime::Part> parts;
  store::Bytes whole;  // the message, or
  std::string piece;   // the bytes of it from `offset` on, or
  std::size_t offset = 0;
  std::optional<store::OpenMessage> opened;  // the message to be read while it is sent
  std::uint64_t flags = 0;
  std::uint64_t modseq = 0;
  bool tell_flags = false;   // asked for, or changed by this FETCH
  bool tell_modseq = false;  // the same

  /// Whether the columns of the plan have it.
  bool in_columns(const FetchPlan& plan) const;
  /// Whether the store has the header fields that answer an item of the plan; else the message must be read.
  bool has_fields() const;
  /// Of what is in memory: the bytes of a range that needed_range() covers, or of which it covers what will be sent.
  std::string_view bytes(mime::ByteRange range) const;
};

/// `source` outlives the task. False: a BINARY cannot be decoded; the item is then NIL. Bytes that were announced and
/// cannot be read any more end the connection.
async::Task<bool> render(Context& context, const FetchPlan& plan, FetchSource& source);

/// The same where the view and columns have all of it; nothing is sent yet.
void append_known(Context& context, const FetchPlan& plan, const FetchSource& source);

}  // namespace quartet::imapd
