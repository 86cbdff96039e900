#include "imapd/fetch_render.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/mime/digest.h"
#include "common/mime/section.h"
#include "common/mime/transfer.h"
#include "imapd/flags.h"
#include "imapd/message_pieces.h"
#include "imapd/proto/writer.h"

namespace quartet::imapd {
namespace {

using Kind = FetchItem::Kind;

/// Bytes to send: of the message, or made for the item.
struct Text {
  std::string_view view;
  std::string made;
};

mime::ByteRange cut(mime::ByteRange range, const std::optional<FetchItem::Partial>& partial) {
  if (!partial) return range;
  const auto skipped = std::min<std::uint64_t>(partial->offset, range.size);
  return {range.offset + skipped, std::min<std::uint64_t>(partial->count, range.size - skipped)};
}

std::optional<mime::ByteRange> find_range(const FetchSource& source, const mime::Section& section) {
  if (source.parts) return mime::locate(*source.parts, section);
  return mime::ByteRange{0, source.entry->size};
}

/// The header fields that the store has kept; false if it has not.
bool take_fields(const FetchItem& item, mime::KeptFields wanted, const FetchSource& source, Text& text) {
  const auto kept = mime::kept_fields_of(source.cached->headers);
  if (!kept || !mime::append_kept_fields(text.made, *kept, wanted)) return false;
  const auto part = cut({0, text.made.size()}, item.partial);
  text.view = std::string_view(text.made).substr(part.offset, part.size);
  return true;
}

/// The section's bytes; false if the message has no such section.
bool find_section(const FetchItem& item, const FetchSource& source, Text& text) {
  const auto section = section_of(item);
  const auto range = find_range(source, section);
  if (!range) return false;
  if (section.fields.empty()) {
    text.view = source.bytes(cut(*range, item.partial));
  } else {
    const bool except = section.what == mime::Section::What::kHeaderFieldsNot;
    text.made = mime::select_fields(source.bytes(*range), section.fields, except);
    const auto part = cut({0, text.made.size()}, item.partial);
    text.view = std::string_view(text.made).substr(part.offset, part.size);
  }
  return true;
}

bool take_section(const FetchItem& item, const std::optional<mime::KeptFields>& wanted, const FetchSource& source,
                  Text& text) {
  if (!wanted || !take_fields(item, *wanted, source, text)) {
    if (!find_section(item, source, text)) return false;
  }
  if (text.view.contains('\0')) {
    std::string made;
    append_char8(made, text.view);
    text.made = std::move(made);
    text.view = text.made;
  }
  return true;
}

enum class Decoded { kDone, kNoSuchPart, kNotPossible };

/// BINARY: RFC 3516 section 4.2.
Decoded take_binary(const FetchItem& item, const FetchSource& source, Text& text) {
  if (item.section.path.empty()) {
    text.view = source.bytes({0, source.entry->size});
  } else {
    const auto* part = source.parts ? mime::find_part(*source.parts, item.section.path) : nullptr;
    if (part == nullptr) return Decoded::kNoSuchPart;
    if (part->encoding == mime::Encoding::kUnknown) return Decoded::kNotPossible;
    text.view = source.bytes({part->body_offset, part->body_size});
    if (part->encoding == mime::Encoding::kBase64 || part->encoding == mime::Encoding::kQuotedPrintable) {
      text.made = mime::decode(part->encoding, text.view);
      text.view = text.made;
    }
  }
  const auto range = cut({0, text.view.size()}, item.partial);
  text.view = text.view.substr(range.offset, range.size);
  return Decoded::kDone;
}

async::Task<void> send_literal(Context& context, std::string_view name, const Text& text) {
  fmt::format_to(std::back_inserter(context.output.text()), "{} {{{}}}\r\n", name, text.view.size());
  co_await context.output.send(text.view);
}

async::Task<void> send_binary(Context& context, const FetchItem& item, const Text& text) {
  auto& out = context.output.text();
  if (item.kind == Kind::kBinarySize) {
    fmt::format_to(std::back_inserter(out), " {}", text.view.size());
    co_return;
  }
  const bool literal8 = text.view.find('\0') != std::string_view::npos;
  fmt::format_to(std::back_inserter(out), " {}{{{}}}\r\n", literal8 ? "~" : "", text.view.size());
  co_await context.output.send(text.view);
}

/// Sends `part` of what the pieces are together, as it was announced.
async::Task<void> send_pieces(Context& context, Pieces pieces, mime::ByteRange part, bool keeps_nul) {
  while (part.size > 0 && !context.output.failed()) {
    auto piece = co_await pieces.next();
    if (piece && piece->empty())
      piece = std::unexpected(
          store::StoreError{store::ErrorCode::kCorrupt, "a message that is shorter than its index says"});
    if (!piece) co_return cut_short(context.output, context.account, context.peer, piece.error());
    const auto skipped = std::min(part.offset, piece->size());
    const auto length = std::min(part.size, piece->size() - skipped);
    if (!keeps_nul) std::ranges::replace(*piece, '\0', '?');
    co_await context.output.send(std::string_view(*piece).substr(skipped, length));
    part = {part.offset - skipped, part.size - length};
  }
}

/// BINARY of a message that is not in memory. What it decodes to is counted first.
async::Task<Decoded> render_opened_binary(Context& context, const FetchItem& item, const FetchSource& source) {
  mime::ByteRange range{0, source.entry->size};
  auto encoding = mime::Encoding::kBinary;
  if (!item.section.path.empty()) {
    const auto* part = source.parts ? mime::find_part(*source.parts, item.section.path) : nullptr;
    if (part == nullptr) co_return Decoded::kNoSuchPart;
    if (part->encoding == mime::Encoding::kUnknown) co_return Decoded::kNotPossible;
    range = {part->body_offset, part->body_size};
    encoding = part->encoding;
  }
  std::uint64_t size = 0;
  bool has_nul = false;
  for (Pieces pieces(*source.opened, range, encoding);;) {
    const auto piece = co_await pieces.next();
    if (!piece) {
      cut_short(context.output, context.account, context.peer, piece.error());
      co_return Decoded::kDone;
    }
    if (piece->empty()) break;
    size += piece->size();
    has_nul = has_nul || piece->contains('\0');
  }
  const auto wanted = cut({0, size}, item.partial);
  auto& out = context.output.text();
  if (item.kind == Kind::kBinarySize) {
    fmt::format_to(std::back_inserter(out), " {}", size);
    co_return Decoded::kDone;
  }
  fmt::format_to(std::back_inserter(out), " {}{{{}}}\r\n", has_nul ? "~" : "", wanted.size);
  co_await send_pieces(context, Pieces(*source.opened, range, encoding), wanted, true);
  co_return Decoded::kDone;
}

async::Task<bool> render_binary(Context& context, const FetchItem& item, const FetchSource& source) {
  auto& out = context.output.text();
  out += response_name(item);
  auto decoded = Decoded::kDone;
  Text text;
  if (source.opened) {
    decoded = co_await render_opened_binary(context, item, source);
  } else {
    decoded = take_binary(item, source, text);
    if (decoded == Decoded::kDone) co_await send_binary(context, item, text);
  }
  if (decoded != Decoded::kDone) out += item.kind == Kind::kBinarySize ? " 0" : " NIL";
  co_return decoded != Decoded::kNotPossible;
}

/// A section of a message that is not in memory, if it can go to the client as it is. Else what is needed for it is in
/// memory afterwards, if there is any.
async::Task<bool> render_opened(Context& context, std::string_view name, const FetchItem& item, FetchSource& source) {
  const auto section = section_of(item);
  const auto range = find_range(source, section);
  if (!range) co_return false;
  if (section.fields.empty()) {
    const auto wanted = cut(*range, item.partial);
    fmt::format_to(std::back_inserter(context.output.text()), "{} {{{}}}\r\n", name, wanted.size);
    co_await send_pieces(context, Pieces(*source.opened, wanted), {0, wanted.size}, false);
    co_return true;
  }
  auto header = co_await source.opened->read(range->offset, range->size);
  if (!header) {
    cut_short(context.output, context.account, context.peer, header.error());
    co_return true;
  }
  source.piece = *std::move(header);
  source.offset = range->offset;
  co_return false;
}

async::Task<void> render_section(Context& context, const FetchPlan& plan, std::size_t item, FetchSource& source) {
  if (source.opened) {
    const bool rendered = co_await render_opened(context, plan.names[item], plan.items[item], source);
    if (rendered) co_return;
  }
  Text text;
  const bool found = take_section(plan.items[item], plan.selected[item], source, text);
  if (source.opened) source.piece = {};  // the fields that were chosen are in `text`
  if (found) {
    co_await send_literal(context, plan.names[item], text);
  } else {
    context.output.text().append(plan.names[item]).append(" NIL");
  }
}

/// What the store keeps of the message for an item.
std::string_view kept_text(const FetchPlan& plan, std::size_t item, const FetchSource& source) {
  if (source.columns != nullptr) return source.columns->text(plan.column_of[item], source.place);
  switch (plan.items[item].kind) {
    case Kind::kEnvelope:
      return source.cached->envelope;
    case Kind::kBody:
      return source.cached->body;
    case Kind::kBodyStructure:
      return source.cached->bodystructure;
    default:
      return source.cached->preview;
  }
}

/// Items that need no bytes of the message.
void append_small(Context& context, const FetchPlan& plan, std::size_t number, const FetchSource& source) {
  auto& out = context.output.text();
  const auto& entry = *source.entry;
  switch (plan.items[number].kind) {
    case Kind::kUid:
      out += "UID ";
      append_number(out, entry.uid);
      break;
    case Kind::kInternalDate:
      out += "INTERNALDATE ";
      append_date_time(out, from_micros(entry.internaldate));
      break;
    case Kind::kRfc822Size:
      out += "RFC822.SIZE ";
      append_number(out, entry.size);
      break;
    case Kind::kEnvelope:
    case Kind::kBody:
    case Kind::kBodyStructure:
      out.append(plan.names[number]).append(" ").append(kept_text(plan, number, source));
      break;
    case Kind::kPreview:
      out += "PREVIEW ";
      append_string(out, kept_text(plan, number, source), context.enabled.utf8);
      break;
    case Kind::kEmailId:
      fmt::format_to(std::back_inserter(out), "EMAILID ({})", source.details.email_id);
      break;
    case Kind::kThreadId:
      out += "THREADID NIL";  // RFC 8474 section 5.2: messages are not put in threads before a client asks
      break;
    case Kind::kSaveDate:
      out += "SAVEDATE ";
      append_date_time(out, from_micros(source.details.save_date));
      break;
    default:
      break;
  }
}

/// The header fields in a column.
void append_fields(Context& context, const FetchPlan& plan, std::size_t number, const FetchSource& source) {
  auto& out = context.output.text();
  const auto whole = source.columns->text(plan.column_of[number], source.place);
  const auto part = cut({0, whole.size()}, plan.items[number].partial);
  out.append(plan.names[number]).append(" {");
  append_number(out, part.size);
  out += "}\r\n";
  append_char8(out, whole.substr(part.offset, part.size));
}

/// One space between items.
class Separated {
 public:
  explicit Separated(std::string& out) : out_(out) {}
  void next() {
    if (!std::exchange(first_, false)) out_ += ' ';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_begin(Context& context, const FetchPlan& plan, const FetchSource& source, Separated& line) {
  auto& out = context.output.text();
  append_fetch(out, source.number, source.entry->uid, context.enabled.uidonly);
  if (!plan.add_uid) return;
  line.next();
  out += "UID ";
  append_number(out, source.entry->uid);
}

void append_told_flags(Context& context, const FetchSource& source) {
  auto& out = context.output.text();
  out += "FLAGS (";
  append_flags(out, source.flags, context.selected->view()->keywords(), context.selected->is_recent(source.entry->uid));
  out += ')';
}

void append_end(Context& context, const FetchSource& source, Separated& line) {
  auto& out = context.output.text();
  if (source.tell_flags) {
    line.next();
    append_told_flags(context, source);
  }
  if (source.tell_modseq) {
    line.next();
    out += "MODSEQ (";
    append_number(out, source.modseq);
    out += ')';
  }
  out += ")\r\n";
}

}  // namespace

bool FetchSource::has_fields() const {
  const auto kept = mime::kept_fields_of(cached->headers);
  std::string none;
  return kept && mime::append_kept_fields(none, *kept, 0);
}

std::string_view FetchSource::bytes(mime::ByteRange range) const {
  const std::string_view held = whole != nullptr ? std::string_view(*whole) : std::string_view(piece);
  const auto base = whole != nullptr ? 0 : offset;
  if (range.size == 0 || range.offset < base || range.offset - base > held.size()) return {};
  return held.substr(range.offset - base, range.size);
}

bool FetchSource::in_columns(const FetchPlan& plan) const {
  for (std::size_t n = 0; n < plan.columns.size(); ++n)
    if (columns->text(n, place).data() == nullptr) return false;
  return true;
}

async::Task<bool> render(Context& context, const FetchPlan& plan, FetchSource& source) {
  bool decoded = true;
  auto& out = context.output.text();
  Separated line(out);
  append_begin(context, plan, source, line);
  for (std::size_t n = 0; n < plan.items.size() && !context.output.failed(); ++n) {
    const auto& item = plan.items[n];
    if (item.kind == Kind::kFlags || item.kind == Kind::kModSeq) continue;
    line.next();
    if (item.kind == Kind::kBinary || item.kind == Kind::kBinarySize) {
      const bool possible = co_await render_binary(context, item, source);
      decoded = decoded && possible;
    } else if (item.kind == Kind::kBodySection || item.kind == Kind::kRfc822 || item.kind == Kind::kRfc822Header ||
               item.kind == Kind::kRfc822Text) {
      co_await render_section(context, plan, n, source);
    } else {
      append_small(context, plan, n, source);
    }
  }
  append_end(context, source, line);
  co_await context.output.drain();
  co_return decoded;
}

void append_known(Context& context, const FetchPlan& plan, const FetchSource& source) {
  Separated line(context.output.text());
  append_begin(context, plan, source, line);
  for (std::size_t n = 0; n < plan.items.size(); ++n) {
    const auto kind = plan.items[n].kind;
    if (kind == Kind::kFlags || kind == Kind::kModSeq) continue;
    line.next();
    if (kind == Kind::kBodySection)
      append_fields(context, plan, n, source);
    else
      append_small(context, plan, n, source);
  }
  append_end(context, source, line);
}

}  // namespace quartet::imapd
