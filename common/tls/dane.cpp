#include "common/tls/dane.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "common/base/check.h"

namespace quartet::tls {
namespace {

using Context = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;
using Connection = std::unique_ptr<SSL, void (*)(SSL*)>;

bool add(SSL* ssl, const TlsaRecord& record) {
  return SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching_type,
                           reinterpret_cast<const unsigned char*>(record.data.data()), record.data.size()) == 1;
}

/// A connection that is never made, to ask OpenSSL what it thinks of a record.
Connection scratch() {
  static const Context context = [] {
    Context made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    QUARTET_CHECK(made && SSL_CTX_dane_enable(made.get()) == 1);
    return made;
  }();
  Connection ssl(SSL_new(context.get()), SSL_free);
  QUARTET_CHECK(ssl && SSL_dane_enable(ssl.get(), nullptr) == 1);
  return ssl;
}

}  // namespace

std::vector<TlsaRecord> usable(const std::vector<TlsaRecord>& records) {
  std::vector<TlsaRecord> out;
  if (records.empty()) return out;
  const auto ssl = scratch();
  for (const auto& record : records) {
    if (record.usage != kDaneTa && record.usage != kDaneEe) continue;
    if (add(ssl.get(), record)) out.push_back(record);
  }
  ERR_clear_error();
  return out;
}

bool require(ssl_st* ssl, const Dane& dane) {
  // Without a name a DANE-TA record would let in whatever that authority has ever signed.
  if (dane.base_domain.empty() || dane.records.empty()) return false;
  if (SSL_dane_enable(ssl, dane.base_domain.c_str()) != 1) return false;
  // RFC 7672 section 3.1.1: the record binds the key to the name; what the certificate says is of no interest.
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  for (const auto& name : dane.names) {
    if (SSL_add1_host(ssl, name.c_str()) != 1) return false;
  }
  if (!std::ranges::all_of(dane.records, [ssl](const TlsaRecord& record) { return add(ssl, record); })) return false;
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  return true;
}

}  // namespace quartet::tls
