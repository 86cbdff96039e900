#include "common/mime/downgrade.h"

#include <algorithm>
#include <vector>

#include "common/base/ascii.h"
#include "common/mime/address.h"
#include "common/mime/builder.h"
#include "common/mime/charset.h"
#include "common/mime/compose.h"
#include "common/mime/content.h"
#include "common/mime/encoded_word.h"
#include "common/mime/header.h"
#include "common/mime/lexer.h"
#include "common/mime/structure.h"

namespace quartet::mime {
namespace {

constexpr std::string_view kDowngraded = "Downgraded-";

/// Fields that hold neither text nor addresses nor parameters (RFC 6857 section 3.2).
bool is_structured(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "Return-Path",           "Received",    "Message-ID", "In-Reply-To",    "References",
      "Resent-Message-ID",     "Resent-Date", "Date",       "DKIM-Signature", "Content-ID",
      "Authentication-Results"};
  return ascii::istarts_with(name, "List-") ||
         std::ranges::any_of(kNames, [name](std::string_view known) { return ascii::iequals(known, name); });
}

std::string group_name(const std::string& name) {
  auto encoded = encode_words_unfolded(name);
  return encoded == name ? quote(name) : encoded;
}

/// RFC 6857 section 3.1.7.
std::string ascii_mailbox(const Address& mailbox) {
  const auto name = decode_words(mailbox.name);
  const auto address = mailbox.address();
  if (is_ascii(address)) return format_mailbox(name, address);
  return encode_words_unfolded(name + (name.empty() ? "<" : " <") + address + ">") + " :;";
}

std::string ascii_addresses(std::string_view value) {
  const auto addresses = parse_addresses(value);
  // Groups hold no groups: where one would have to, its members stand alone.
  const bool groups = std::ranges::all_of(addresses, [](const Address& one) { return is_ascii(one.address()); });
  std::string text;
  bool first = true;
  for (const auto& address : addresses) {
    const bool mailbox = address.kind == Address::Kind::kMailbox;
    if (!mailbox && !groups) continue;
    if (address.kind == Address::Kind::kGroupEnd) {
      text += ";";
      first = false;
      continue;
    }
    if (!first) text += ", ";
    first = !mailbox;
    text += mailbox ? ascii_mailbox(address) : group_name(decode_words(address.name)) + ": ";
  }
  return text;
}

/// False: it cannot be understood.
bool append_content(std::string& out, std::string_view name, const ContentValue& content) {
  if (content.type.empty() || !is_ascii(content.type) || !is_ascii(content.subtype)) return false;
  out.append(name).append(": ").append(content.type);
  if (!content.subtype.empty()) out.append("/").append(content.subtype);
  for (const auto& parameter : content.parameters)
    // One of each name: the plain form of an extended one may have to be extended itself.
    if (is_ascii(parameter.name) && content.parameter(parameter.name).data() == parameter.value.data())
      append_parameter(out, parameter.name, parameter.value);
  out += "\r\n";
  return true;
}

void append_ascii_field(std::string& out, const Field& field) {
  const bool addresses = is_address_field(field.name);
  if (const auto text = addresses ? ascii_addresses(field.value) : std::string(); !text.empty())
    return append_field(out, field.name, text);
  const bool type = field.is("Content-Type");
  const bool parameters = type || field.is("Content-Disposition");
  if (parameters &&
      append_content(out, field.name, type ? parse_content_type(field.value) : parse_disposition(field.value)))
    return;
  const auto prefix = addresses || parameters || is_structured(field.name) ? kDowngraded : std::string_view();
  append_text_field(out, std::string(prefix).append(field.name), decode_words(field.value));
}

/// A header with its empty line.
void append_ascii_header(std::string& out, std::string_view bytes) {
  const Header header(bytes);
  std::size_t from = 0;
  for (const auto& field : header.fields()) {
    if (is_ascii(field.value) || !is_ascii(field.name)) continue;
    out += bytes.substr(from, field.offset - from);
    append_ascii_field(out, field);
    from = field.offset + field.raw.size();
  }
  out += bytes.substr(from);
}

void collect(const Part& part, std::vector<ByteRange>& out) {
  out.push_back({part.header_offset, part.body_offset - part.header_offset});
  const bool sealed = part.type.is("multipart", "signed") || part.type.is("multipart", "encrypted");
  if (sealed) return;
  for (const auto& child : part.children) collect(child, out);
}

}  // namespace

std::vector<ByteRange> headers_to_downgrade(const Part& root) {
  std::vector<ByteRange> headers;
  collect(root, headers);
  return headers;
}

std::optional<std::string> downgrade_header(std::string_view header) {
  if (is_ascii(header) || !is_utf8(header)) return std::nullopt;
  std::string out;
  append_ascii_header(out, header);
  return out;
}

std::optional<std::string> downgrade(std::string_view message) {
  if (is_ascii(message)) return std::nullopt;
  std::string out;
  std::size_t from = 0;
  for (const auto& header : headers_to_downgrade(parse_structure(message))) {
    const auto made = downgrade_header(message.substr(header.offset, header.size));
    if (!made) continue;
    if (from == 0) out.reserve(message.size() + message.size() / 16);
    out.append(message.substr(from, header.offset - from)).append(*made);
    from = header.offset + header.size;
  }
  if (from == 0) return std::nullopt;
  return std::move(out.append(message.substr(from)));
}

}  // namespace quartet::mime
