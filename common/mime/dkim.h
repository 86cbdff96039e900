// DKIM signatures (RFC 6376, RFC 8463): relaxed/relaxed, over the whole body.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/crypto/signing_key.h"

namespace quartet::mime {

struct DkimSigner {
  std::string domain;    // d=
  std::string selector;  // s=: the key is at SELECTOR._domainkey.DOMAIN
  std::shared_ptr<const crypto::SigningKey> key;
};

/// The DKIM-Signature field for `message`, with its CRLF: to be put in front of it. `message` has CRLF line ends and a
/// From field. Signed are From, To, Cc, Subject, Date, Message-ID, Reply-To, In-Reply-To, References, MIME-Version,
/// Content-Type, Content-Transfer-Encoding and the TLS-Report fields, as many as there are of each, and of From one
/// more, so that none can be added. The error is the key's.
std::expected<std::string, std::string> dkim_signature(const DkimSigner& signer, std::string_view message,
                                                       WallTime now);

/// RFC 6376 section 3.4.2: "name:value" with CRLF.
std::string dkim_relaxed_field(std::string_view name, std::string_view value);
/// RFC 6376 section 3.4.4.
std::string dkim_relaxed_body(std::string_view body);

}  // namespace quartet::mime
