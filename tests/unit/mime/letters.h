// Messages that several tests look at.
#pragma once
#include <string>
#include <string_view>

namespace quartet::mime {

/// The example of RFC 2046 section 5.1.1 in spirit, with a nested multipart, a message inside, and line ends of choice.
inline std::string nested_letter(std::string_view line_end = "\r\n") {
  constexpr std::string_view kText =
      "From: Ann <ann@a.test>\n"
      "Subject: nested\n"
      "MIME-Version: 1.0\n"
      "Content-Type: multipart/mixed; boundary=\"outer\"\n"
      "\n"
      "preamble\n"
      "--outer\n"
      "Content-Type: multipart/alternative; boundary=\"outer-inner\"\n"
      "\n"
      "--outer-inner\n"
      "\n"
      "plain text\n"
      "--outer-inner\n"
      "Content-Type: text/html; charset=utf-8\n"
      "Content-Transfer-Encoding: quoted-printable\n"
      "\n"
      "<p>html=20text</p>\n"
      "\n"
      "--outer-inner--\n"
      "inner epilogue\n"
      "--outer\n"
      "Content-Type: message/rfc822\n"
      "\n"
      "Subject: inside\n"
      "Content-Type: multipart/digest; boundary=d\n"
      "\n"
      "--d\n"
      "\n"
      "Subject: one\n"
      "\n"
      "first\n"
      "--d\n"
      "Content-Type: text/plain\n"
      "\n"
      "second\n"
      "--d--\n"
      "--outer--\n"
      "epilogue\n";
  std::string out;
  for (const char c : kText) {
    if (c == '\n') {
      out += line_end;
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace quartet::mime
