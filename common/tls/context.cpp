#include <openssl/err.h>
#include <openssl/ssl.h>

#include <ctime>

#include "common/metrics/metrics.h"
#include "common/tls/client_context.h"
#include "common/tls/openssl_error.h"
#include "common/tls/server_context.h"

namespace quartet::tls {
namespace {

struct Freer {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ContextPointer = std::unique_ptr<SSL_CTX, Freer>;

ContextPointer make_context(const SSL_METHOD* method) {
  ContextPointer context(SSL_CTX_new(method));
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection gives its record buffers (34 KB) back.
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

std::string failure(const std::string& what) { return what + ": " + take_openssl_error(); }

/// When the certificate of a file that was loaded ends, for those who watch over it.
void show_expiry(const X509* certificate, const std::string& file) {
  tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return;
  metrics::gauge("quartet_tls_certificate_expiry_seconds", "When a certificate ends, in seconds since 1970",
                 {{"file", file}})
      .set(static_cast<double>(timegm(&end)));
}

/// For certificates that need not be valid: the result is kept with the session (SSL_get_verify_result), and the
/// handshake goes on.
int go_on(int, X509_STORE_CTX*) { return 1; }

/// Asks clients for certificates.
std::expected<void, std::string> ask_clients(SSL_CTX* context, const ServerFiles& files) {
  if (SSL_CTX_load_verify_file(context, files.client_ca.c_str()) != 1) return std::unexpected(failure(files.client_ca));
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.client_ca.c_str()));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (files.require_client ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     files.require_client ? nullptr : go_on);
  return {};
}

std::expected<void, std::string> use_certificate(SSL_CTX* context, const std::string& certificate,
                                                 const std::string& key) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    return std::unexpected(failure(certificate));
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) return std::unexpected(failure(key));
  if (SSL_CTX_check_private_key(context) != 1)
    return std::unexpected(failure(key + " does not belong to " + certificate));
  show_expiry(SSL_CTX_get0_certificate(context), certificate);
  return {};
}

}  // namespace

std::expected<std::shared_ptr<const ServerContext>, std::string> ServerContext::load(const ServerFiles& files) {
  ERR_clear_error();
  auto context = make_context(TLS_server_method());
  if (!context) return std::unexpected(failure("TLS"));
  if (const auto used = use_certificate(context.get(), files.certificate, files.key); !used)
    return std::unexpected(used.error());
  static constexpr unsigned char kSessionContext[] = "quartet";
  SSL_CTX_set_session_id_context(context.get(), kSessionContext, sizeof kSessionContext - 1);
  // Tickets resume sessions without a cache here; one is enough for a mail client.
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (!files.client_ca.empty()) {
    if (const auto asked = ask_clients(context.get(), files); !asked) return std::unexpected(asked.error());
  }
  return std::shared_ptr<const ServerContext>(new ServerContext(context.release()));
}

ServerContext::~ServerContext() { SSL_CTX_free(context_); }

std::expected<std::shared_ptr<const ClientContext>, std::string> ClientContext::make(const ClientOptions& options) {
  ERR_clear_error();
  auto context = make_context(TLS_client_method());
  if (!context || SSL_CTX_dane_enable(context.get()) != 1) return std::unexpected(failure("TLS"));
  if (options.verify) {
    const bool loaded = options.ca.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                           : SSL_CTX_load_verify_file(context.get(), options.ca.c_str()) == 1;
    if (!loaded) return std::unexpected(failure(options.ca.empty() ? "the system's certificates" : options.ca));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!options.certificate.empty()) {
    if (const auto used = use_certificate(context.get(), options.certificate, options.key); !used)
      return std::unexpected(used.error());
  }
  return std::shared_ptr<const ClientContext>(new ClientContext(context.release(), options.verify));
}

ClientContext::~ClientContext() { SSL_CTX_free(context_); }

}  // namespace quartet::tls
