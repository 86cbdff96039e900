// DANE: what TLSA records say of a server's certificate (RFC 6698, RFC 7671; RFC 7672 for SMTP). The records come from
// DNSSEC-validated answers only; to see to that is the caller's part.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

struct ssl_st;

namespace quartet::tls {

// Certificate usages by their names in RFC 7218 section 2.1; the other two are not for SMTP.
inline constexpr std::uint8_t kDaneTa = 2;
inline constexpr std::uint8_t kDaneEe = 3;

/// RFC 6698 section 2.1. `data` is bytes.
struct TlsaRecord {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching_type = 0;
  std::string data;
  friend bool operator==(const TlsaRecord&, const TlsaRecord&) = default;
};

/// Whom a server must prove to be.
struct Dane {
  std::string base_domain;          // where the records are, without _port._tcp: SNI and the first name of the server
  std::vector<std::string> names;   // more names that its certificate may have; for DANE-TA(2) only
  std::vector<TlsaRecord> records;  // at least one, all usable
};

/// Those that can authenticate an SMTP server: DANE-TA(2) and DANE-EE(3) with a selector and a matching type that we
/// know and data to match. PKIX-TA(0) and PKIX-EE(1) are not among them (RFC 7672 section 3.1.3).
std::vector<TlsaRecord> usable(const std::vector<TlsaRecord>& records);

/// Makes a client's connection accept just what `dane` says; false if that cannot be, and then there must be no
/// handshake. Not for other folders.
bool require(ssl_st* ssl, const Dane& dane);

}  // namespace quartet::tls
