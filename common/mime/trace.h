// Header fields that servers look at and add: Received, Return-Path, Message-ID, Date, Delivered-To (RFC 5321 section
// 4.4, RFC 6409 section 8).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/mime/header.h"

namespace quartet::mime {

/// Received fields in the header: the hops so far (RFC 5321 section 6.3).
std::size_t received_hops(const Header& header);

struct Received {
  std::string helo;         // what the client called itself; empty leaves the from clause out
  std::string client;       // "mail.a.example [192.0.2.1]" or "[192.0.2.1]"; put in parentheses after helo
  std::string by;           // this host
  std::string protocol;     // "ESMTPS", "LMTP" ... (RFC 3848)
  std::string tls;          // "TLSv1.3 TLS_AES_256_GCM_SHA384"; a comment; empty if clear
  std::string id;           // our queue id; empty leaves it out
  std::string priority;     // RFC 6710 section 10; empty leaves it out
  std::string for_address;  // only when there is a single recipient; empty leaves it out
  WallTime time{};
};
/// The whole field, folded, with its last CRLF. Characters that would break the field are replaced.
std::string received_field(const Received& received);

/// "Return-Path: <address>" CRLF; UTF-8 stays as it is.
std::string return_path_field(std::string_view reverse_path);

/// The line that mbox files and UUCP put before a message, "From sender Thu Nov 26 14:00:00 2026", without its end. In
/// UTC; an empty reverse-path is MAILER-DAEMON.
std::string postmark_line(std::string_view reverse_path, WallTime time);

/// "<time.random@host>", new at each call.
std::string new_message_id(std::string_view host);

/// The message's header without any field of that name, then the empty line and the body: for Return-Path, which
/// final delivery replaces. Views only: pieces in order, of which the message without those fields consists.
std::vector<std::string_view> without_field(std::string_view message, const Header& header, std::string_view name);

/// Whether a field of that name has exactly this value, white space at the ends and the case of ASCII ignored.
bool has_field_value(const Header& header, std::string_view name, std::string_view value);

}  // namespace quartet::mime
