// DANE for SMTP: RFC 7672 section 3, with the matching of RFC 6698 section 2.1.
#include "common/tls/dane.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <catch2/catch.hpp>

#include <fstream>

#include "tests/unit/tls/helpers.h"

using namespace quartet;
using namespace quartet::tls;
using namespace quartet::tls::test;

namespace {

using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using File = std::unique_ptr<BIO, void (*)(BIO*)>;

Certificate load(const std::string& name) {
  const File file(BIO_new_file(certificates().certificate(name).c_str(), "r"), BIO_free_all);
  return {PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr), X509_free};
}

std::string bytes_of(int (*encode)(const X509*, unsigned char**), const X509* object) {
  unsigned char* bytes = nullptr;
  const int size = encode(object, &bytes);
  std::string out(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return out;
}

int encode_key(const X509* certificate, unsigned char** bytes) {
  return i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), bytes);
}

std::string digest(const EVP_MD* kind, const std::string& bytes) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), out, &size, kind, nullptr);
  return {reinterpret_cast<char*>(out), size};
}

/// The record for a certificate, as a careful operator publishes it.
TlsaRecord record(const std::string& name, int usage, int selector, int matching) {
  const auto certificate = load(name);
  auto data = bytes_of(selector == 0 ? &i2d_X509 : &encode_key, certificate.get());
  if (matching == 1) data = digest(EVP_sha256(), data);
  if (matching == 2) data = digest(EVP_sha512(), data);
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector), static_cast<std::uint8_t>(matching),
          std::move(data)};
}

void write_chain(const std::string& name, const std::vector<std::string>& parts) {
  std::ofstream out(certificates().certificate(name));
  for (const auto& part : parts) out << std::ifstream(certificates().certificate(part)).rdbuf();
  std::filesystem::copy_file(certificates().key(parts.front()), certificates().key(name),
                             std::filesystem::copy_options::overwrite_existing);
}

/// A copy of "server" whose time is over, with the authority behind it: "expired".
void write_expired() {
  const auto certificate = load("server");
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), -3600);
  const File key_file(BIO_new_file(certificates().key("ca").c_str(), "r"), BIO_free_all);
  const Key key(PEM_read_bio_PrivateKey(key_file.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  {
    const File out(BIO_new_file(certificates().certificate("late").c_str(), "w"), BIO_free_all);
    REQUIRE(PEM_write_bio_X509(out.get(), certificate.get()) == 1);
  }
  std::filesystem::copy_file(certificates().key("server"), certificates().key("late"),
                             std::filesystem::copy_options::overwrite_existing);
  write_chain("expired", {"late", "ca"});
}

struct Result {
  bool done = false;
  std::string error;
  net::TlsInfo info;
};

Result meet(const std::string& server_certificate, const Dane& dane) {
  const auto server_side = server_context(server_certificate);
  // What the context itself would say must not matter.
  const auto client_side = client_context(GENERATE(true, false), "other_ca");
  auto server = Engine::server(*server_side);
  auto client = Engine::client(*client_side, dane);
  const auto ends = shake_hands(client, server, 4096);
  Result result{ends.client == Status::kDone, client.error(), client.info()};
  if (result.done) CHECK(server.info().server_name == dane.base_domain);
  // One that was refused must not look like a success to the other side either.
  if (!result.done) CHECK(ends.server != Status::kDone);
  return result;
}

}  // namespace

TEST_CASE("DANE-EE: every selector and matching type", "[tls][dane]") {
  const int selector = GENERATE(0, 1);
  const int matching = GENERATE(0, 1, 2);
  const auto good = meet("server", {"mx.test", {}, {record("server", 3, selector, matching)}});
  CHECK(good.done);
  CHECK(good.info.peer_verified);
  CHECK(good.info.trust == net::Trust::kDaneEe);
  const auto wrong = meet("server", {"mx.test", {}, {record("renewed", 3, selector, matching)}});
  CHECK_FALSE(wrong.done);
  CHECK(wrong.error.find("TLSA") != std::string::npos);
  CHECK_FALSE(wrong.info.peer_verified);
}

TEST_CASE("DANE-EE: neither names nor dates of the certificate matter", "[tls][dane]") {
  write_expired();
  CHECK(meet("server", {"quite.other.test", {}, {record("server", 3, 1, 1)}}).done);
  CHECK(meet("expired", {"quite.other.test", {}, {record("late", 3, 1, 1)}}).done);
  CHECK(meet("foreign", {"mx.test", {}, {record("foreign", 3, 0, 2)}}).done);
}

TEST_CASE("DANE-TA: every selector and matching type, with the authority in the chain", "[tls][dane]") {
  write_chain("chain", {"server", "ca"});
  const int selector = GENERATE(0, 1);
  const int matching = GENERATE(0, 1, 2);
  const auto good = meet("chain", {"mx.test", {}, {record("ca", 2, selector, matching)}});
  CHECK(good.done);
  CHECK(good.info.trust == net::Trust::kDaneTa);
  CHECK_FALSE(meet("chain", {"mx.test", {}, {record("other_ca", 2, selector, matching)}}).done);
  // The server's own certificate is no authority.
  CHECK_FALSE(meet("foreign", {"mx.test", {}, {record("ca", 2, selector, matching)}}).done);
}

TEST_CASE("DANE-TA: an authority only in the DNS will do, its digest will not", "[tls][dane]") {
  CHECK(meet("server", {"mx.test", {}, {record("ca", 2, 0, 0)}}).done);
  CHECK_FALSE(meet("server", {"mx.test", {}, {record("ca", 2, 0, 1)}}).done);
}

TEST_CASE("DANE-TA: names and dates of the certificate matter", "[tls][dane]") {
  write_chain("chain", {"server", "ca"});
  write_expired();
  const std::vector records = {record("ca", 2, 0, 1)};
  const auto wrong = meet("chain", {"other.test", {}, records});
  CHECK_FALSE(wrong.done);
  CHECK(wrong.error.find("hostname mismatch") != std::string::npos);
  // RFC 7672 section 3.2.2: the domain itself is a name, too.
  CHECK(meet("chain", {"other.test", {"domain.test", "mx.test"}, records}).done);
  CHECK_FALSE(meet("chain", {"other.test", {"domain.test"}, records}).done);
  CHECK(meet("expired", {"mx.test", {}, records}).error.find("expired") != std::string::npos);
}

TEST_CASE("one record that matches is enough", "[tls][dane]") {
  write_chain("chain", {"server", "ca"});
  CHECK(meet("server", {"mx.test", {}, {record("renewed", 3, 1, 1), record("server", 3, 1, 1)}}).done);
  CHECK(meet("chain", {"mx.test", {}, {record("renewed", 3, 1, 1), record("ca", 2, 0, 2)}}).done);
}

TEST_CASE("records that cannot authenticate are told apart", "[tls][dane]") {
  const auto good = record("server", 3, 1, 1);
  auto cut = good;
  cut.data.pop_back();
  auto unknown_selector = good;
  unknown_selector.selector = 2;
  auto unknown_matching = good;
  unknown_matching.matching_type = 3;
  const TlsaRecord no_certificate{3, 0, 0, "this is no DER"};
  const TlsaRecord empty{3, 1, 1, ""};
  const std::vector bad = {record("ca", 0, 0, 1), record("server", 1, 0, 1), {4, 1, 1, good.data}, cut,
                           unknown_selector,      unknown_matching,          no_certificate,       empty};
  CHECK(usable(bad).empty());
  auto all = bad;
  all.push_back(good);
  CHECK(usable(all) == std::vector{good});
  CHECK(usable({}).empty());
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("without a name or a record there is no handshake", "[tls][dane]") {
  const auto client_side = client_context(false);
  const auto bad = GENERATE_COPY(values<Dane>(
      {{"", {}, {record("server", 3, 1, 1)}}, {"mx.test", {}, {}}, {"mx.test", {}, {{3, 1, 1, "short"}}}}));
  auto client = Engine::client(*client_side, bad);
  CHECK(client.handshake() == Status::kFailed);
  CHECK_FALSE(client.has_output());
  CHECK_FALSE(client.error().empty());
}
