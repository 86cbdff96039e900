// Programs and directories in place of next hops, with a real spool, real processes and real files.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/relay/local_hop.h"
#include "helpers.h"

using namespace quartet;
using namespace quartet::relay;
using namespace quartet::relay::test;

namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

NextHop to_program(const std::string& script, std::size_t processes = 4) {
  auto command = std::make_shared<PipeCommand>();
  command->arguments = {"/bin/sh", "-c", script, "sh", "{recipient}"};
  command->timeout = std::chrono::seconds(2);
  command->processes = processes;
  NextHop out;
  out.kind = NextHop::Kind::kPipe;
  out.pipe = std::move(command);
  return out;
}

NextHop to_directory(const std::filesystem::path& directory) {
  auto drop = std::make_shared<BatchDrop>();
  drop->directory = directory;
  NextHop out;
  out.kind = NextHop::Kind::kBatch;
  out.batch = std::move(drop);
  return out;
}

}  // namespace

TEST_CASE("a program takes each recipient, and its end decides", "[relay]") {
  const spool::test::TemporaryDirectory out;
  const auto script =
      "case $1 in no@*) exit 67;; later@*) echo come back; exit 75;; *) cat > " + out.path().string() + "/$1;; esac";
  Running running(all_to(to_program(script)));
  auto message = message_to({"a@b.test", "no@b.test", "later@b.test", "c@b.test"});
  for (auto& recipient : message.recipients) recipient.notify = spool::kNotifyNever;
  running.enqueue(message);
  running.start();
  REQUIRE(running.deferred("later@b.test"));
  CHECK(running.entry("later@b.test").last.text == "temporary failure: come back");
  REQUIRE(before_long([&] { return running.entries().size() == 1; }));
  for (const auto* name : {"a@b.test", "c@b.test"}) {
    std::string expected;
    for (const auto& piece : message.body) expected += piece;
    std::erase(expected, '\r');
    CHECK(contents(out.path() / name) == expected);
  }
}

TEST_CASE("not more programs than wanted run at a time", "[relay]") {
  const spool::test::TemporaryDirectory out;
  const auto directory = out.path().string();
  // Each makes its mark, counts, and takes it away.
  const auto script = "cat > /dev/null; : > " + directory + "/run.$$; ls " + directory + "/run.* | wc -l >> " +
                      directory + "/most; sleep 0.05; rm " + directory + "/run.$$";
  Running running(all_to(to_program(script, 2)));
  for (int i = 0; i < 12; ++i) running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.empty());
  std::ifstream counts(out.path() / "most");
  int runs = 0;
  for (int count = 0; counts >> count; ++runs) CHECK(count <= 2);
  CHECK(runs == 12);
}

TEST_CASE("a program that hangs, and one that is not there", "[relay]") {
  auto table = all_to(to_program("sleep 600"));
  auto& missing = table.transports["gone.test"] = to_program("");
  auto command = *missing.pipe;
  command.arguments = {"/nonexistent/program"};
  missing.pipe = std::make_shared<const PipeCommand>(command);
  Running running(std::move(table));
  running.enqueue(message_to({"a@b.test"}));
  running.enqueue(message_to({"a@gone.test"}));
  running.start();
  REQUIRE(running.deferred("a@b.test"));
  CHECK(running.entry("a@b.test").last.text == "the program took too long");
  REQUIRE(running.deferred("a@gone.test"));
  CHECK(running.entry("a@gone.test").last.text.find("/nonexistent/program") != std::string::npos);
}

TEST_CASE("a message becomes one file for all its recipients", "[relay]") {
  const spool::test::TemporaryDirectory out;
  Running running(all_to(to_directory(out.path())));
  const auto id = running.enqueue(message_to({"a@b.test", "b@c.test"}));
  running.start();
  REQUIRE(running.empty());
  const auto path = out.path() / (id.to_string() + "-0.bsmtp");
  CHECK(contents(path).starts_with(
      "HELO relay.test\r\nMAIL FROM:<sender@a.test>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<b@c.test>\r\nDATA\r\n"));
  CHECK(contents(path).ends_with("\r\n.\r\nQUIT\r\n"));
  CHECK(std::distance(std::filesystem::directory_iterator(out.path()), {}) == 1);
}

TEST_CASE("mail waits while the directory is gone", "[relay]") {
  const spool::test::TemporaryDirectory out;
  const auto directory = out.path() / "drop";
  Running running(all_to(to_directory(directory)));
  running.enqueue(message_to({"a@b.test"}));
  running.start();
  REQUIRE(running.deferred("a@b.test"));
  std::filesystem::create_directory(directory);
  running.spool().retry_now({});
  running.relay().revive_sites();
  CHECK(running.empty());
}
