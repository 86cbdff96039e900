#include "common/crypto/signing_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "common/base/encoding.h"
#include "common/crypto/digest.h"
#include "tests/support/temporary_directory.h"

using namespace quartet;
using crypto::SigningKey;

namespace {

std::string make_key(const test::TemporaryDirectory& directory, const std::string& name, const std::string& options) {
  const auto file = directory.file(name);
  REQUIRE(std::system(("openssl genpkey " + options + " -out " + file + " 2>/dev/null").c_str()) == 0);
  return file;
}

/// By OpenSSL with the key itself; `bytes` is what the algorithm takes.
bool verifies(const std::string& file, const std::string& signature, const std::string& bytes, const EVP_MD* digest) {
  std::FILE* const stream = std::fopen(file.c_str(), "rb");
  EVP_PKEY* const key = PEM_read_PrivateKey(stream, nullptr, nullptr, nullptr);
  std::fclose(stream);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool good =
      EVP_DigestVerifyInit(context, nullptr, digest, nullptr, key) == 1 &&
      EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return good;
}

}  // namespace

TEST_CASE("keys sign", "[crypto]") {
  const test::TemporaryDirectory directory;
  const auto rsa_file = make_key(directory, "rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024");
  const auto rsa = SigningKey::load(rsa_file);
  REQUIRE(rsa.has_value());
  CHECK((*rsa)->kind() == SigningKey::Kind::kRsa);
  CHECK(verifies(rsa_file, (*rsa)->sign("some bytes").value(), "some bytes", EVP_sha256()));
  CHECK_FALSE(verifies(rsa_file, (*rsa)->sign("some bytes").value(), "other bytes", EVP_sha256()));
  const auto ed_file = make_key(directory, "ed", "-algorithm ED25519");
  const auto ed = SigningKey::load(ed_file);
  REQUIRE(ed.has_value());
  CHECK((*ed)->kind() == SigningKey::Kind::kEd25519);
  CHECK(verifies(ed_file, (*ed)->sign("some bytes").value(), crypto::hash(crypto::Digest::kSha256, "some bytes"),
                 nullptr));
}

TEST_CASE("keys that do not sign", "[crypto]") {
  const test::TemporaryDirectory directory;
  const auto reason = [](const std::string& file) {
    const auto loaded = SigningKey::load(file);
    REQUIRE_FALSE(loaded.has_value());
    return loaded.error();
  };
  CHECK(reason(directory.file("missing")).ends_with("cannot be read"));
  std::ofstream(directory.file("nonsense")) << "no key\n";
  CHECK(reason(directory.file("nonsense")).contains("no private key in PEM form"));
  CHECK(reason(make_key(directory, "weak", "-algorithm RSA -pkeyopt rsa_keygen_bits:512")).contains("fewer than 1024"));
  CHECK(reason(make_key(directory, "curve", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256")).contains("neither"));
  CHECK(reason(make_key(directory, "locked", "-algorithm ED25519 -aes128 -pass pass:secret")).contains("pass phrase"));
}
