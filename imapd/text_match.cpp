#include "imapd/text_match.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/casemap.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/transfer.h"
#include "imapd/proto/plain_message.h"

namespace quartet::imapd {
namespace {

void append_fields(const mime::Header& header, std::string& text) {
  for (const auto& field : header.fields())
    text.append(field.name).append(": ").append(mime::decode_words(field.value)).append("\n");
}

/// The name of a part's file where its fields, in `text` from `begin` on, do not have it as people see it: RFC 2231
/// encodes names and cuts them up.
void append_file_names(const mime::Part& part, std::size_t begin, std::string& text) {
  const auto disposition = mime::parse_disposition(part.disposition);
  for (const auto name : {part.type.parameter("name"), disposition.parameter("filename")}) {
    const auto readable = mime::decode_words(name);
    if (!std::string_view(text).substr(begin).contains(readable)) text.append(readable).append("\n");
  }
}

/// The fields of the parts in a part. The header of a message inside is no MIME header but a text of the body.
void append_mime_fields(const mime::Part& part, std::string_view message, std::string& text) {
  for (const auto& child : part.children) {
    const auto begin = text.size();
    if (part.kind != mime::Part::Kind::kMessage) append_fields(mime::Header(child.header(message)), text);
    append_file_names(child, begin, text);
    append_mime_fields(child, message, text);
  }
}

}  // namespace

std::uint32_t text_version() {
  constexpr std::uint32_t kForm = 3;
  return kForm << 16 | mime::casemap_version();
}

Needle::Needle(std::string_view utf8) : mapped_(mime::casemap(utf8)) {
  if (mapped_.empty() || !mime::is_ascii(mapped_)) return;
  ascii_.emplace(mapped_);
  // A colon stands between the name of a field and its value, where there may be more space than is shown.
  constexpr std::string_view kBetween = " \t\r\n\f\v:";
  std::string_view longest;
  for (std::string_view rest = mapped_; !rest.empty();) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBetween), rest.size()));
    const auto word = rest.substr(0, rest.find_first_of(kBetween));
    rest.remove_prefix(word.size());
    if (word.size() > longest.size()) longest = word;
  }
  if (!longest.empty()) word_.emplace(longest);
}

bool Needle::in(std::string_view text) const {
  if (mapped_.empty()) return true;
  if (ascii_ && mime::is_ascii(text)) return in_ascii(text);
  return in_mapped(mime::casemap(text));
}

bool Needle::may_be_in_plain(std::string_view message) const {
  if (mapped_.empty()) return true;
  // Nothing but ASCII comes of ASCII.
  if (!ascii_) return false;
  return !word_ || word_->in(message);
}

const mime::Header& MessageText::header() {
  if (!header_) header_.emplace(message_);
  return *header_;
}

void MessageText::open_header_text() {
  if (header_text_) return;
  open_body();
  std::string text;
  append_fields(header(), text);
  append_file_names(*structure_, 0, text);
  append_mime_fields(*structure_, message_, text);
  header_text_ = mime::casemap(text);
}

/// False: the needle is in no text of the message. What it costs to decode is saved where nothing is to be found.
bool MessageText::may_have(const Needle& needle) {
  if (needle.may_be_in_plain(message_)) return true;
  if (!plain_) plain_ = is_plain(message_);
  return !*plain_;
}

bool MessageText::has(const Needle& needle) {
  return may_have(needle) && (body_text_has(needle) || header_has(needle));
}

bool MessageText::header_has(const Needle& needle) {
  open_header_text();
  return needle.in_mapped(*header_text_);
}

int MessageText::header_score(const FuzzyNeedle& needle) {
  open_header_text();
  return needle.score(*header_text_);
}

int MessageText::field_score(std::string_view name, const FuzzyNeedle& needle) {
  int best = 0;
  for (const auto& field : header().fields())
    if (field.is(name)) best = std::max(best, needle.score(mime::casemap(mime::decode_words(field.value))));
  return best;
}

bool MessageText::field_has(std::string_view name, const Needle& needle) {
  return std::ranges::any_of(header().fields(), [&](const mime::Field& field) {
    return field.is(name) && (needle.empty() || needle.in(mime::decode_words(field.value)));
  });
}

const mime::StoredHeaders& MessageText::headers() {
  if (!headers_) {
    headers_blob_ = mime::digest_headers(message_);
    headers_ = mime::decode_headers(headers_blob_).value_or(mime::StoredHeaders{});
  }
  return *headers_;
}

std::string_view MessageText::octets(const mime::Part& part) const {
  return part.kind == mime::Part::Kind::kMessage ? part.children.front().header(message_) : part.body(message_);
}

void MessageText::add_part(const mime::Part& part) {
  if (part.kind == mime::Part::Kind::kMessage) {
    body_.push_back({&part, false, {}});
  } else if (part.kind == mime::Part::Kind::kLeaf && part.is_text()) {
    const bool decoded = part.encoding == mime::Encoding::kBase64 || part.encoding == mime::Encoding::kQuotedPrintable;
    const bool plain = !decoded && keeps_ascii(part.charset()) && mime::is_ascii(octets(part));
    body_.push_back({&part, plain, {}});
  }
  for (const auto& child : part.children) add_part(child);
}

void MessageText::open_body() {
  if (structure_) return;
  structure_ = mime::parse_structure(message_, header());
  add_part(*structure_);
}

const std::string& MessageText::mapped(BodyText& text) const {
  if (text.mapped) return *text.mapped;
  const auto& part = *text.part;
  std::string decoded;
  if (part.kind == mime::Part::Kind::kMessage) {
    const mime::Header inner(octets(part));
    for (const auto& field : inner.fields()) decoded += mime::decode_words(field.value) + "\n";
  } else {
    decoded = mime::to_utf8(mime::decode(part.encoding, octets(part)), part.charset());
  }
  return text.mapped.emplace(mime::casemap(decoded));
}

bool MessageText::body_text_has(const Needle& needle) {
  open_body();
  return std::ranges::any_of(body_, [&](BodyText& text) {
    return text.plain ? needle.in_ascii(octets(*text.part)) : needle.in_mapped(mapped(text));
  });
}

bool MessageText::body_has(const Needle& needle) { return may_have(needle) && body_text_has(needle); }

std::vector<std::string_view> MessageText::all_texts() {
  open_header_text();
  open_body();
  std::vector<std::string_view> texts{*header_text_};
  for (auto& text : body_) texts.push_back(mapped(text));
  return texts;
}

int MessageText::body_score(const FuzzyNeedle& needle) {
  open_body();
  int best = 0;
  for (auto& text : body_) best = std::max(best, needle.score(mapped(text)));
  return best;
}

}  // namespace quartet::imapd
