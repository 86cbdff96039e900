// Engines joined in memory, and a peer made of OpenSSL itself for what our own engine would never do.
#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "common/tls/engine.h"
#include "tests/support/certificates.h"

namespace quartet::tls::test {

using quartet::test::certificates;

inline std::shared_ptr<const ServerContext> server_context(const std::string& name = "server",
                                                           const std::string& client_ca = "",
                                                           bool require_client = false) {
  return *ServerContext::load({certificates().certificate(name), certificates().key(name),
                               client_ca.empty() ? "" : certificates().certificate(client_ca), require_client});
}

inline std::shared_ptr<const ClientContext> client_context(bool verify = true, const std::string& ca = "ca",
                                                           const std::string& own = "") {
  ClientOptions options;
  options.verify = verify;
  options.ca = certificates().certificate(ca);
  if (!own.empty()) {
    options.certificate = certificates().certificate(own);
    options.key = certificates().key(own);
  }
  return *ClientContext::make(options);
}

/// Moves what both have to send, `chunk` octets at a time; false when there was nothing.
inline bool exchange(Engine& a, Engine& b, std::size_t chunk) {
  bool moved = false;
  for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    const std::string bytes = from->take_output();
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      to->feed(std::string_view(bytes).substr(at, chunk));
      // What is incomplete must be harmless.
      if (chunk == 1) to->handshake();
    }
    moved = moved || !bytes.empty();
  }
  return moved;
}

struct Ends {
  Status client = Status::kWantInput;
  Status server = Status::kWantInput;
};

/// Both handshakes, until each is done or failed or nothing moves any more.
inline Ends shake_hands(Engine& client, Engine& server, std::size_t chunk) {
  Ends ends;
  do {
    ends.client = client.handshake();
    ends.server = server.handshake();
  } while (exchange(client, server, chunk));
  ends.client = client.handshake();
  ends.server = server.handshake();
  return ends;
}

/// A client of plain OpenSSL in memory.
class RawClient {
 public:
  explicit RawClient(int version) : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  SSL* ssl() { return ssl_.get(); }
  void feed(std::string_view bytes) { BIO_write(SSL_get_rbio(ssl()), bytes.data(), static_cast<int>(bytes.size())); }
  std::string take_output() {
    std::string bytes(BIO_ctrl_pending(SSL_get_wbio(ssl())), '\0');
    if (!bytes.empty()) BIO_read(SSL_get_wbio(ssl()), bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, SSL_free};
};

}  // namespace quartet::tls::test
