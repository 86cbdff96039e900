// Why a handshake failed, where somebody wants to count it.
#pragma once

namespace quartet::tls {

enum class Fault {
  kHandshake,     // anything but the certificate
  kExpired,       // the certificate, or one that it depends on
  kNameMismatch,  // it is for somebody else
  kUntrusted,     // nobody vouches for it that we believe; with TLSA records: none matches
};

/// By a result of OpenSSL's verification. Not for other folders.
Fault fault_of(long verify_result);

}  // namespace quartet::tls
