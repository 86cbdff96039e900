#include "common/tls/engine.h"

#include <openssl/err.h>
#include <catch2/catch.hpp>

#include <fstream>

#include "tests/unit/tls/helpers.h"

using namespace quartet::tls;
using namespace quartet::tls::test;

namespace {

std::string letters(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 >> 4);
  return text;
}

/// Sends `text` from one to the other and gives what arrived.
std::string transfer(Engine& from, Engine& to, std::string_view text, std::size_t chunk) {
  std::string received;
  while (!text.empty()) {
    if (from.write(text) != Status::kDone) return "write failed: " + from.error();
    const std::string bytes = from.take_output();
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      to.feed(std::string_view(bytes).substr(at, chunk));
      while (to.read(received, 1000) == Status::kDone) {
      }
    }
  }
  return received;
}

Ends with_names(const std::string& certificate, const std::string& name, bool verify = true,
                std::string* error = nullptr, const std::string& ca = "ca") {
  const auto server_side = server_context(certificate);
  const auto client_side = client_context(verify, ca);
  auto server = Engine::server(*server_side);
  auto client = Engine::client(*client_side, name);
  const auto ends = shake_hands(client, server, 4096);
  if (error != nullptr) *error = client.error();
  return ends;
}

}  // namespace

TEST_CASE("two engines agree, octet by octet", "[tls]") {
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const std::size_t chunk = GENERATE(1, 5, 4096);
  const auto server_side = server_context();
  const auto client_side = client_context();
  SSL_CTX_set_max_proto_version(client_side->native(), version);
  auto server = Engine::server(*server_side);
  auto client = Engine::client(*client_side, "mx.test");
  const auto ends = shake_hands(client, server, chunk);
  CHECK(ends.client == Status::kDone);
  CHECK(ends.server == Status::kDone);
  CHECK(client.info().version == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
  for (const auto* const type : {"tls-exporter", "tls-server-end-point", "tls-unique", "tls-none"}) {
    INFO(type);
    const bool none =
        type == std::string("tls-none") || (type == std::string("tls-unique") && version == TLS1_3_VERSION);
    CHECK(client.channel_binding(type) == server.channel_binding(type));
    CHECK(client.channel_binding(type).empty() == none);
  }
  CHECK(client.info().bits >= 128);
  CHECK(client.info().peer_verified);
  CHECK(client.info().peer_subject.find("CN=server") != std::string::npos);
  CHECK(server.info().server_name == "mx.test");
  CHECK_FALSE(server.info().peer_verified);

  const auto text = letters(chunk == 1 ? 40'000 : 1'000'000);
  CHECK(transfer(client, server, text, chunk) == text);
  CHECK(transfer(server, client, text, chunk) == text);

  // close_notify is an end in good order, and each direction has its own.
  std::string rest;
  client.close();
  server.feed(client.take_output());
  CHECK(server.read(rest, 100) == Status::kClosed);
  CHECK(transfer(server, client, "still here", chunk) == "still here");
  server.close();
  client.feed(server.take_output());
  CHECK(client.read(rest, 100) == Status::kClosed);
}

TEST_CASE("the certificate must be for the name", "[tls]") {
  CHECK(with_names("server", "mx.test").client == Status::kDone);
  CHECK(with_names("server", "MX.test").client == Status::kDone);
  CHECK(with_names("server", "127.0.0.1").client == Status::kDone);
  CHECK(with_names("wildcard", "a.wild.test").client == Status::kDone);
  std::string error;
  const auto wrong = with_names("server", "other.test", true, &error);
  CHECK(wrong.client == Status::kFailed);
  CHECK(wrong.server != Status::kDone);  // by the alert
  CHECK(error.find("hostname mismatch") != std::string::npos);
  CHECK(with_names("server", "127.0.0.2").client == Status::kFailed);
  CHECK(with_names("wildcard", "a.b.wild.test").client == Status::kFailed);
  CHECK(with_names("wildcard", "wild.test").client == Status::kFailed);
  // Nothing to compare with is not "anything will do".
  CHECK(with_names("server", "").client == Status::kFailed);
  CHECK(with_names("server", std::string("mx.test\0x", 9)).client == Status::kFailed);
}

TEST_CASE("the certificate must be of an authority that we know", "[tls]") {
  std::string error;
  CHECK(with_names("foreign", "mx.test", true, &error).client == Status::kFailed);
  CHECK(error.find("unable to get local issuer") != std::string::npos);
  CHECK(with_names("foreign", "mx.test", true, nullptr, "other_ca").client == Status::kDone);
}

TEST_CASE("opportunistic TLS takes any certificate and says that it is not verified", "[tls]") {
  const auto server_side = server_context("foreign");
  const auto client_side = client_context(false);
  auto server = Engine::server(*server_side);
  auto client = Engine::client(*client_side, "quite.other.test");
  CHECK(shake_hands(client, server, 4096).client == Status::kDone);
  CHECK_FALSE(client.info().peer_verified);
  CHECK(client.info().peer_subject.empty());
  CHECK(with_names("foreign", "", false).client == Status::kDone);
}

TEST_CASE("plain text in place of TLS fails, and leaves an alert to send", "[tls]") {
  const auto server_side = server_context();
  auto server = Engine::server(*server_side);
  server.feed("EHLO client.test\r\nMAIL FROM:<a@b.test>\r\n");
  CHECK(server.handshake() == Status::kFailed);
  CHECK_FALSE(server.error().empty());
  const auto client_side = client_context();
  auto client = Engine::client(*client_side, "mx.test");
  CHECK(client.handshake() == Status::kWantInput);
  CHECK(client.has_output());
  client.feed("220 mx.test ESMTP\r\n");
  CHECK(client.handshake() == Status::kFailed);
}

TEST_CASE("damaged records fail", "[tls]") {
  const auto server_side = server_context();
  const auto client_side = client_context();
  auto server = Engine::server(*server_side);
  auto client = Engine::client(*client_side, "mx.test");
  shake_hands(client, server, 4096);
  std::string_view text = "a secret";
  CHECK(client.write(text) == Status::kDone);
  auto bytes = client.take_output();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  server.feed(bytes);
  std::string out;
  CHECK(server.read(out, 100) == Status::kFailed);
  CHECK(out.empty());
  CHECK(server.has_output());  // the alert
}

TEST_CASE("client certificates", "[tls]") {
  const auto own = GENERATE(as<std::string>{}, "", "client", "foreign");
  const bool require = GENERATE(true, false);
  const auto server_side = server_context("server", "ca", require);
  const auto client_side = client_context(true, "ca", own);
  auto server = Engine::server(*server_side);
  auto client = Engine::client(*client_side, "mx.test");
  const auto ends = shake_hands(client, server, 4096);
  const bool good = own == "client" || !require;
  CHECK((ends.server == Status::kDone) == good);
  if (!good) return;
  CHECK(server.info().peer_verified == (own == "client"));
  CHECK(server.info().peer_subject == (own == "client" ? "/CN=client" : ""));
  CHECK(server.peer_names() == (own == "client" ? std::vector<std::string>{"client"} : std::vector<std::string>{}));
}

TEST_CASE("whom a certificate names", "[tls]") {
  struct Case {
    std::string alternatives;
    std::vector<std::string> names;
  };
  const auto [alternatives, names] =
      GENERATE(Case{"email:ann@a.test", {"ann@a.test"}},
               Case{"DNS:a.test,email:ann@a.test,email:b@a.test", {"ann@a.test", "b@a.test"}},
               Case{"DNS:a.test,IP:127.0.0.1", {"own"}});
  quartet::test::Certificates set;
  set.issue("server", "DNS:mx.test");
  set.issue("own", alternatives);
  const auto server_side =
      *ServerContext::load({set.certificate("server"), set.key("server"), set.certificate("ca"), false});
  ClientOptions options{
      .verify = true, .ca = set.certificate("ca"), .certificate = set.certificate("own"), .key = set.key("own")};
  const auto client_side = *ClientContext::make(options);
  auto server = Engine::server(*server_side);
  auto client = Engine::client(*client_side, "mx.test");
  REQUIRE(shake_hands(client, server, 4096).server == Status::kDone);
  CHECK(server.peer_names() == names);
}

TEST_CASE("versions before TLS 1.2 are refused", "[tls]") {
  const auto server_side = server_context();
  auto server = Engine::server(*server_side);
  RawClient client(TLS1_1_VERSION);
  SSL_do_handshake(client.ssl());
  server.feed(client.take_output());
  CHECK(server.handshake() == Status::kFailed);
  CHECK(server.error().find("unsupported protocol") != std::string::npos);
}

TEST_CASE("a client cannot renegotiate", "[tls]") {
  const auto server_side = server_context();
  auto server = Engine::server(*server_side);
  RawClient client(TLS1_2_VERSION);
  for (int i = 0; i < 10; ++i) {
    SSL_do_handshake(client.ssl());
    server.feed(client.take_output());
    server.handshake();
    client.feed(server.take_output());
  }
  REQUIRE(SSL_is_init_finished(client.ssl()));
  REQUIRE(SSL_renegotiate(client.ssl()) == 1);
  SSL_do_handshake(client.ssl());
  server.feed(client.take_output());
  std::string out;
  CHECK(server.read(out, 100) == Status::kWantInput);
  CHECK(out.empty());
  // Only the alert "no renegotiation" comes back, so the client's attempt fails.
  client.feed(server.take_output());
  CHECK(SSL_do_handshake(client.ssl()) <= 0);
  CHECK(SSL_get_error(client.ssl(), -1) == SSL_ERROR_SSL);
  ERR_clear_error();
}

TEST_CASE("what a context cannot load is named", "[tls]") {
  const auto& set = certificates();
  const auto missing = ServerContext::load({"/nonexistent/cert.pem", set.key("server"), "", false});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().starts_with("/nonexistent/cert.pem: "));
  const auto mismatch = ServerContext::load({set.certificate("server"), set.key("client"), "", false});
  REQUIRE_FALSE(mismatch.has_value());
  CHECK(mismatch.error().find(set.key("client")) != std::string::npos);
  const auto garbage = (set.directory() / "garbage").string();
  std::ofstream(garbage) << "no certificate\n";
  CHECK_FALSE(ServerContext::load({garbage, set.key("server"), "", false}).has_value());
  CHECK_FALSE(ServerContext::load({set.certificate("server"), set.key("server"), garbage, false}).has_value());
  CHECK_FALSE(ClientContext::make({.verify = true, .ca = garbage, .certificate = {}, .key = {}}).has_value());
}
