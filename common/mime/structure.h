// The parts of a message and where their bytes are: RFC 2045, RFC 2046. One pass over the bytes.
//
// What the world sends is read as mail programs do: a missing end boundary ends with its parent, an inner boundary
// equal to an outer one belongs to the innermost, a multipart without any boundary line is one text part, lines end
// with CRLF or LF. Offsets count from the first byte of the whole message.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/content.h"
#include "common/mime/header.h"
#include "common/mime/transfer.h"

namespace quartet::mime {

struct StructureLimits {
  std::size_t depth = 50;     // deeper multiparts and messages are leaves
  std::size_t parts = 5'000;  // once there are so many, what follows is not taken apart
  HeaderLimits header;
};

struct Part {
  enum class Kind : std::uint8_t {
    kLeaf,
    kMultipart,  // children are its parts; it has at least one
    kMessage,    // message/rfc822 or message/global: its only child is the message inside
  };

  Kind kind = Kind::kLeaf;
  std::size_t header_offset = 0;
  std::size_t body_offset = 0;  // header_offset + size of the header with its empty line
  std::size_t body_size = 0;    // bytes, without the line end that belongs to the boundary after it
  std::size_t header_lines = 0;
  std::size_t body_lines = 0;  // line ends in the body
  Encoding encoding = Encoding::k7Bit;
  ContentValue type;  // with the default filled in: text/plain, in multipart/digest message/rfc822
  std::vector<Part> children;

  // Values of header fields as written, views into the message; empty if absent. Not kept by encode_parts.
  std::string_view encoding_name, id, description, disposition, language, location, md5;

  std::string_view charset() const { return type.parameter("charset"); }
  bool is_text() const { return type.is("text", type.subtype); }
  std::string_view header(std::string_view message) const {
    return message.substr(header_offset, body_offset - header_offset);
  }
  std::string_view body(std::string_view message) const { return message.substr(body_offset, body_size); }
};

/// The message's own part. `message` must outlive it.
Part parse_structure(std::string_view message, const StructureLimits& limits = {});
/// The same when its header has been parsed already.
Part parse_structure(std::string_view message, const Header& header, const StructureLimits& limits = {});

/// The tree in a few bytes a part, for a cache. It has everything of Part but the views, and of the parameters only
/// charset. The first byte is the version of the form.
std::string encode_parts(const Part& root);
/// nullopt: another version, or damaged. Offsets are checked against `message_size`.
std::optional<Part> decode_parts(std::string_view blob, std::size_t message_size);

}  // namespace quartet::mime
