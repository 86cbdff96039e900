#include "imapd/column_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/encoding.h"
#include "common/mime/casemap.h"
#include "common/mime/kept_fields.h"
#include "imapd/search_evidence.h"
#include "imapd/sort_rows.h"
#include "imapd/thread_data.h"

namespace quartet::imapd {
namespace {

// The block itself, its place in the list and in the map, about.
constexpr std::size_t kBlockOctets = 256;

}  // namespace

unsigned Column::source() const {
  switch (kind) {
    case Kind::kEnvelope:
      return store::cached::kEnvelope;
    case Kind::kBody:
      return store::cached::kBody;
    case Kind::kBodyStructure:
      return store::cached::kBodyStructure;
    case Kind::kPreview:
      return store::cached::kPreview;
    case Kind::kFields:
      return store::cached::kFields;
    case Kind::kSearched:
    case Kind::kSorted:
    case Kind::kSent:
    case Kind::kThread:
      return store::cached::kHeaders;
  }
  return 0;
}

bool Column::append(std::string& out, const store::CachedItem& item) const {
  switch (kind) {
    case Kind::kEnvelope:
      out += item.envelope;
      return true;
    case Kind::kBody:
      out += item.body;
      return true;
    case Kind::kBodyStructure:
      out += item.bodystructure;
      return true;
    case Kind::kPreview:
      out += item.preview;
      return true;
    case Kind::kFields: {
      const auto kept = mime::kept_fields_of(item.headers);
      return kept && mime::append_kept_fields(out, *kept, which);
    }
    case Kind::kSearched:
    case Kind::kSorted:
    case Kind::kSent:
    case Kind::kThread: {
      const auto headers = mime::decode_headers(item.headers);
      if (headers) append(out, *headers);
      return headers.has_value();
    }
  }
  return false;
}

void Column::append(std::string& out, const mime::StoredHeaders& headers) const {
  switch (kind) {
    case Kind::kSearched:
      out += mime::casemap(headers.*stored_field_at(which));
      break;
    case Kind::kSorted:
      out += mime::casemap(compared_part(sort_text(static_cast<SortCriterion::Kind>(which), headers)));
      break;
    case Kind::kSent:
      if (headers.sent) put_le(out, headers.sent->seconds);
      break;
    case Kind::kThread:
      append_thread(out, headers);
      break;
    default:
      break;
  }
}

void ColumnBlock::reserve(std::size_t messages, std::size_t octets) {
  uids_.reserve(messages);
  ends_.reserve(messages);
  text_.reserve(octets);
}

void ColumnBlock::add(std::uint32_t uid, std::string_view text) {
  text_ += text;
  end_of(uid);
}

void ColumnBlock::end_of(std::uint32_t uid) {
  uids_.push_back(uid);
  ends_.push_back(static_cast<std::uint32_t>(text_.size()));
}

std::string_view ColumnBlock::text(std::size_t row) const {
  const std::size_t begin = row == 0 ? 0 : ends_[row - 1];
  return std::string_view(text_).substr(begin, ends_[row] - begin);
}

std::size_t ColumnBlock::row_of(std::uint32_t uid, std::size_t from) const {
  // Who asks for one message after the other finds it here, or at the next row.
  for (std::size_t near = 0; near < 2 && from < uids_.size(); ++near, ++from)
    if (uids_[from] >= uid) return from;
  const auto begin = uids_.begin() + static_cast<std::ptrdiff_t>(std::min(from, uids_.size()));
  return static_cast<std::size_t>(std::lower_bound(begin, uids_.end(), uid) - uids_.begin());
}

bool ColumnBlock::has(std::uint32_t uid) const {
  const auto row = row_of(uid);
  return row < size() && uids_[row] == uid;
}

std::size_t ColumnBlock::octets() const {
  return kBlockOctets + text_.capacity() + (uids_.capacity() + ends_.capacity()) * sizeof(std::uint32_t);
}

void ColumnBlock::shrink() {
  if (text_.capacity() - text_.size() > text_.size() / 8) text_.shrink_to_fit();
  uids_.shrink_to_fit();
  ends_.shrink_to_fit();
}

ColumnBlockPtr ColumnCache::find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return nullptr;
  slots_.splice(slots_.begin(), slots_, known->second);
  return slots_.front().block;
}

void ColumnCache::drop(Slots::iterator slot) {
  octets_ -= slot->block->octets();
  by_key_.erase(slot->key);
  slots_.erase(slot);
}

void ColumnCache::add(const Key& key, ColumnBlockPtr block) {
  const auto more = block->octets();
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
  slots_.push_front({key, std::move(block)});
  by_key_.emplace(key, slots_.begin());
  octets_ += more;
  while (octets_ > most_octets_) drop(std::prev(slots_.end()));
}

std::size_t ColumnCache::octets() const {
  const std::lock_guard lock(mutex_);
  return octets_;
}

}  // namespace quartet::imapd
