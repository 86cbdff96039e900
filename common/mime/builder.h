// Writing messages: header fields with folding, and bodies of text and attachments.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quartet::mime {

/// Appends "Name: value" CRLF, folded at white space so that lines stay under 78 characters where they can.
/// `value` is ASCII (or UTF-8 for RFC 6532) and holds no line ends; those it has become spaces.
void append_field(std::string& out, std::string_view name, std::string_view value);

struct Attachment {
  std::string type = "application/octet-stream";  // type/subtype with parameters, if any
  std::string filename;                           // UTF-8; RFC 2231 where needed; empty: none
  std::string bytes;
};

struct SimpleMessage {
  std::vector<std::pair<std::string, std::string>> fields;  // in order; values are UTF-8 and are encoded where needed
  std::string text;                                         // UTF-8, any line ends; quoted-printable if not plain ASCII
  std::vector<Attachment> attachments;                      // any: multipart/mixed, base64
  std::string report_type = {};  // with attachments: multipart/report of this type (RFC 6522) instead
};

/// The message with CRLF line ends, MIME-Version and Content fields added. Boundaries depend on the content only.
std::string build_message(const SimpleMessage& message);

}  // namespace quartet::mime
