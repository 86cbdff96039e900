#include "msa/completion.h"

#include <catch2/catch.hpp>

using namespace quartet;

TEST_CASE("Date and Message-ID are added where they are missing (RFC 6409 section 8)", "[msa]") {
  const auto now = from_micros(1'795'525'509'000'000);
  const auto added = [now](const std::string& header) {
    return msa::missing_fields(mime::Header(header), "mx.a.test", now);
  };
  CHECK(added("date: x\r\nMESSAGE-ID: <y@z>\r\n\r\n").empty());
  CHECK(added("Message-ID: <y@z>\r\n\r\n") == "Date: " + to_rfc5322(now) + "\r\n");
  const auto id = added("Date: x\r\n\r\n");
  CHECK(id.starts_with("Message-ID: <"));
  CHECK(id.ends_with("@mx.a.test>\r\n"));
  CHECK(id != added("Date: x\r\n\r\n"));
  // One in an attached message or in the body is not one of this message.
  CHECK(added("Subject: x\r\n\r\nDate: y\r\nMessage-ID: <q@r>\r\n").find("Date: ") != std::string::npos);
}
