// Sections of a message: BODY[...] of RFC 9051 section 6.4.5.1 and BINARY of RFC 3516.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/structure.h"

namespace quartet::mime {

struct Section {
  enum class What : std::uint8_t {
    kAll,              // BODY[] or BODY[1.2]
    kHeader,           // HEADER
    kHeaderFields,     // HEADER.FIELDS
    kHeaderFieldsNot,  // HEADER.FIELDS.NOT
    kText,             // TEXT
    kMime,             // MIME; only after numbers
  };
  std::vector<std::uint32_t> path;  // numbers from 1; empty: the whole message
  What what = What::kAll;
  std::vector<std::string> fields;  // of kHeaderFields and kHeaderFieldsNot
  friend bool operator==(const Section&, const Section&) = default;
};

/// The text between the brackets, e.g. "1.2.HEADER.FIELDS (From To)"; nullopt if the grammar does not allow it.
/// (imapd has its own parser for command lines, where literals may occur.)
std::optional<Section> parse_section(std::string_view text);
/// The same back, field names quoted where they must be.
std::string to_string(const Section& section);

struct ByteRange {
  std::size_t offset = 0;
  std::size_t size = 0;
};

/// Where the section's bytes are. For kHeaderFields and kHeaderFieldsNot: the header to choose from, for
/// select_fields. nullopt: the message has no such section (then IMAP answers NIL).
std::optional<ByteRange> locate(const Part& root, const Section& section);

/// The part a path names: its body is what BODY[path] gives; null if there is none. An empty path gives the root.
const Part* find_part(const Part& root, const std::vector<std::uint32_t>& path);

/// The fields with one of the names, or with none of them, in the order of the header, and an empty line.
std::string select_fields(std::string_view header, const std::vector<std::string>& names, bool except);

/// The whole section as bytes of `message`; nullopt as for locate.
std::optional<std::string> section_bytes(std::string_view message, const Part& root, const Section& section);

}  // namespace quartet::mime
