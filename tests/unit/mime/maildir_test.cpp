#include "common/mime/maildir.h"

#include <catch2/catch.hpp>

#include "common/mime/lines.h"

using namespace quartet;
using namespace quartet::mime;

TEST_CASE("names of files in a Maildir", "[mime]") {
  CHECK(maildir_base_name(from_micros(1'795'525'509'000'001), "U1", "h/o:st", 42) == "1795525509.U1.h_o_st,S=42");
  CHECK(maildir_name("1.U.h,S=42", "SRS") == "1.U.h,S=42:2,RS");
  CHECK(maildir_name("1.U.h", "") == "1.U.h:2,");
  const auto [file, base, letters] = GENERATE(table<std::string, std::string, std::string>({
      {"1.U.h,S=42:2,RS", "1.U.h,S=42", "RS"},
      {"1.U.h,S=42:2,", "1.U.h,S=42", ""},
      {"1.U.h,S=42", "1.U.h,S=42", ""},
      {"1.U.h:1,x", "1.U.h", ""},
      {"1.U.h:2,FSa,extra", "1.U.h", "FSa"},
  }));
  CHECK(parse_maildir_name(file).base == base);
  CHECK(parse_maildir_name(file).letters == letters);
}

TEST_CASE("line ends on disk and on the wire", "[mime]") {
  std::string disk = "> ";
  append_lf(disk, "a\r\nb\rc\nd\r\r\n\r\n");
  CHECK(disk == "> a\nb\rc\nd\r\n\n");
  std::string wire;
  append_crlf(wire, "a\nb\rc\n\n");
  CHECK(wire == "a\r\nb\rc\r\n\r\n");
}
