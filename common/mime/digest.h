// Everything a mailbox store keeps of a message beside its bytes, made in one go at delivery.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/date.h"
#include "common/mime/structure.h"

namespace quartet::mime {

/// Grows whenever anything in MessageDigest changes its form or meaning; for the store to keep beside it.
inline constexpr int kDigestVersion = 3;

struct MessageDigest {
  std::string envelope, body, bodystructure;  // ready to send, see imap.h
  std::string parts;                          // encode_parts
  std::string headers;                        // encoded StoredHeaders
  std::string preview;                        // RFC 8970: at most 200 characters of UTF-8 from the text part, one line
};

MessageDigest digest(std::string_view message, const StructureLimits& limits = {});

/// The header fields SEARCH, SORT and THREAD ask for. Views into the blob, which must outlive it; repeated fields are
/// joined by a line feed. Decoded: unfolded UTF-8 with encoded words decoded. Address fields also hold, on lines of
/// their own, those addresses and names of ENVELOPE that are not in the field as written, such as user@host for "user
/// (who) @ host": SEARCH FROM means ENVELOPE's (RFC 3501 section 6.4.4).
struct StoredHeaders {
  std::string_view from, to, cc, bcc, sender, reply_to;  // decoded
  std::string_view subject, list_id;                     // decoded
  std::string_view message_id, in_reply_to, references;  // unfolded
  std::string_view base_subject;     // RFC 5256 section 2.1, upper case of nothing: compare by i;unicode-casemap
  bool is_reply_or_forward = false;  // RFC 5256: the base subject was got by taking something off
  std::optional<Date> sent;          // Date field; absent or unreadable: nullopt
  std::string_view from_mailbox, to_mailbox, cc_mailbox;  // SORT FROM, TO, CC: local part of the first address
  std::string_view from_display, to_display;              // RFC 5957: name or address of the first address, decoded
};

/// nullopt: damaged or of an unknown version. What version 2 wrote is read as well.
std::optional<StoredHeaders> decode_headers(std::string_view blob);
/// MessageDigest::headers alone.
std::string digest_headers(std::string_view message);
/// The part of the blob that append_kept_fields() takes; nullopt: an older version wrote it, without them.
std::optional<std::string_view> kept_fields_of(std::string_view headers_blob);

struct BaseSubject {
  std::string text;
  bool is_reply_or_forward = false;
};
/// RFC 5256 section 2.1 on a decoded subject.
BaseSubject base_subject(std::string_view decoded_subject);

/// First characters of the first readable text part as one line of UTF-8; HTML without its tags.
std::string preview(std::string_view message, const Part& root, std::size_t characters = 200);

}  // namespace quartet::mime
