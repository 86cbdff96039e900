// Whom a message names as its author, and whether the user who sends it may (RFC 6409 sections 6.1 and 8.1).
#pragma once
#include <expected>
#include <string>

#include "common/directory/directory.h"
#include "common/mime/header.h"
#include "common/smtp/reply.h"

namespace quartet::msa {

enum class AuthorRule {
  kAny,        // what From says is the user's own business
  kAddSender,  // who writes in the name of others is named in Sender
  kOwn,        // From must name addresses of the account
};

/// The field to add to a message with this header, with its CRLF, or "". Of a message that was resent the latest
/// Resent-From and Resent-Sender count (RFC 5322 section 3.6.6). The error: 550, nothing is to be taken.
std::expected<std::string, smtp::Reply> check_author(AuthorRule rule, const mime::Header& header,
                                                     const directory::Directory& directory,
                                                     const directory::Account& account);

}  // namespace quartet::msa
