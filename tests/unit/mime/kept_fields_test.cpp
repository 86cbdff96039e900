// Fields that answer BODY[HEADER.FIELDS (...)] (RFC 9051 section 6.4.5.1) without the message.
#include "common/mime/kept_fields.h"

#include <catch2/catch.hpp>

#include "common/mime/section.h"

using namespace quartet::mime;

namespace {

const std::string kHeader =
    "Received: from a\r\n\tby b\r\nFrom: One <one@a.test>\r\nsubject : two\r\n lines\r\nX-Unknown: x\r\n"
    "To: a@a.test\nFROM: Two <two@a.test>\r\nDate: now\r\n\r\n";

std::string selected(std::string_view blob, const std::vector<std::string>& names) {
  std::string out = "* ";
  const auto wanted = kept_fields(names);
  REQUIRE(wanted);
  REQUIRE(append_kept_fields(out, blob, *wanted));
  return out.substr(2);
}

}  // namespace

TEST_CASE("kept fields are given as the header has them", "[mime]") {
  const auto blob = encode_kept_fields(Header(kHeader));
  const std::vector<std::string> from_and_subject = {"FROM", "Subject"};
  CHECK(selected(blob, from_and_subject) ==
        "From: One <one@a.test>\r\nsubject : two\r\n lines\r\nFROM: Two <two@a.test>\r\n\r\n");
  for (const auto& names : std::vector<std::vector<std::string>>{from_and_subject, {"to", "date", "cc"}, {"Bcc"}})
    CHECK(selected(blob, names) == select_fields(kHeader, names, false));
}

TEST_CASE("a last field without a line end gets one", "[mime]") {
  const std::string cut = "Subject: x\r\nTo: y";
  CHECK(selected(encode_kept_fields(Header(cut)), {"To"}) == select_fields(cut, {"To"}, false));
}

TEST_CASE("names that are not kept are known as such", "[mime]") {
  CHECK_FALSE(kept_fields({"From", "Received"}));
  CHECK_FALSE(kept_fields({""}));
  CHECK(kept_fields({"from"}) == kept_fields({"FROM", "From"}));
}

TEST_CASE("fields that are too long are not kept", "[mime]") {
  const std::string header = "To: " + std::string(20'000, 'x') + "\r\nFrom: a@a.test\r\n\r\n";
  CHECK(encode_kept_fields(Header(header)).empty());
  std::string out;
  CHECK_FALSE(append_kept_fields(out, "", 1));
}

TEST_CASE("damaged blobs give nothing", "[mime]") {
  const auto blob = encode_kept_fields(Header(kHeader));
  for (std::size_t size = 2; size < blob.size(); ++size) {
    std::string out = "before";
    if (!append_kept_fields(out, std::string_view(blob).substr(0, size), ~KeptFields{})) CHECK(out == "before");
  }
  std::string out;
  CHECK_FALSE(append_kept_fields(out, "\x02" + blob.substr(1), 1));
  CHECK_FALSE(append_kept_fields(out, std::string_view(blob).substr(0, blob.size() - 1), 1));
}
