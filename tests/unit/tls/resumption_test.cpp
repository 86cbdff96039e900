// Sessions of TLS that are taken up again (RFC 8446 section 2.2, RFC 5077), by clients with a certificate.
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/unit/tls/helpers.h"

using namespace quartet::tls;
using namespace quartet::tls::test;

namespace {

using X509Ptr = std::unique_ptr<X509, void (*)(X509*)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using FilePtr = std::unique_ptr<FILE, int (*)(FILE*)>;
using SessionPtr = std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)>;

FilePtr file(const std::string& path, const char* mode) { return {std::fopen(path.c_str(), mode), std::fclose}; }

/// The certificate is signed anew, so that it ends in so many seconds.
void end_in(const quartet::test::Certificates& set, const std::string& name, long seconds) {
  const X509Ptr certificate(PEM_read_X509(file(set.certificate(name), "r").get(), nullptr, nullptr, nullptr),
                            X509_free);
  const KeyPtr key(PEM_read_PrivateKey(file(set.key("ca"), "r").get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  REQUIRE(X509_gmtime_adj(X509_getm_notAfter(certificate.get()), seconds) != nullptr);
  REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  REQUIRE(PEM_write_X509(file(set.certificate(name), "w").get(), certificate.get()) == 1);
}

void shake_hands(RawClient& client, Engine& server) {
  for (int turn = 0; turn < 10; ++turn) {
    SSL_do_handshake(client.ssl());
    server.feed(client.take_output());
    (void)server.handshake();
    client.feed(server.take_output());
  }
  char octet = 0;
  SSL_read(client.ssl(), &octet, 1);  // tickets of TLS 1.3 come after the handshake
}

/// Of a session that is begun, or taken up again where `session` is one: whether the client is known by its
/// certificate.
bool is_known(const ServerContext& context, int version, const quartet::test::Certificates& set, SessionPtr& session) {
  auto server = Engine::server(context);
  RawClient client(version);
  SSL_use_certificate_file(client.ssl(), set.certificate("client").c_str(), SSL_FILETYPE_PEM);
  SSL_use_PrivateKey_file(client.ssl(), set.key("client").c_str(), SSL_FILETYPE_PEM);
  const bool again = session != nullptr;
  if (again) REQUIRE(SSL_set_session(client.ssl(), session.get()) == 1);
  shake_hands(client, server);
  REQUIRE(SSL_is_init_finished(client.ssl()));
  CHECK((SSL_session_reused(client.ssl()) == 1) == again);
  session.reset(SSL_get1_session(client.ssl()));
  SSL_set_shutdown(client.ssl(), SSL_SENT_SHUTDOWN);  // else OpenSSL takes the session for one that has failed
  return server.info().peer_verified;
}

bool has_ended(const quartet::test::Certificates& set) {
  const X509Ptr certificate(PEM_read_X509(file(set.certificate("client"), "r").get(), nullptr, nullptr, nullptr),
                            X509_free);
  return X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0;
}

}  // namespace

TEST_CASE("a session that is taken up again does not outlive the client's certificate", "[tls]") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  quartet::test::Certificates set;
  set.issue("server", "DNS:mx.test");
  set.issue("client", "DNS:client.test");
  const auto context =
      *ServerContext::load({set.certificate("server"), set.key("server"), set.certificate("ca"), false});
  end_in(set, "client", 8);
  SessionPtr session(nullptr, SSL_SESSION_free);
  CHECK(is_known(*context, version, set, session));
  CHECK(is_known(*context, version, set, session));
  while (!has_ended(set)) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_FALSE(is_known(*context, version, set, session));
  CHECK_FALSE(is_known(*context, version, set, session));
}
