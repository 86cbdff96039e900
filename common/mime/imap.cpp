#include "common/mime/imap.h"

#include <algorithm>
#include <vector>

#include "common/base/ascii.h"
#include "common/mime/address.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"

namespace quartet::mime {
namespace {

constexpr std::string_view kNil = "NIL";

/// Readable text of a header: UTF-8 becomes encoded words.
void append_readable(std::string& out, std::string_view text) {
  if (is_ascii(text) || !is_utf8(text)) {
    append_imap_string(out, text);
  } else {
    append_imap_string(out, encode_words_unfolded(text));
  }
}

void append_nil_or_readable(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += kNil;
  } else {
    append_readable(out, text);
  }
}

/// The value of a field as nstring: NIL if there is no such field.
void append_field_value(std::string& out, const Field* field) {
  if (!field) {
    out += kNil;
    return;
  }
  std::string storage;
  append_readable(out, unfold(field->value, storage));
}

void append_view(std::string& out, std::string_view value) {
  std::string storage;
  append_nil_or_readable(out, unfold(value, storage));
}

void append_address(std::string& out, const Address& address) {
  switch (address.kind) {
    case Address::Kind::kGroupStart:
      out += "(NIL NIL ";
      append_readable(out, address.name);
      out += " NIL)";
      return;
    case Address::Kind::kGroupEnd:
      out += "(NIL NIL NIL NIL)";
      return;
    case Address::Kind::kMailbox:
      break;
  }
  out.push_back('(');
  append_nil_or_readable(out, address.name);
  out.push_back(' ');
  append_nil_or_readable(out, address.route);
  out.push_back(' ');
  append_imap_string(out, address.local);
  out.push_back(' ');
  append_imap_string(out, address.domain);  // never NIL, which would be the start of a group
  out.push_back(')');
}

void append_addresses(std::string& out, const std::vector<Address>& addresses) {
  if (addresses.empty()) {
    out += kNil;
    return;
  }
  out.push_back('(');
  for (const Address& address : addresses) append_address(out, address);
  out.push_back(')');
}

/// All fields of that name as one list: some senders write several To fields.
std::vector<Address> addresses_of(const Header& header, std::string_view name) {
  std::vector<Address> all;
  for (const Field& field : header.fields()) {
    if (!field.is(name)) continue;
    auto more = parse_addresses(field.value);
    std::ranges::move(more, std::back_inserter(all));
  }
  return all;
}

void append_parameter(std::string& out, const Parameter& parameter) {
  // RFC 2231 section 6: a server joins continuations; it does not decode.
  const bool extended = !parameter.extended.empty();
  append_imap_string(out, extended ? parameter.name + "*" : parameter.name);
  out.push_back(' ');
  append_readable(out, extended ? parameter.extended : parameter.value);
}

void append_parameters(std::string& out, const std::vector<Parameter>& parameters, bool default_charset) {
  const bool add = default_charset && std::ranges::none_of(parameters, [](const Parameter& parameter) {
                     return ascii::iequals(parameter.name, "charset");
                   });
  if (parameters.empty() && !add) {
    out += kNil;
    return;
  }
  out.push_back('(');
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i > 0) out.push_back(' ');
    append_parameter(out, parameters[i]);
  }
  if (add) out.append(parameters.empty() ? "" : " ").append("\"charset\" \"us-ascii\"");
  out.push_back(')');
}

/// Disposition, languages and location, which end the extension data of every part.
void append_extension(std::string& out, const Part& part) {
  out.push_back(' ');
  const ContentValue disposition = parse_disposition(part.disposition);
  if (disposition.type.empty()) {
    out += kNil;
  } else {
    out.push_back('(');
    append_imap_string(out, disposition.type);
    out.push_back(' ');
    append_parameters(out, disposition.parameters, false);
    out.push_back(')');
  }
  out.push_back(' ');
  const std::vector<std::string> languages = parse_languages(part.language);
  if (languages.empty()) {
    out += kNil;
  } else {
    for (std::size_t i = 0; i < languages.size(); ++i) {
      out.push_back(i == 0 ? '(' : ' ');
      append_imap_string(out, languages[i]);
    }
    out.push_back(')');
  }
  out.push_back(' ');
  append_view(out, part.location);
}

class BodyWriter {
 public:
  BodyWriter(std::string& out, std::string_view message, bool extended)
      : out_(out), message_(message), extended_(extended) {}

  void write(const Part& part) {
    out_.push_back('(');
    if (part.kind == Part::Kind::kMultipart) {
      multipart(part);
    } else {
      single(part);
    }
    if (extended_) append_extension(out_, part);
    out_.push_back(')');
  }

 private:
  void multipart(const Part& part) {
    for (const Part& child : part.children) write(child);
    out_.push_back(' ');
    append_imap_string(out_, part.type.subtype);
    if (!extended_) return;
    out_.push_back(' ');
    append_parameters(out_, part.type.parameters, false);
  }

  void single(const Part& part) {
    const bool text = part.is_text();
    // A multipart or message that was not taken apart has none of the members these types must have.
    const bool opaque =
        part.kind == Part::Kind::kLeaf && (ascii::iequals(part.type.type, "multipart") ||
                                           part.type.is("message", "rfc822") || part.type.is("message", "global"));
    append_imap_string(out_, opaque ? "application" : std::string_view(part.type.type));
    out_.push_back(' ');
    append_imap_string(out_, opaque ? "octet-stream" : std::string_view(part.type.subtype));
    out_.push_back(' ');
    append_parameters(out_, part.type.parameters, text);
    out_.push_back(' ');
    append_view(out_, part.id);
    out_.push_back(' ');
    append_view(out_, part.description);
    out_.push_back(' ');
    append_imap_string(out_, part.encoding_name.empty() ? "7bit" : without_comments(part.encoding_name));
    out_.append(" ").append(std::to_string(part.body_size));
    if (part.kind == Part::Kind::kMessage) {
      out_.push_back(' ');
      append_envelope(out_, Header(part.children.front().header(message_)));
      out_.push_back(' ');
      write(part.children.front());
    }
    if (text || part.kind == Part::Kind::kMessage) out_.append(" ").append(std::to_string(part.body_lines));
    if (!extended_) return;
    out_.push_back(' ');
    append_view(out_, part.md5);
  }

  std::string& out_;
  std::string_view message_;
  bool extended_;
};

}  // namespace

void append_imap_string(std::string& out, std::string_view text) {
  bool quotable = true;
  bool escapes = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || byte == '\r' || byte == '\n' || byte == 0) quotable = false;
    if (byte == '"' || byte == '\\') escapes = true;
  }
  if (!quotable) {
    out.append("{").append(std::to_string(text.size())).append("}\r\n");
    const std::size_t start = out.size();
    out += text;
    std::replace(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), '\0', '?');
    return;
  }
  out.push_back('"');
  if (escapes) {
    for (const char c : text) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  } else {
    out += text;
  }
  out.push_back('"');
}

void append_envelope(std::string& out, const Header& header) {
  out.push_back('(');
  append_field_value(out, header.find("Date"));
  out.push_back(' ');
  append_field_value(out, header.find("Subject"));
  const std::vector<Address> from = addresses_of(header, "From");
  for (const std::string_view name : {"From", "Sender", "Reply-To", "To", "Cc", "Bcc"}) {
    out.push_back(' ');
    const bool is_from = name == "From";
    const bool defaults_to_from = name == "Sender" || name == "Reply-To";
    const std::vector<Address> own = is_from ? std::vector<Address>() : addresses_of(header, name);
    append_addresses(out, is_from || (own.empty() && defaults_to_from) ? from : own);
  }
  out.push_back(' ');
  append_field_value(out, header.find("In-Reply-To"));
  out.push_back(' ');
  append_field_value(out, header.find("Message-ID"));
  out.push_back(')');
}

void append_body(std::string& out, const Part& part, std::string_view message) {
  BodyWriter(out, message, false).write(part);
}

void append_bodystructure(std::string& out, const Part& part, std::string_view message) {
  BodyWriter(out, message, true).write(part);
}

}  // namespace quartet::mime
