#include "imapd/fetch_plan.h"

#include <algorithm>

#include "common/mime/section.h"
#include "common/store/types.h"

namespace quartet::imapd {
namespace {

using Kind = FetchItem::Kind;

bool takes_bytes(Kind kind) {
  switch (kind) {
    case Kind::kBodySection:
    case Kind::kRfc822:
    case Kind::kRfc822Header:
    case Kind::kRfc822Text:
    case Kind::kBinary:
    case Kind::kBinarySize:
      return true;
    default:
      return false;
  }
}

/// The kept fields that answer an item; nullopt if they do not.
std::optional<mime::KeptFields> selected_fields(const FetchItem& item) {
  const bool top = item.kind == Kind::kBodySection && item.section.path.empty();
  if (!top || item.section.what != mime::Section::What::kHeaderFields) return std::nullopt;
  return mime::kept_fields(item.section.fields);
}

/// Where an item is kept as it is sent, or nearly so.
std::optional<Column> column_of(const FetchItem& item, const std::optional<mime::KeptFields>& selected) {
  if (selected) return Column{Column::Kind::kFields, *selected};
  switch (item.kind) {
    case Kind::kEnvelope:
      return Column{Column::Kind::kEnvelope};
    case Kind::kBody:
      return Column{Column::Kind::kBody};
    case Kind::kBodyStructure:
      return Column{Column::Kind::kBodyStructure};
    case Kind::kPreview:
      return Column{Column::Kind::kPreview};
    default:
      return std::nullopt;
  }
}

void add_column(FetchPlan& plan, const std::optional<Column>& column) {
  if (!column) return plan.column_of.push_back(FetchPlan::kNoColumn);
  const auto known = std::ranges::find(plan.columns, *column);
  plan.cached |= column->source();
  plan.column_of.push_back(static_cast<std::size_t>(known - plan.columns.begin()));
  if (known == plan.columns.end()) plan.columns.push_back(*column);
}

bool is_whole(const mime::Section& section) {
  return section.path.empty() && section.what == mime::Section::What::kAll;
}

}  // namespace

mime::Section section_of(const FetchItem& item) {
  mime::Section section = item.section;
  if (item.kind == Kind::kRfc822Header) section.what = mime::Section::What::kHeader;
  if (item.kind == Kind::kRfc822Text) section.what = mime::Section::What::kText;
  return section;
}

FetchPlan make_plan(const std::vector<FetchItem>& items, bool uid, bool read_only) {
  FetchPlan plan{.items = items, .add_uid = uid};
  for (const auto& item : items) {
    if (item.kind == Kind::kUid) plan.add_uid = false;
    if (item.kind == Kind::kFlags) plan.flags = true;
    if (item.kind == Kind::kModSeq) plan.modseq = true;
    if (item.kind == Kind::kEmailId || item.kind == Kind::kSaveDate) plan.details = true;
    if (item.sets_seen() && !read_only) plan.sets_seen = true;
    plan.names.push_back(response_name(item));
    plan.selected.push_back(selected_fields(item));
    add_column(plan, column_of(item, plan.selected.back()));
    if (!takes_bytes(item.kind) || plan.selected.back()) continue;
    plan.bytes = true;
    if (!is_whole(section_of(item))) plan.parts = true;
  }
  if (plan.parts) plan.cached |= store::cached::kParts;
  return plan;
}

mime::ByteRange needed_range(const FetchPlan& plan, const mime::Part* parts, std::size_t size) {
  std::size_t begin = size;
  std::size_t end = 0;
  for (const auto& item : plan.items) {
    if (!takes_bytes(item.kind)) continue;
    const auto section = section_of(item);
    auto range = is_whole(section)  ? std::optional(mime::ByteRange{0, size})
                 : parts != nullptr ? mime::locate(*parts, section)
                                    : std::nullopt;
    if (!range) continue;
    // Of bytes that go out as they are, a partial fetch needs its part only.
    const bool as_is = section.fields.empty() && (item.kind == Kind::kBodySection || item.kind == Kind::kRfc822);
    if (item.partial && as_is) {
      const auto skipped = std::min<std::uint64_t>(item.partial->offset, range->size);
      range->offset += skipped;
      range->size = std::min<std::uint64_t>(item.partial->count, range->size - skipped);
    }
    begin = std::min(begin, range->offset);
    end = std::max(end, range->offset + range->size);
  }
  return begin < end ? mime::ByteRange{begin, end - begin} : mime::ByteRange{};
}

}  // namespace quartet::imapd
