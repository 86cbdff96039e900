#include "common/config/config.h"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "quartet/config/v1/msa.pb.h"

using namespace quartet;
using quartet::config::v1::Msa;

namespace {

/// The errors as lines of text; none if the text is good.
std::vector<std::string> errors_of(const std::string& text) {
  Msa message;
  const auto loaded = config::parse_into(text, "msa.conf", message);
  std::vector<std::string> lines;
  if (loaded) return lines;
  for (const auto& each : loaded.error()) lines.push_back(config::to_string(each));
  return lines;
}

Msa parsed(const std::string& text) {
  Msa message;
  const auto loaded = config::parse_into(text, "msa.conf", message);
  REQUIRE(loaded.has_value());
  return message;
}

bool begins(const std::vector<std::string>& lines, const std::vector<std::string>& beginnings) {
  for (const auto& line : lines) UNSCOPED_INFO(line);
  if (lines.size() != beginnings.size()) return false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with(beginnings[i])) return false;
  }
  return true;
}

class Files {
 public:
  Files() : directory_(std::filesystem::temp_directory_path() / ("quartet-config-test." + std::to_string(getpid()))) {
    std::filesystem::create_directories(directory_ / "sub");
  }
  ~Files() { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, const std::string& text) {
    const auto path = (directory_ / name).string();
    std::ofstream(path) << text;
    return path;
  }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

 private:
  std::filesystem::path directory_;
};

std::vector<std::string> errors_in(const std::string& path) {
  const auto loaded = config::load<Msa>(path);
  std::vector<std::string> lines;
  if (loaded) return lines;
  for (const auto& each : loaded.error()) lines.push_back(config::to_string(each));
  return lines;
}

}  // namespace

TEST_CASE("a good text is read", "[config]") {
  const auto msa = parsed(
      "# a comment with ${NOBODY_SETS_THIS}\n"
      "agent { hostname: \"msa.test\" threads: 2 }  # and ${ANOTHER}\n"
      "listener { address: \"127.0.0.1:587\" }\n"
      "listener { address: \"127.0.0.1:465\" implicit_tls: true }\n"
      "directory: \"/etc/quartet/#1\"\n");
  CHECK(msa.agent().hostname() == "msa.test");
  CHECK(msa.listener_size() == 2);
  CHECK(msa.listener(1).implicit_tls());
  CHECK(msa.directory() == "/etc/quartet/#1");
  CHECK(errors_of("").empty());
}

TEST_CASE("unknown fields and bad values are told at file:line:column", "[config]") {
  CHECK(begins(errors_of("agent {\n  hostnam: \"x\"\n}\n"), {"msa.conf:2:3: "}));
  CHECK(errors_of("agent {\n  hostnam: \"x\"\n}\n")[0].find("hostnam") != std::string::npos);
  CHECK(begins(errors_of("agent { threads: many }"), {"msa.conf:1:18: "}));
  CHECK(begins(errors_of("agent { threads: -1 }"), {"msa.conf:1:18: "}));
  CHECK(begins(errors_of("agent {\n  log { level: LOUD }\n}"), {"msa.conf:2:"}));
  CHECK(errors_of("agent {\n  log { level: LOUD }\n}")[0].find("LOUD") != std::string::npos);
  CHECK(begins(errors_of("directory: unquoted\n"), {"msa.conf:1:12: "}));
  CHECK(begins(errors_of("directory: \"a\"\ndirectory: \"b\"\n"), {"msa.conf:2:"}));
  CHECK(errors_of("directory: \"open\n").at(0).starts_with("msa.conf:1:"));
  CHECK(errors_of("agent {\n").at(0).starts_with("msa.conf:"));
  CHECK(errors_of("}\n").at(0).starts_with("msa.conf:1:1: "));
}

TEST_CASE("several errors are told at once, in their order", "[config]") {
  CHECK(begins(
      errors_of("agent {\n"
                "  threads: many\n"
                "  hostname: \"good\"\n"
                "  colour: \"red\"\n"
                "  drain_seconds: 1.5\n"
                "}\n"
                "size: 7\n"
                "directory: \"${QUARTET_TEST_UNSET}\"\n"
                "unknown { deep { deeper: 1 } }\n"),
      {"msa.conf:2:12: ", "msa.conf:4:3: ", "msa.conf:5:18: ", "msa.conf:7:1: ", "msa.conf:8:13: ", "msa.conf:9:1: "}));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "spool: " + std::to_string(i) + "\n";
  CHECK(errors_of(many).size() <= 20);
  // However deep, it comes back.
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "x{";
  CHECK_FALSE(errors_of(deep).empty());
}

TEST_CASE("a word that is no value is told where it stands, and hides nothing", "[config]") {
  CHECK(begins(errors_of("author: NOBODY\n\n# NOBODY\nspool: \"/s\"\nlonger_hold: 1\n"),
               {"msa.conf:1:9: Unknown enumeration value of \"NOBODY\"", "msa.conf:5:1:"}));
  CHECK(begins(errors_of("listener {\n  implicit_tls: maybe\n}\n"),
               {"msa.conf:2:17: Invalid value for boolean field \"implicit_tls\""}));
  CHECK(begins(errors_of("author: NOBODY spool: \"/s\"\n"), {"msa.conf:1:9: Unknown enumeration value"}));
}

TEST_CASE("a number that is no value of an enumeration", "[config]") {
  CHECK(begins(errors_of("spool: \"/s\"\nauthor: 77\n"), {"msa.conf:2:1: author: 77 is none of its values"}));
  CHECK(errors_of("author: 2\n").empty());
}

TEST_CASE("${NAME} and ${NAME:-default}", "[config]") {
  setenv("QUARTET_TEST_NAME", "msa.test", 1);
  setenv("QUARTET_TEST_QUOTES", "a\"b\\c\nd'e", 1);
  setenv("QUARTET_TEST_EMPTY", "", 1);
  setenv("QUARTET_TEST_NUMBER", "4", 1);
  unsetenv("QUARTET_TEST_UNSET");
  CHECK(parsed("directory: \"/x/${QUARTET_TEST_NAME}/y\"").directory() == "/x/msa.test/y");
  CHECK(parsed("directory: \"${QUARTET_TEST_NAME}${QUARTET_TEST_NAME}\"").directory() == "msa.testmsa.test");
  CHECK(parsed("directory: \"${QUARTET_TEST_QUOTES}\"").directory() == "a\"b\\c\nd'e");
  CHECK(parsed("directory: \"${QUARTET_TEST_UNSET:-/default}\"").directory() == "/default");
  CHECK(parsed("directory: \"${QUARTET_TEST_UNSET:-}\"").directory().empty());
  CHECK(parsed("directory: \"${QUARTET_TEST_EMPTY:-/default}\"").directory().empty());
  CHECK(parsed("agent { threads: ${QUARTET_TEST_NUMBER} }").agent().threads() == 4);
  CHECK(parsed("directory: \"$5 {x}\"").directory() == "$5 {x}");
  CHECK(begins(errors_of("agent {\n  user: \"${QUARTET_TEST_UNSET}\"\n}"),
               {"msa.conf:2:10: environment variable QUARTET_TEST_UNSET is not set"}));
  CHECK(errors_of("directory: \"${QUARTET_TEST_NAME\"").at(0).starts_with("msa.conf:1:13: ${ without }"));
  // A column behind a variable is that of the file, not of the expanded text.
  CHECK(begins(errors_of("agent { hostname: \"${QUARTET_TEST_NAME}\" threads: many }"), {"msa.conf:1:51: "}));
}

TEST_CASE("include stands for the other file's text", "[config]") {
  Files files;
  files.write("sub/tls.conf", "tls {\n  certificate: \"c\"\n}\ninclude: \"more.conf\"\n");
  files.write("sub/more.conf", "directory: \"d\"\n");
  const auto good = files.write("good.conf", "spool: \"s\"\ninclude: \"sub/tls.conf\"  # shared\n");
  const auto loaded = config::load<Msa>(good);
  REQUIRE(loaded.has_value());
  CHECK(loaded->tls().certificate() == "c");
  CHECK(loaded->directory() == "d");
  CHECK(loaded->spool() == "s");

  files.write("sub/more.conf", "\n\n  directry: \"d\"\n");
  CHECK(begins(errors_in(good), {files.path("sub/more.conf") + ":3:3: "}));
}

TEST_CASE("includes that are missing or go round", "[config]") {
  Files files;
  const auto missing = files.write("missing.conf", "spool: \"s\"\n  include: \"not-there.conf\"\nspol: 1\n");
  CHECK(begins(errors_in(missing),
               {missing + ":2:1: the included file " + files.path("not-there.conf"), missing + ":3:1: "}));
  const auto a = files.write("a.conf", "include: \"b.conf\"\ninclude: \"b.conf\"\n");
  files.write("b.conf", "include: \"sub/../a.conf\"\n");
  CHECK(begins(errors_in(a), {files.path("b.conf") + ":1:1: " + a + " includes itself",
                              files.path("b.conf") + ":1:1: " + a + " includes itself"}));
  const auto self = files.write("self.conf", "include: \"self.conf\"\n");
  CHECK(errors_in(self).size() == 1);
  for (int i = 0; i < 20; ++i)
    files.write("deep" + std::to_string(i) + ".conf", "include: \"deep" + std::to_string(i + 1) + ".conf\"\n");
  CHECK(begins(errors_in(files.path("deep0.conf")), {files.path("deep15.conf") + ":1:1: files include each other"}));
  CHECK(begins(errors_in(files.path("nothing.conf")), {files.path("nothing.conf") + ": No such file"}));
  CHECK(begins(errors_in(files.path("sub")), {files.path("sub") + ": Is a directory"}));
}

TEST_CASE("checks beyond the schema find a field's position", "[config]") {
  Msa msa;
  const auto loaded = config::parse_into(
      "listener { address: \"x\" }\nlistener {\n  address: \"y\"\n}\nagent {\n  log {}\n}\n", "msa.conf", msa);
  REQUIRE(loaded.has_value());
  const auto& positions = *loaded->positions;
  CHECK(config::to_string(positions.at(msa.listener(1), "address", -1, "bad")) == "msa.conf:3:3: address: bad");
  CHECK(config::to_string(positions.at(msa, "listener", 1, "bad")) == "msa.conf:2:1: listener: bad");
  // Not written: where the message is.
  CHECK(config::to_string(positions.at(msa.agent().log(), "level", -1, "x")) == "msa.conf:6:3: level: x");
  CHECK(config::to_string(positions.at(msa, "spool", -1, "x")) == "msa.conf:1:1: spool: x");
}
