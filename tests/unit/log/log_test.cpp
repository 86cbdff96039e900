#include "common/log/log.h"

#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <thread>

#include "common/log/level.h"

using namespace quartet::log;

namespace {
std::string json(std::initializer_list<Field> fields) {
  return format_line(Format::kJson, "T", "mta", Level::kInfo, "e.v", fields);
}
}  // namespace

TEST_CASE("a line is one JSON object with the fixed fields first", "[log]") {
  CHECK(
      json({{"text", "a"}, {"number", -5}, {"size", std::size_t{7}}, {"ok", true}, {"real", 0.5}}) ==
      R"({"time":"T","level":"info","agent":"mta","event":"e.v","text":"a","number":-5,"size":7,"ok":true,"real":0.5})");
}

TEST_CASE("whatever a peer sent stays inside its string, as UTF-8", "[log]") {
  CHECK(json({{"x", "\"\\\r\n\x7f"}}).ends_with(R"("x":"\"\\\u000d\u000a\u007f"})"));
  CHECK(json({{"x", "gr\xc3\xbc\xc3\x9f"}}).ends_with("\"x\":\"gr\xc3\xbc\xc3\x9f\"}"));
  CHECK(json({{"x", "\xff\xc3"}}).ends_with("\"x\":\"\xef\xbf\xbd\xef\xbf\xbd\"}"));
  CHECK(json({{"x", "\xc0\xaf"}}).ends_with("\"x\":\"\xef\xbf\xbd\xef\xbf\xbd\"}"));          // overlong
  CHECK(json({{"x", "\xed\xa0\x80"}}).ends_with("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}"));  // surrogate
}

TEST_CASE("logfmt quotes only what needs it", "[log]") {
  CHECK(
      format_line(Format::kLogfmt, "T", "mta", Level::kWarn, "e", {{"a", "x@y.test"}, {"b", "two words"}, {"c", ""}}) ==
      "time=T level=warn agent=mta event=e a=x@y.test b=\"two words\" c=\"\"");
}

TEST_CASE("after flush() every line has left the process", "[log]") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  configure({.agent = "test", .level = Level::kInfo, .format = Format::kJson, .descriptor = ends[1]});
  for (int i = 0; i < 100; ++i) info("one.line", {{"i", i}});
  debug("never.seen");
  flush();
  configure({});
  close(ends[1]);
  std::string all(1 << 20, '\0');
  all.resize(static_cast<std::size_t>(read(ends[0], all.data(), all.size())));
  close(ends[0]);
  CHECK(std::count(all.begin(), all.end(), '\n') == 100);
  CHECK(all.find("never.seen") == std::string::npos);
  CHECK(all.find("\"i\":99}") != std::string::npos);
}

TEST_CASE("what a full disk did not take is counted, and spoils no other line", "[log]") {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{1000, before.rlim_max};
  const auto usual = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  configure({.agent = "test", .level = Level::kInfo, .format = Format::kJson, .descriptor = fileno(file)});
  for (int i = 0; i < 100; ++i) info("one.line", {{"i", i}});
  flush();
  setrlimit(RLIMIT_FSIZE, &before);
  info("last.line");
  flush();
  configure({});
  std::signal(SIGXFSZ, usual);
  std::string all(1 << 20, '\0');
  all.resize(static_cast<std::size_t>(pread(fileno(file), all.data(), all.size(), 0)));
  std::fclose(file);

  std::istringstream lines(all);
  std::size_t kept = 0, lost = 0;
  bool last = false;
  for (std::string line; std::getline(lines, line);) {
    const bool whole = line.starts_with("{\"time\"") && line.ends_with('}');
    if (whole && line.contains("one.line")) ++kept;
    if (whole && line.contains("last.line")) last = true;
    if (const auto at = line.find("\"lines\":"); whole && at != line.npos) lost += std::stoul(line.substr(at + 8));
  }
  CHECK(kept > 0);
  CHECK(kept + lost == 100);
  CHECK(last);
}

TEST_CASE("a level for a time ends by itself, or with the next configuration", "[log]") {
  using namespace std::chrono_literals;
  configure({.agent = "test"});
  set_level(Level::kDebug, quartet::wall_now() + 20ms);
  CHECK(enabled(Level::kDebug));
  for (int i = 0; i < 1000 && enabled(Level::kDebug); ++i) std::this_thread::sleep_for(10ms);
  CHECK_FALSE(enabled(Level::kDebug));
  CHECK(enabled(Level::kInfo));
  set_level(Level::kError, quartet::wall_now() + 1h);
  CHECK_FALSE(enabled(Level::kInfo));
  configure({.agent = "test"});
  CHECK(enabled(Level::kInfo));
}
