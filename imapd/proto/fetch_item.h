// What FETCH asks for: fetch-att of RFC 9051 section 9, and of RFC 7162 (MODSEQ), RFC 3516 (BINARY), RFC 8474 (EMAILID,
// THREADID), RFC 8970 (PREVIEW), RFC 8514 (SAVEDATE).
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "common/mime/section.h"

namespace quartet::imapd {

struct FetchItem {
  enum class Kind : std::uint8_t {
    kUid,
    kFlags,
    kInternalDate,
    kEnvelope,
    kBody,           // BODY without brackets
    kBodyStructure,  // BODYSTRUCTURE
    kBodySection,    // BODY[...] and BODY.PEEK[...]
    kRfc822,
    kRfc822Header,
    kRfc822Text,
    kRfc822Size,
    kModSeq,
    kBinary,      // BINARY[...] and BINARY.PEEK[...]; section.path only
    kBinarySize,  // BINARY.SIZE[...]
    kEmailId,
    kThreadId,
    kPreview,
    kSaveDate,
  };
  struct Partial {
    std::uint64_t offset = 0;
    std::uint64_t count = 0;  // at least 1
    friend bool operator==(const Partial&, const Partial&) = default;
  };

  Kind kind = Kind::kUid;
  mime::Section section;  // of kBodySection, kBinary and kBinarySize
  bool peek = false;      // .PEEK
  bool lazy = false;      // PREVIEW (LAZY)
  std::optional<Partial> partial;

  /// Whether it sets \Seen: sections and texts without PEEK; RFC822.HEADER does not.
  bool sets_seen() const;
  friend bool operator==(const FetchItem&, const FetchItem&) = default;
};

/// The name in the response: "BODY[1.HEADER.FIELDS (From)]<0>", "RFC822.SIZE", "BINARY[2]<100>". PEEK and the count of
/// a partial fetch are not repeated there (RFC 9051 section 7.5.2).
std::string response_name(const FetchItem& item);

}  // namespace quartet::imapd
