// What SCRAM asks the directory: verifiers of accounts, and answers for strangers.
#include <catch2/catch.hpp>

#include "common/directory/directory.h"
#include "quartet/config/v1/directory.pb.h"

using namespace quartet;
using namespace quartet::directory;
using crypto::Digest;

namespace {

std::string verifier(Digest digest, const std::string& password) {
  return to_string(sasl::make_scram_verifier(digest, password, "0123456789abcdef", 4096).value());
}

const std::string kAnn = "account { login: \"Ann@a.test\" address: \"anna@a.test\" scram_verifier: \"" +
                         verifier(Digest::kSha256, "pencil") + "\" scram_verifier: \"" +
                         verifier(Digest::kSha1, "pencil") + "\" }\n";
const std::string kBob =
    "account { login: \"bob@a.test\" scram_verifier: \"" + verifier(Digest::kSha256, "pen") + "\" }\n";

std::expected<Directory, std::string> parse(const std::string& accounts) {
  config::v1::Directory source;
  const auto loaded = config::parse_into("domain { name: \"a.test\" }\n" + accounts, "people", source);
  REQUIRE(loaded.has_value());
  const auto errors = validate(source, *loaded->positions);
  if (!errors.empty()) return std::unexpected(to_string(errors.front()));
  return Directory(source);
}

}  // namespace

TEST_CASE("SCRAM is there once all who can log in have a verifier", "[directory]") {
  const auto both = parse(kAnn + kBob);
  CHECK(both->has_verifiers(Digest::kSha256));
  CHECK_FALSE(both->has_verifiers(Digest::kSha1));
  CHECK_FALSE(parse("")->has_verifiers(Digest::kSha256));
  CHECK_FALSE(parse("account { login: \"cy@a.test\" }")->has_verifiers(Digest::kSha256));
  // Who cannot log in is in nobody's way.
  CHECK(parse(kAnn + "account { login: \"cy@a.test\" }")->has_verifiers(Digest::kSha1));
  CHECK(parse(kAnn + "account { login: \"cy@a.test\" password_hash: \"$6$x$y\" disabled: true }")
            ->has_verifiers(Digest::kSha1));
  CHECK_FALSE(parse(kAnn + "account { login: \"cy@a.test\" password_hash: \"$6$x$y\" }")->has_verifiers(Digest::kSha1));
}

TEST_CASE("a verifier is found by any address of its account", "[directory]") {
  const auto directory = parse(kAnn + kBob);
  CHECK(to_string(directory->scram_verifier(Digest::kSha256, "ANNA@a.test")) == verifier(Digest::kSha256, "pencil"));
  CHECK(to_string(directory->scram_verifier(Digest::kSha1, "ann@a.test")) == verifier(Digest::kSha1, "pencil"));
  CHECK(to_string(directory->scram_verifier(Digest::kSha256, "bob@a.test")) == verifier(Digest::kSha256, "pen"));
}

TEST_CASE("a stranger's verifier looks like the others, and is always the same", "[directory]") {
  const auto directory = parse(kAnn + kBob);
  for (const auto digest : {Digest::kSha1, Digest::kSha256}) {
    const auto decoy = directory->scram_verifier(digest, "nobody@a.test");
    CHECK(decoy.digest == digest);
    CHECK(decoy.iterations == 4096);
    CHECK(decoy.salt.size() == 16);
    CHECK(decoy.stored_key.size() == crypto::size_of(digest));
    CHECK(decoy == directory->scram_verifier(digest, "NOBODY@a.test"));
    CHECK(decoy == parse(kAnn)->scram_verifier(digest, "nobody@a.test"));
    CHECK(decoy.salt != directory->scram_verifier(digest, "nobody2@a.test").salt);
    CHECK(decoy.salt != directory->scram_verifier(digest, "no address").salt);
    CHECK(decoy.salt != parse(kAnn + "scram_secret: \"x\"")->scram_verifier(digest, "nobody@a.test").salt);
  }
}

TEST_CASE("verifiers that are none are faults at their place", "[directory]") {
  const auto login = std::string("account { login: \"cy@a.test\" scram_verifier: \"");
  CHECK(parse(login + "plain\" }").error().starts_with("people:2:"));
  const auto twice =
      login + verifier(Digest::kSha1, "a") + "\" scram_verifier: \"" + verifier(Digest::kSha1, "b") + "\" }";
  CHECK(parse(twice).error().contains("two of this kind"));
}
