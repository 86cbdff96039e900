// What a program pipes into sendmail, made a message for SMTP. Sans-IO.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"

namespace quartet::sendmail {

/// Who calls.
struct Author {
  std::string address;    // for From, if the message has none
  std::string full_name;  // UTF-8; may be empty
  std::string hostname;   // for Message-ID
};

struct Letter {
  std::string message;                  // with CRLF line ends
  std::vector<std::string> recipients;  // of its header, as written
};

/// The line ends become CRLF, those before a line with a lone dot count as all if `dot_ends`. A first line "From " of
/// mbox is left out. From, Date and Message-ID are added where they are missing (RFC 6409 section 8). With
/// `take_recipients` the addresses of To, Cc and Bcc are collected, or those of the first Resent- fields if there are
/// any (RFC 5322 section 3.6.6), and Bcc (Resent-Bcc) is taken out (section 3.6.3).
Letter make_letter(std::string_view input, bool dot_ends, bool take_recipients, const Author& author, WallTime now);

/// The addresses in a word of the command line or an address field; those without "@" get `domain`.
std::vector<std::string> addresses_in(std::string_view text, const std::string& domain);

}  // namespace quartet::sendmail
