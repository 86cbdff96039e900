#include "common/mime/trace.h"

#include <algorithm>
#include <ctime>

#include "common/base/ascii.h"
#include "common/base/id.h"
#include "common/mime/charset.h"
#include "common/mime/date.h"

namespace quartet::mime {
namespace {

constexpr std::size_t kLineLimit = 78;

bool is_control(char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }

/// A host name, address literal or atom that a peer gave: one word of ASCII without specials. Peers' names are cut at
/// the length of a domain (RFC 5321 section 4.5.3.1.2), so that no line gets too long.
std::string word(std::string_view text, std::string_view more = "") {
  std::string out(text.substr(0, 255));
  for (char& c : out)
    if (!ascii::is_alnum(c) && std::string_view(".-_[]:").find(c) == std::string_view::npos &&
        more.find(c) == std::string_view::npos)
      c = '?';
  return out;
}

/// Text inside a comment: a parenthesis or backslash from a peer's name must not end it or begin another.
std::string comment(std::string_view text) {
  std::string out = "(";
  for (const char c : text.substr(0, 400)) {
    const bool safe = !is_control(c) && static_cast<unsigned char>(c) < 0x80 && c != '(' && c != ')' && c != '\\';
    out.push_back(safe ? c : '?');
  }
  out.push_back(')');
  return out;
}

/// An address between angle brackets. UTF-8 stays (RFC 6531 section 3.7.3).
std::string path(std::string_view address) {
  const bool utf8 = is_utf8(address);
  std::string out = "<";
  bool quoted = false;
  for (std::size_t i = 0; i < address.size(); ++i) {
    char c = address[i];
    if (is_control(c) || (!utf8 && static_cast<unsigned char>(c) >= 0x80)) c = '?';
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '<' || c == '>' || c == ' ')) c = '?';
    out.push_back(c);
    if (quoted && c == '\\' && i + 1 < address.size()) out.push_back(is_control(address[++i]) ? '?' : address[i]);
  }
  out.push_back('>');
  return out;
}

/// Puts words on lines of at most 78 characters.
class FoldedField {
 public:
  explicit FoldedField(std::string_view name) : out_(name) {
    out_.push_back(':');
    column_ = out_.size();
  }
  void add(std::string_view text) {
    if (column_ + 1 + text.size() > kLineLimit) {
      fold();
    } else if (!fresh_) {
      out_.push_back(' ');
      ++column_;
    }
    out_ += text;
    column_ += text.size();
    fresh_ = false;
  }
  void fold() {
    if (fresh_) return;
    out_ += "\r\n\t";
    column_ = 8;
    fresh_ = true;
  }
  std::string finish() { return std::move(out_.append("\r\n")); }

 private:
  std::string out_;
  std::size_t column_;
  bool fresh_ = false;
};

}  // namespace

std::size_t received_hops(const Header& header) { return header.count("Received"); }

std::string received_field(const Received& received) {
  FoldedField field("Received");
  if (!received.helo.empty()) {
    field.add("from " + word(received.helo));
    if (!received.client.empty()) field.add(comment(received.client));
    field.fold();
  }
  field.add("by " + word(received.by));
  if (!received.protocol.empty()) field.add("with " + word(received.protocol));
  if (!received.tls.empty()) field.add(comment(received.tls));
  if (!received.id.empty()) field.add("id " + word(received.id, "+/=#$%&'*!^`{|}~"));
  if (!received.priority.empty()) field.add("PRIORITY " + word(received.priority));
  const std::string date = format_date(received.time);
  if (received.for_address.empty()) {
    // The semicolon belongs to the last word before it.
    std::string out = field.finish();
    out.resize(out.size() - 2);
    return out.append(";\r\n\t").append(date).append("\r\n");
  }
  field.fold();
  field.add("for " + path(received.for_address) + ";");
  field.add(date);
  return field.finish();
}

std::string return_path_field(std::string_view reverse_path) { return "Return-Path: " + path(reverse_path) + "\r\n"; }

std::string postmark_line(std::string_view reverse_path, WallTime time) {
  std::string sender(reverse_path.empty() ? "MAILER-DAEMON" : reverse_path);
  std::ranges::replace_if(sender, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }, '?');
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &parts);
  return "From " + sender + " " + date;
}

std::string new_message_id(std::string_view host) {
  const std::string id = Id::make().to_string();
  constexpr std::size_t kTimeDigits = 10;  // 48 bits of time at 5 bits each, after two bits that are always 0
  std::string out = "<" + id.substr(0, kTimeDigits) + "." + id.substr(kTimeDigits) + "@";
  out += host.empty() ? "localhost" : word(host);
  return out.append(">");
}

std::vector<std::string_view> without_field(std::string_view message, const Header& header, std::string_view name) {
  std::vector<std::string_view> pieces;
  std::size_t from = 0;
  for (const Field& field : header.fields()) {
    if (!field.is(name)) continue;
    if (field.offset > from) pieces.push_back(message.substr(from, field.offset - from));
    from = field.offset + field.raw.size();
  }
  if (from < message.size()) pieces.push_back(message.substr(from));
  return pieces;
}

bool has_field_value(const Header& header, std::string_view name, std::string_view value) {
  value = ascii::trim(value);
  std::string storage;
  return std::ranges::any_of(header.fields(), [&](const Field& field) {
    return field.is(name) && ascii::iequals(unfold(field.value, storage), value);
  });
}

}  // namespace quartet::mime
