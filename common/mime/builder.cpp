#include "common/mime/builder.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/utf8.h"
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

void append_disposition(std::string& out, std::string_view filename) {
  out += "Content-Disposition: attachment";
  if (!filename.empty()) append_parameter(out, "filename", to_utf8(filename, "utf-8"));
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
  auto clean = on_one_line(ascii::trim(value));
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
    if (too_long) end = utf8::within(rest, kLongestWord).size();
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
