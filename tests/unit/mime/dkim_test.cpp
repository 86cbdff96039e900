// RFC 6376. That whole signatures are valid is shown by another implementation in tests/system/tls_report_test.py.
#include "common/mime/dkim.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "common/base/encoding.h"
#include "common/crypto/digest.h"
#include "common/mime/header.h"
#include "tests/support/temporary_directory.h"

using namespace quartet;
using namespace quartet::mime;

TEST_CASE("relaxed forms", "[mime][dkim]") {
  // The example of RFC 6376 section 3.4.5.
  CHECK(dkim_relaxed_field("A", " X") == "a:X\r\n");
  CHECK(dkim_relaxed_field("B", " Y\t\r\n\tZ  ") == "b:Y Z\r\n");
  CHECK(dkim_relaxed_body(" C \r\nD \t E\r\n\r\n\r\n") == " C\r\nD E\r\n");
  CHECK(dkim_relaxed_body("") == "");
  CHECK(dkim_relaxed_body("\r\n\r\n") == "");
  CHECK(dkim_relaxed_body(" \r\n\r\nx") == "\r\n\r\nx\r\n");
  CHECK(dkim_relaxed_field("Subject", "") == "subject:\r\n");
}

TEST_CASE("a signature field", "[mime][dkim]") {
  const test::TemporaryDirectory directory;
  const auto file = directory.file("key");
  REQUIRE(std::system(("openssl genpkey -algorithm ED25519 -out " + file).c_str()) == 0);
  const DkimSigner signer{"a.example", "s1", crypto::SigningKey::load(file).value()};
  const std::string message = "From: ann@a.example\r\nTo: bob@b.example\r\nX-Other: 1\r\nSubject: x\r\n\r\nHello\r\n";
  const auto field = dkim_signature(signer, message, from_micros(1'700'000'000'000'000));
  REQUIRE(field.has_value());
  for (const auto& line : {*field}) CHECK(line.ends_with("\r\n"));
  const auto text = Header(*field).text("DKIM-Signature");
  CHECK(text.contains("a=ed25519-sha256; c=relaxed/relaxed;\td=a.example; s=s1; t=1700000000;"));
  // From once more than it is there; what is not listed is not signed.
  CHECK(text.contains("h=from:from:to:subject;"));
  CHECK(text.contains("bh=" + base64_encode(crypto::hash(crypto::Digest::kSha256, "Hello\r\n")) + ";"));
  // It depends on what is signed, and on nothing else.
  const auto again = [&](std::string other) {
    return dkim_signature(signer, other, from_micros(1'700'000'000'000'000));
  };
  CHECK(again(message) == field);
  CHECK(again("X-More: 2\r\n" + message) == field);
  CHECK(again("Subject: y\r\n" + message) != field);
  CHECK(again(message + "More\r\n") != field);
}
