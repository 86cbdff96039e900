#include "common/sieve/managesieve.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace quartet::sieve;

namespace {

/// Each command or fault as text.
std::vector<std::string> read(std::string_view input, std::size_t chunk, const ManageSieveLimits& limits = {}) {
  ManageSieveParser parser(limits);
  std::vector<std::string> out;
  for (; !input.empty(); input.remove_prefix(std::min(chunk, input.size()))) {
    parser.feed(input.substr(0, chunk));
    while (auto event = parser.next()) {
      if (!*event) {
        static constexpr const char* kNames[] = {"malformed", "too large", "fatal"};
        out.emplace_back(kNames[static_cast<int>(event->error())]);
        continue;
      }
      auto text = (*event)->name;
      for (const auto& argument : (*event)->arguments)
        text += argument.number ? " " + std::to_string(argument.value) : " [" + argument.text + "]";
      out.push_back(text);
    }
  }
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("commands do not depend on how the bytes were split", "[managesieve][rfc5804]") {
  const std::size_t chunk = GENERATE(1, 2, 7, 4096);
  CHECK(read("capability\r\nPutScript \"a \\\"b\\\\\" {7+}\r\nkeep;\r\n\r\nHAVESPACE \"x\" 99\r\n\r\n\"c2VjcmV0\"\r\n",
             chunk) == Lines{"CAPABILITY", "PUTSCRIPT [a \"b\\] [keep;\r\n]", "HAVESPACE [x] 99", " [c2VjcmV0]"});
  CHECK(read("NOOP\r\nA B\r\nNOOP \"x\r\nGET 1x\r\n@\r\nNOOP\r\n", chunk) ==
        Lines{"NOOP", "malformed", "malformed", "malformed", "malformed", "NOOP"});
}

TEST_CASE("strings have a limit, and what is over it is passed over", "[managesieve]") {
  ManageSieveLimits limits;
  limits.literal = 4;
  limits.skipped = 10;
  limits.line = 100;
  const std::size_t chunk = GENERATE(1, 5, 4096);
  CHECK(read("CHECKSCRIPT {5+}\r\nkeep;\r\nNOOP\r\n", chunk, limits) == Lines{"too large", "NOOP"});
  CHECK(read("CHECKSCRIPT {11+}\r\nkeep;\r\nNOOP\r\n", chunk, limits) == Lines{"fatal"});
  CHECK(read("CHECKSCRIPT {99999999999999999999999+}\r\n", chunk, limits) == Lines{"fatal"});
  CHECK(read("NOOP \"" + std::string(200, 'x'), chunk, limits) == Lines{"fatal"});
  CHECK(read("NOOP " + std::string(200, ' ') + "\r\n", chunk, limits) == Lines{"fatal"});
}

TEST_CASE("a line that cannot be passed over ends it", "[managesieve]") {
  CHECK(read("@ {5+}\r\nkeep;\r\n", 4096) == Lines{"fatal"});
  CHECK(read("CHECKSCRIPT {5}\r\nNOOP\r\n", 4096) == Lines{"malformed", "NOOP"});
}

TEST_CASE("strings that a server sends", "[managesieve]") {
  CHECK(managesieve_string("a \"b\" \\") == "\"a \\\"b\\\" \\\\\"");
  CHECK(managesieve_string("a\r\nb") == "{4}\r\na\r\nb");
  CHECK(managesieve_string(std::string(1025, 'x')).starts_with("{1025}\r\n"));
}
