#include "common/mime/digest.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/mime/address.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/header.h"
#include "common/mime/imap.h"
#include "common/mime/kept_fields.h"
#include "common/mime/varint.h"

namespace quartet::mime {
namespace {

constexpr char kVersion = 3;
constexpr char kVersionWithoutFields = 2;  // the same without the kept fields
constexpr unsigned kHasDate = 1;
constexpr unsigned kIsReplyOrForward = 2;

using StoredText = std::string_view StoredHeaders::*;

/// What is taken from a header, in the order of the blob.
struct Kept {
  std::string_view name;
  bool decoded;
  StoredText member;
};
constexpr std::array<Kept, 11> kKept = {{{"From", true, &StoredHeaders::from},
                                         {"To", true, &StoredHeaders::to},
                                         {"Cc", true, &StoredHeaders::cc},
                                         {"Bcc", true, &StoredHeaders::bcc},
                                         {"Sender", true, &StoredHeaders::sender},
                                         {"Reply-To", true, &StoredHeaders::reply_to},
                                         {"Subject", true, &StoredHeaders::subject},
                                         {"List-Id", true, &StoredHeaders::list_id},
                                         {"Message-ID", false, &StoredHeaders::message_id},
                                         {"In-Reply-To", false, &StoredHeaders::in_reply_to},
                                         {"References", false, &StoredHeaders::references}}};
constexpr std::size_t kAddressFields = 6;  // the first ones
constexpr std::size_t kFrom = 0;
constexpr std::size_t kTo = 1;
constexpr std::size_t kCc = 2;
constexpr std::size_t kSubject = 6;

/// What follows in the blob, made of the above.
constexpr std::array<StoredText, 6> kDerived = {&StoredHeaders::base_subject, &StoredHeaders::from_mailbox,
                                                &StoredHeaders::to_mailbox,   &StoredHeaders::cc_mailbox,
                                                &StoredHeaders::from_display, &StoredHeaders::to_display};

std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

std::string decode_line(std::string_view value) {
  std::string text = decode_words(value);
  const auto breaks_line = [](char c) { return c == '\r' || c == '\n'; };
  std::ranges::replace_if(text, breaks_line, ' ');  // a line feed separates fields
  return text;
}

/// Appends what ENVELOPE shows of an address field and `text`, the field decoded, lacks: comments and quoting may stand
/// inside an address, and line ends inside a name.
class Completion {
 public:
  Completion(std::string& text, const std::vector<Address>& addresses) : text_(text) {
    for (const Address& address : addresses) {
      const std::size_t begin = reached_;
      add(decode_line(address.name), begin);
      // Not address(): ENVELOPE has local parts without their quotes.
      const std::string host = address.domain.empty() ? "" : "@" + to_utf8(address.domain, "");
      add(decode_line(to_utf8(address.local, "")) + host, begin);
    }
    text_ += missing_;
  }

 private:
  /// Addresses follow one another as in the text: only what comes next is looked at, so that a long field takes time in
  /// proportion to its length. What stands farther away is added for nothing.
  static constexpr std::size_t kNear = 1024;

  void add(const std::string& part, std::size_t begin) {
    if (part.empty()) return;
    const auto near = std::string_view(text_).substr(begin, kNear + part.size());
    const auto at = near.find(part);
    if (at == near.npos)
      missing_.append("\n").append(part);
    else
      reached_ = std::max(reached_, begin + at + part.size());
  }

  std::string& text_;
  std::string missing_;
  std::size_t reached_ = 0;
};

/// The header's fields by what they are for, in one pass over it.
struct Collected {
  std::array<std::string, kKept.size()> texts;
  std::array<bool, kKept.size()> seen = {};
  std::array<std::vector<Address>, kAddressFields> addresses;  // of the first field of each kind
  std::string_view date;

  explicit Collected(const Header& header) {
    std::string storage;
    for (const Field& field : header.fields()) {
      if (date.empty() && field.is("Date")) date = field.value;
      const auto kept = std::ranges::find_if(kKept, [&field](const Kept& k) { return field.is(k.name); });
      if (kept == kKept.end()) continue;
      const auto i = static_cast<std::size_t>(kept - kKept.begin());
      const bool first = !std::exchange(seen[i], true);
      if (!first) texts[i].push_back('\n');
      if (kept->decoded) {
        std::string text = decode_line(field.value);
        if (i < kAddressFields) {
          auto parsed = parse_addresses(field.value);
          Completion(text, parsed);
          if (first) addresses[i] = std::move(parsed);
        }
        texts[i] += text;
      } else {
        texts[i] += unfold(field.value, storage);
      }
    }
  }
};

/// The first address of a field for SORT (RFC 5256 section 3) and its display form (RFC 5957 section 3). For a group
/// both are the group's name, which is what ENVELOPE has in the place of the mailbox.
struct FirstAddress {
  std::string mailbox, display;
  explicit FirstAddress(const std::vector<Address>& addresses) {
    if (addresses.empty()) return;
    const Address& address = addresses.front();
    display = decode_line(address.name);
    if (address.kind == Address::Kind::kMailbox) {
      mailbox = to_utf8(address.local, "");
      if (ascii::trim(display).empty()) display = to_utf8(address.address(), "");
    } else {
      mailbox = display;
    }
  }
};

std::string encode_headers(const Header& header) {
  const Collected collected(header);
  const std::optional<Date> sent = parse_sent_date(collected.date);
  const std::string& subjects = collected.texts[kSubject];
  const BaseSubject base = base_subject(std::string_view(subjects).substr(0, subjects.find('\n')));
  const FirstAddress from(collected.addresses[kFrom]);
  const FirstAddress to(collected.addresses[kTo]);
  const FirstAddress cc(collected.addresses[kCc]);

  std::string out(1, kVersion);
  put_text(out, encode_kept_fields(header));
  put_varint(out, (sent ? kHasDate : 0U) | (base.is_reply_or_forward ? kIsReplyOrForward : 0U));
  if (sent) {
    put_varint(out, zigzag(sent->seconds));
    put_varint(out, zigzag(sent->zone));
  }
  for (const std::string& text : collected.texts) put_text(out, text);
  for (const std::string* text : {&base.text, &from.mailbox, &to.mailbox, &cc.mailbox, &from.display, &to.display})
    put_text(out, *text);
  return out;
}

}  // namespace

MessageDigest digest(std::string_view message, const StructureLimits& limits) {
  const Header header(message, limits.header);
  const Part root = parse_structure(message, header, limits);
  MessageDigest out;
  append_envelope(out.envelope, header);
  append_body(out.body, root, message);
  append_bodystructure(out.bodystructure, root, message);
  out.parts = encode_parts(root);
  out.headers = encode_headers(header);
  out.preview = preview(message, root);
  return out;
}

std::string digest_headers(std::string_view message) { return encode_headers(Header(message)); }

std::optional<std::string_view> kept_fields_of(std::string_view headers_blob) {
  if (headers_blob.empty() || headers_blob.front() != kVersion) return std::nullopt;
  return VarintReader(headers_blob.substr(1)).text();
}

std::optional<StoredHeaders> decode_headers(std::string_view blob) {
  if (blob.empty() || (blob.front() != kVersion && blob.front() != kVersionWithoutFields)) return std::nullopt;
  VarintReader in(blob.substr(1));
  if (blob.front() == kVersion) (void)in.text();
  StoredHeaders out;
  const std::uint64_t flags = in.number();
  if (flags > (kHasDate | kIsReplyOrForward)) return std::nullopt;
  out.is_reply_or_forward = (flags & kIsReplyOrForward) != 0;
  if ((flags & kHasDate) != 0) {
    Date date;
    date.seconds = unzigzag(in.number());
    const std::int64_t zone = unzigzag(in.number());
    if (zone < -100'000 || zone > 100'000) return std::nullopt;
    date.zone = static_cast<std::int32_t>(zone);
    out.sent = date;
  }
  for (const Kept& kept : kKept) out.*kept.member = in.text();
  for (const auto member : kDerived) out.*member = in.text();
  if (!in.ok() || !in.done()) return std::nullopt;
  return out;
}

}  // namespace quartet::mime
