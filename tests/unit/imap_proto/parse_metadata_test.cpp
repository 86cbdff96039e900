// RFC 5464 section 5, RFC 9590.
#include "parse.h"

using namespace quartet::imapd;
using Strings = std::vector<std::string>;

TEST_CASE("GETMETADATA with its options before or behind the mailbox", "[imap]") {
  auto get = parsed<GetMetadata>("a GETMETADATA inbox /shared/comment");
  CHECK(get.mailbox == "INBOX");
  CHECK(get.entries == Strings{"/shared/comment"});
  CHECK(get.depth == 0);
  CHECK_FALSE(get.max_size);
  get = parsed<GetMetadata>("a GETMETADATA (DEPTH infinity MAXSIZE 10) \"\" (/private/a \"/shared/b\")");
  CHECK(get.mailbox.empty());
  CHECK(get.entries == Strings{"/private/a", "/shared/b"});
  CHECK(get.depth == GetMetadata::kInfinite);
  CHECK(get.max_size == 10);
  CHECK(parsed<GetMetadata>("a GETMETADATA x (DEPTH 1) (/private/a)").depth == 1);
  error_of("a GETMETADATA x");
  error_of("a GETMETADATA x ()");
  error_of("a GETMETADATA (DEPTH 2) x /a");
  error_of("a GETMETADATA (SIZE 2) x /a");
  error_of("a GETMETADATA (MAXSIZE) x /a");
}

TEST_CASE("SETMETADATA and values of all kinds", "[imap]") {
  const auto set = parsed<SetMetadata>(
      "a SETMETADATA x (/private/a NIL /private/b \"text\" /private/c {3+}\r\na\r\n /private/d ~{2+}\r\n" +
      std::string("\0z", 2) + ")");
  REQUIRE(set.entries.size() == 4);
  CHECK_FALSE(set.entries[0].second);
  CHECK(set.entries[1].second == "text");
  CHECK(set.entries[2].second == "a\r\n");
  CHECK(set.entries[3].second == std::string("\0z", 2));
  error_of("a SETMETADATA x /private/a NIL");
  error_of("a SETMETADATA x ()");
  error_of("a SETMETADATA x (/private/a)");
  error_of("a SETMETADATA x (/private/a atom)");
}

TEST_CASE("LIST may ask for annotations", "[imap]") {
  CHECK(parsed<List>("a LIST \"\" * RETURN (METADATA (/shared/a \"/private/b\") CHILDREN)").return_metadata ==
        Strings{"/shared/a", "/private/b"});
  error_of("a LIST \"\" * RETURN (METADATA)");
}
