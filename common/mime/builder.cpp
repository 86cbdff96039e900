#include "common/mime/builder.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/charset.h"
#include "common/mime/compose.h"
#include "common/mime/lexer.h"
#include "common/mime/lines.h"
#include "common/mime/seven_bit.h"
#include "common/mime/transfer.h"

namespace quartet::mime {
namespace {

constexpr std::size_t kLineLimit = 78;
constexpr std::size_t kLongestWord = 900;  // well below 998, which no transport lets pass

bool is_address_field(std::string_view name) {
  constexpr std::string_view kNames[] = {"From",        "Sender",    "Reply-To",  "To",         "Cc",           "Bcc",
                                         "Resent-From", "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-Sender"};
  return std::ranges::any_of(kNames, [name](std::string_view known) { return ascii::iequals(known, name); });
}

/// RFC 2231 sections 3 and 4: each piece short enough for a line of its own, cut between characters.
void append_encoded_filename(std::string& out, std::string_view filename) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::vector<std::string> pieces(1, "utf-8''");
  for (std::string_view rest = filename; !rest.empty();) {
    const std::string_view character = utf8_prefix(rest, 1);
    std::string encoded;
    for (const char c : character) {
      const auto byte = static_cast<unsigned char>(c);
      if (ascii::is_alnum(c) || c == '.' || c == '-' || c == '_') {
        encoded.push_back(c);
      } else {
        encoded.append("%").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
      }
    }
    if (pieces.back().size() + encoded.size() > 56) pieces.emplace_back();
    pieces.back() += encoded;
    rest.remove_prefix(character.size());
  }
  if (pieces.size() == 1) {
    out.append(";\r\n filename*=").append(pieces.front());
    return;
  }
  for (std::size_t i = 0; i < pieces.size(); ++i)
    out.append(";\r\n filename*").append(std::to_string(i)).append("*=").append(pieces[i]);
}

void append_disposition(std::string& out, std::string_view filename) {
  out += "Content-Disposition: attachment";
  const bool plain = filename.size() <= 60 && is_ascii(filename) &&
                     std::ranges::none_of(filename, [](char c) { return c < 32 || c == 127; });
  if (plain && !filename.empty()) {
    out.append(";\r\n filename=").append(quote(filename));
  } else if (!filename.empty()) {
    append_encoded_filename(out, to_utf8(filename, "utf-8"));
  }
  out += "\r\n";
}

/// A message within a message must not be encoded (RFC 2046 section 5.2.1), so it is made 7bit where that can be done.
void append_message_body(std::string& out, const std::string& bytes) {
  const auto converted = to_seven_bit(bytes);
  out.append("Content-Transfer-Encoding: ").append(converted ? "7bit" : "8bit").append("\r\n\r\n");
  append_crlf(out, converted ? *converted : bytes);
  if (!out.ends_with('\n')) out += "\r\n";
}

void append_attachment(std::string& out, const Attachment& attachment) {
  append_field(out, "Content-Type", attachment.type);
  append_disposition(out, attachment.filename);
  if (ascii::istarts_with(attachment.type, "message/rfc822")) {
    append_message_body(out, attachment.bytes);
    return;
  }
  out += "Content-Transfer-Encoding: base64\r\n\r\n";
  append_base64(out, attachment.bytes);
}

}  // namespace

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(":");
  std::string clean(ascii::trim(value));
  std::ranges::replace_if(clean, [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  std::size_t column = name.size() + 1;
  clean.insert(clean.begin(), ' ');
  for (std::string_view rest = clean; !rest.empty();) {
    // A word with the white space before it: a fold goes before that, so that no line is white space alone.
    const std::size_t word = std::min(rest.find_first_not_of(" \t"), rest.size());
    std::size_t end = std::min(rest.find_first_of(" \t", word), rest.size());
    if (column > name.size() + 1 && column + end > kLineLimit) {
      out += "\r\n";
      column = 0;
    }
    const bool too_long = end > kLongestWord;
    if (too_long) {  // broken between characters
      end = kLongestWord;
      while (end > kLongestWord - 4 && (static_cast<unsigned char>(rest[end]) & 0xC0) == 0x80) --end;
    }
    out += rest.substr(0, end);
    column += end;
    rest.remove_prefix(end);
    if (too_long) {
      out += "\r\n ";
      column = 1;
    }
  }
  out += "\r\n";
}

std::string build_message(const SimpleMessage& message) {
  std::string out;
  for (const auto& [name, value] : message.fields) {
    if (is_address_field(name)) {
      append_address_field(out, name, value);
    } else {
      append_text_field(out, name, value);
    }
  }
  out += "MIME-Version: 1.0\r\n";
  if (message.attachments.empty()) {
    append_text_entity(out, message.text);
    return out;
  }
  std::vector<std::string> entities(1);
  append_text_entity(entities.front(), message.text);
  for (const Attachment& attachment : message.attachments) append_attachment(entities.emplace_back(), attachment);
  const std::vector<std::string_view> views(entities.begin(), entities.end());
  const std::string boundary = pick_boundary(views);
  const auto type =
      message.report_type.empty() ? "multipart/mixed" : "multipart/report; report-type=" + message.report_type;
  append_field(out, "Content-Type", type + "; boundary=\"" + boundary + "\"");
  if (std::ranges::any_of(entities, [](const std::string& entity) { return !is_ascii(entity); }))
    out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\n";
  for (const std::string& entity : entities)
    out.append("--").append(boundary).append("\r\n").append(entity).append("\r\n");
  return out.append("--").append(boundary).append("--\r\n");
}

}  // namespace quartet::mime
