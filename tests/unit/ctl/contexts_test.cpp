// Agents by name, and commands to several of them at once.
#include "ctl/contexts.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "ctl/run.h"
#include "tests/unit/control/helpers.h"

using namespace quartet;
using namespace quartet::control::test;
using ctl::parse_contexts;

namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse_contexts(text, "/etc/x/contexts");
  return parsed ? "" : parsed.error();
}

/// Two agents, of which a file tells.
struct Two {
  Running a, b;
  TemporaryDirectory directory;

  Two() {
    a.start();
    b.start();
    const auto file = (directory.path() / "contexts").string();
    std::ofstream(file) << "one " << a.target() << "\nsecond " << b.target() << '\n';
    ::setenv("QUARTET_CONTEXTS", file.c_str(), 1);
  }
  ~Two() { ::unsetenv("QUARTET_CONTEXTS"); }

  int run(std::vector<std::string> words) {
    std::ostringstream out_stream, err_stream;
    const int code = ctl::run(words, "", out_stream, err_stream);
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }
  std::string out, err;
};

}  // namespace

TEST_CASE("a file of contexts is read, and its faults are told with their line", "[ctl]") {
  const auto parsed = parse_contexts(
      "# our hosts\n\nrelay-1\tunix:/run/mta.control\nrelay-2  r2.test:10071 ca=/ca.pem cert=ops.pem key=ops.key # x\n",
      "/etc/x/contexts");
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 2);
  CHECK(parsed->at(0).name == "relay-1");
  CHECK(parsed->at(0).target == "unix:/run/mta.control");
  CHECK(parsed->at(1).target == "r2.test:10071");
  CHECK(parsed->at(1).ca == "/ca.pem");
  CHECK(parsed->at(1).certificate == "/etc/x/ops.pem");
  CHECK(parsed->at(1).key == "/etc/x/ops.key");
  CHECK(parse_contexts("", "x")->empty());
  CHECK(error_of("a") == "/etc/x/contexts:1: expected unix:/path or host:port behind the name");
  CHECK(error_of("a unix:/x\n\nb nowhere").starts_with("/etc/x/contexts:3: expected unix"));
  CHECK(error_of("a :1").starts_with("/etc/x/contexts:1: "));
  CHECK(error_of("a b:1 ca").ends_with("expected ca=FILE, cert=FILE or key=FILE"));
  CHECK(error_of("a b:1 user=x").ends_with("expected ca=FILE, cert=FILE or key=FILE"));
  CHECK(error_of("a b:1 cert=x").ends_with("cert and key belong together"));
  CHECK(error_of("a b:1\na c:1").ends_with(":2: a is there twice"));
}

TEST_CASE("several outputs are told apart", "[ctl]") {
  CHECK(ctl::prefixed("a", 3, "x\ny\n") == "a    x\na    y\n");
  CHECK(ctl::prefixed("a", 1, "").empty());
  CHECK(ctl::tagged("a", "{\"x\":1}\n") == "{\"context\":\"a\",\"value\":{\"x\":1}}\n");
  CHECK(ctl::tagged("a", "[{},\n {}]\n") == "{\"context\":\"a\",\"value\":[{}, {}]}\n");
  CHECK(ctl::tagged("a", "1\n2\n") == "{\"context\":\"a\",\"value\":1}\n{\"context\":\"a\",\"value\":2}\n");
}

TEST_CASE("a command goes to the context it names, or to all", "[ctl]") {
  Two two;
  enqueue(*two.b.spool, message_to({"x@b.test"}));
  REQUIRE(two.run({"--context", "second", "queue", "count"}) == 0);
  CHECK(two.out.starts_with("1 recipients match\n"));
  REQUIRE(two.run({"--all-contexts", "queue", "count"}) == 0);
  CHECK(two.out.find("one     0 recipients match\n") != std::string::npos);
  CHECK(two.out.find("second  1 recipients match\n") != std::string::npos);
  REQUIRE(two.run({"--context", "one", "--context", "second", "--json", "queue", "list"}) == 0);
  CHECK(two.out.starts_with("{\"context\":\"one\",\"value\":[]}\n{\"context\":\"second\",\"value\":[{\"message_id\":"));
  two.a.server.reset();
  CHECK(two.run({"--all-contexts", "queue", "count"}) == 3);
  CHECK(two.err.starts_with("one "));
  CHECK(two.out.starts_with("second  1 recipients match\n"));
  CHECK(two.run({"--context", "third", "queue", "count"}) == 2);
  CHECK(two.run({"--context", "one", "--target", "unix:/x", "queue", "count"}) == 2);
  CHECK(two.run({"--all-contexts", "queue", "watch"}) == 2);
  CHECK(two.run({"--all-contexts", "log", "tail"}) == 2);
  CHECK(two.run({"--all-contexts", "session", "trace"}) == 2);
  CHECK(two.run({"complete", "--context", "s"}) == 0);
  CHECK(two.out == "second\n");
}

TEST_CASE("top counts what happens between its looks, a line for each agent", "[ctl]") {
  Two two;
  const std::vector<std::string> top = {"--all-contexts", "--json", "top", "--interval", "300ms", "--count", "2"};
  const std::string second = "\"agent\":\"second\",\"state\":\"mta@mx.a.test ready\",\"accepted\":";
  std::atomic<bool> done = false;
  std::jthread sender([&] {
    while (!done) (void)spool::test::try_enqueue(*two.b.spool, message_to({"x@b.test"}));
  });
  // Nobody knows when the watch is in place.
  CHECK(before_long([&] {
    const int code = two.run(top);
    const auto last = two.out.rfind(second);
    return code == 0 && last != std::string::npos && !two.out.substr(last + second.size()).starts_with("0.000");
  }));
  done = true;
  CHECK(std::ranges::count(two.out, '\n') == 4);
  CHECK(two.out.find("\"agent\":\"one\",\"state\":\"mta@mx.a.test ready\",\"accepted\":0.000") != std::string::npos);
  CHECK(two.run({"--context", "one", "top", "--count", "0"}) == 2);
  CHECK(two.run({"--context", "one", "top", "--interval", "1ms"}) == 2);
}
