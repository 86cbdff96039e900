#include "common/mime/dkim.h"

#include <fmt/format.h>

#include <vector>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/crypto/digest.h"
#include "common/mime/header.h"

namespace quartet::mime {
namespace {

constexpr std::string_view kSigned[] = {"From",
                                        "To",
                                        "Cc",
                                        "Subject",
                                        "Date",
                                        "Message-ID",
                                        "Reply-To",
                                        "In-Reply-To",
                                        "References",
                                        "MIME-Version",
                                        "Content-Type",
                                        "Content-Transfer-Encoding",
                                        "TLS-Report-Domain",
                                        "TLS-Report-Submitter",
                                        "TLS-Required"};
constexpr std::size_t kBase64Line = 72;

bool blank(char c) { return c == ' ' || c == '\t'; }

/// White space within a line becomes one space, at its end none.
void append_relaxed_line(std::string& out, std::string_view line) {
  while (!line.empty() && blank(line.back())) line.remove_suffix(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (!blank(line[i])) {
      out += line[i];
    } else if (!blank(line[i + 1])) {  // there is one: the line does not end in white space
      out += ' ';
    }
  }
}

/// Fields of one name are signed from the last to the first (RFC 6376 section 5.4.2); a name more than there are fields
/// says that there is no other.
struct SignedFields {
  std::string names;  // h=
  std::string bytes;  // what is hashed
};

SignedFields choose(const Header& header) {
  SignedFields out;
  const auto add_name = [&out](std::string_view name) {
    out.names += (out.names.empty() ? "" : ":") + ascii::lower(name);
  };
  for (const auto name : kSigned) {
    const auto& fields = header.fields();
    for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
      if (!field->is(name)) continue;
      add_name(name);
      out.bytes += dkim_relaxed_field(field->name, field->value);
    }
    if (name == "From") add_name(name);
  }
  return out;
}

std::string folded(std::string_view base64) {
  std::string out;
  for (; base64.size() > kBase64Line; base64.remove_prefix(kBase64Line))
    out.append(base64.substr(0, kBase64Line)).append("\r\n\t");
  return out.append(base64);
}

/// h= is long: a line break behind every few names.
std::string folded_names(std::string_view names) {
  std::string out;
  std::size_t line = 0;
  for (const char c : names) {
    out += c;
    if (++line > kBase64Line - 20 && c == ':') {
      out += "\r\n\t";
      line = 0;
    }
  }
  return out;
}

}  // namespace

std::string dkim_relaxed_field(std::string_view name, std::string_view value) {
  auto out = ascii::lower(name) + ":";
  auto text = unfold(value);
  std::string_view rest = text;
  while (!rest.empty() && blank(rest.front())) rest.remove_prefix(1);
  append_relaxed_line(out, rest);
  return out += "\r\n";
}

std::string dkim_relaxed_body(std::string_view body) {
  std::string out;
  out.reserve(body.size() + 2);
  std::size_t end = 0;  // of the last line that is not empty
  while (!body.empty()) {
    const auto length = std::min(body.find("\r\n"), body.size());
    const auto before = out.size();
    append_relaxed_line(out, body.substr(0, length));
    const bool empty = out.size() == before;
    out += "\r\n";
    if (!empty) end = out.size();
    body.remove_prefix(std::min(length + 2, body.size()));
  }
  out.resize(end);
  return out;
}

std::expected<std::string, std::string> dkim_signature(const DkimSigner& signer, std::string_view message,
                                                       WallTime now) {
  const Header header(message);
  const auto body_hash =
      base64_encode(crypto::hash(crypto::Digest::kSha256, dkim_relaxed_body(message.substr(header.size()))));
  auto fields = choose(header);
  const auto* algorithm = signer.key->kind() == crypto::SigningKey::Kind::kRsa ? "rsa-sha256" : "ed25519-sha256";
  auto value =
      fmt::format(" v=1; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};\r\n\th={};\r\n\tbh={};\r\n\tb=", algorithm,
                  signer.domain, signer.selector, to_micros(now) / 1'000'000, folded_names(fields.names), body_hash);
  auto own = dkim_relaxed_field("DKIM-Signature", value);
  own.resize(own.size() - 2);  // RFC 6376 section 3.7: without its CRLF
  const auto signature = signer.key->sign(fields.bytes + own);
  if (!signature) return std::unexpected(signature.error());
  return "DKIM-Signature:" + value + folded(base64_encode(*signature)) + "\r\n";
}

}  // namespace quartet::mime
