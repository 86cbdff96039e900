// Durations, sizes, tables, JSON and command lines.
#include "ctl/values.h"

#include <catch2/catch.hpp>

#include "ctl/arguments.h"
#include "ctl/json.h"
#include "ctl/selector.h"
#include "ctl/table.h"
#include "quartet/control/v1/node.pb.h"
#include "quartet/control/v1/queue.pb.h"

using namespace quartet::ctl;
using std::chrono::seconds;
namespace v1 = quartet::control::v1;

TEST_CASE("durations and sizes are shown short", "[ctl]") {
  CHECK(format_duration(seconds(0)) == "0s");
  CHECK(format_duration(seconds(-5)) == "0s");
  CHECK(format_duration(seconds(59)) == "59s");
  CHECK(format_duration(seconds(119)) == "1m");
  CHECK(format_duration(seconds(7500)) == "2h5m");
  CHECK(format_duration(seconds(7200)) == "2h");
  CHECK(format_duration(seconds(11 * 86'400 + 4 * 3600)) == "11d4h");
  CHECK(format_size(0) == "0");
  CHECK(format_size(1023) == "1023");
  CHECK(format_size(1024) == "1.0K");
  CHECK(format_size(10 * 1024) == "10K");
  CHECK(format_size(1024 * 1024 - 1) == "1.0M");
  CHECK(format_size(50ull << 20) == "50M");
  CHECK(format_size(3ull << 40) == "3.0T");
}

TEST_CASE("sizes are read as they are shown", "[ctl]") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("812") == 812);
  CHECK(parse_size("4K") == 4096);
  CHECK(parse_size("10m") == 10U << 20);
  CHECK(parse_size("1.5G") == 3ull << 29);
  CHECK(parse_size("2T") == 2ull << 40);
  for (const auto* bad : {"", "K", "x", "-1", "1.5", "1.G", ".5G", "1.5555G", "1 G", "10KB", "99999999T"})
    CHECK_FALSE(parse_size(bad).has_value());
}

TEST_CASE("nothing that a remote host said commands the terminal", "[ctl]") {
  CHECK(plain("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
  CHECK(plain("a\x1b[2Jb\r\n\x7F") == "a?[2Jb???");
  CHECK(plain("\xC2\x9B"
              "2J") == "?2J");  // CSI in its one-character form
}

TEST_CASE("tables are aligned", "[ctl]") {
  Table table({{"NAME"}, {"SIZE", true}, {"LAST"}});
  table.add({"a", "1", "x"});
  table.add(
      {"l\xC3\xBC"
       "cke",
       "12345", ""});
  CHECK(table.text() ==
        "NAME    SIZE  LAST\na          1  x\nl\xC3\xBC"
        "cke  12345  \n");
}

TEST_CASE("messages as JSON", "[ctl]") {
  v1::QueueEntry entry;
  entry.set_message_id("01");
  entry.set_state(v1::STATE_HELD);
  entry.set_sender("\"a\\\x01\"@b.test");
  entry.set_size(1ull << 60);
  entry.mutable_received()->set_seconds(1'800'000'000);
  CHECK(to_json(entry) ==
        "{\"message_id\":\"01\",\"ordinal\":0,\"state\":\"held\",\"sender\":\"\\\"a\\\\\\u0001\\\"@b.test\","
        "\"recipient\":\"\",\"size\":1152921504606846976,\"received\":\"2027-01-15T08:00:00.000Z\",\"attempts\":0,"
        "\"auth_id\":\"\",\"client\":\"\",\"trace_id\":\"\",\"bounce\":false,\"next_hop\":\"\",\"notify\":\"\","
        "\"orcpt\":\"\",\"delay_notified\":false}");
  v1::GetStatusResponse status;
  status.mutable_uptime()->set_seconds(2);
  status.mutable_uptime()->set_nanos(500'000'000);
  status.mutable_queue()->set_held(1);
  const auto json = to_json(status);
  CHECK(json.find("\"uptime\":2.500") != std::string::npos);
  CHECK(json.find("\"queue\":{\"messages\":0,") != std::string::npos);
  v1::GetMessageResponse message;
  message.set_content("\xFF");
  message.add_recipient();
  message.add_recipient();
  CHECK(to_json(message).find("\"content\":\"/w==\"") != std::string::npos);
  CHECK(to_json(message).find("},{") != std::string::npos);
}

TEST_CASE("command lines", "[ctl]") {
  const std::vector<Option> known = {{"flag", "", ""}, {"value", "X", ""}};
  const auto parse = [&](std::vector<std::string> words) { return Arguments::parse(words, known); };
  const auto good = parse({"--flag", "queue", "--value", "--flag", "list", "--value=b=c", "one", "--", "--two"});
  REQUIRE(good.has_value());
  CHECK(good->has("flag"));
  CHECK(good->values("value") == std::vector<std::string>{"--flag", "b=c"});
  CHECK(good->value("value") == "b=c");
  CHECK(good->words() == std::vector<std::string>{"queue", "list", "one", "--two"});
  CHECK(good->operands().size() == 2);
  CHECK(good->other_than({}, known).empty());
  CHECK(good->other_than({}, {}) == "flag");
  CHECK_FALSE(parse({"--other"}).has_value());
  CHECK_FALSE(parse({"-f"}).has_value());
  CHECK_FALSE(parse({"--flag=x"}).has_value());
  CHECK_FALSE(parse({"--value"}).has_value());
  CHECK(parse({"--value="})->value("value") == "");
  CHECK(parse({"queue"})->operands().empty());
}

TEST_CASE("selectors from options", "[ctl]") {
  const auto options = selector_options();
  const auto read = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"queue", "list"});
    const auto arguments = Arguments::parse(words, options);
    REQUIRE(arguments.has_value());
    return read_selector(*arguments);
  };
  const auto full = read({"A",        "--id",
                          "B",        "--recipient",
                          "x@y.test", "--recipient-domain",
                          "a.test",   "--recipient-domain",
                          ".b.test",  "--sender",
                          "",         "--sender-domain",
                          "s.test",   "--state",
                          "held",     "--state",
                          "Deferred", "--older-than",
                          "2h",       "--newer-than",
                          "1d500ms",  "--last-code",
                          "452",      "--trace",
                          "t"});
  REQUIRE(full.has_value());
  CHECK(full->id_size() == 2);
  CHECK(full->recipient_domain_size() == 2);
  CHECK(full->has_sender());
  CHECK(full->sender().empty());
  CHECK(full->state(0) == v1::STATE_HELD);
  CHECK(full->state(1) == v1::STATE_DEFERRED);
  CHECK(full->older_than().seconds() == 7200);
  CHECK(full->newer_than().nanos() == 500'000'000);
  CHECK(full->last_code() == 452);
  CHECK(says_which(*full));
  CHECK_FALSE(says_which(*read({})));
  CHECK(says_which(*read({"--all"})));
  CHECK_FALSE(read({"--all", "--state", "held"}).has_value());
  CHECK_FALSE(read({"--state", "asleep"}).has_value());
  CHECK_FALSE(read({"--state", "unspecified"}).has_value());
  CHECK_FALSE(read({"--last-code", "x"}).has_value());
  CHECK_FALSE(read({"--last-code", "1000"}).has_value());
  CHECK_FALSE(read({"--older-than", "soon"}).has_value());
}
