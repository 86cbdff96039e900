#include "common/net/process.h"

#include <catch2/catch.hpp>
#include <csignal>

#include "common/async/task_group.h"

using namespace quartet;
using namespace quartet::net;

namespace {

ProcessOptions shell(const std::string& script) {
  ProcessOptions options;
  options.arguments = {"/bin/sh", "-c", script, "sh", "two words", "$HOME;exit 9"};
  options.environment = {"PATH=/usr/bin:/bin", "COLOUR=red"};
  return options;
}

std::expected<ProcessEnd, IoError> run(ProcessOptions options, std::string_view input = {},
                                       std::chrono::milliseconds most = std::chrono::seconds(20)) {
  async::Loop loop;
  return loop.block_on(run_process(std::move(options), input, async::Deadline::after(most)));
}

async::Task<void> run_into(ProcessOptions options, std::optional<ProcessEnd>& out) {
  auto end = co_await run_process(std::move(options), {}, async::Deadline::never());
  if (end) out = *std::move(end);
}

async::Task<void> stop_at_once(ProcessOptions options, std::optional<ProcessEnd>& out) {
  async::TaskGroup group;
  group.spawn(run_into(std::move(options), out));
  co_await group.close();
}

}  // namespace

TEST_CASE("a program gets its arguments, its environment and its input, and nothing else", "[net]") {
  const auto end = run(shell("echo \"$1|$2|$COLOUR|$QUARTET_BIN|$PWD\"; cat; echo fault >&2; exit 7"), "in\nput\n");
  REQUIRE(end.has_value());
  CHECK(end->exit_code == 7);
  CHECK(end->signal == 0);
  CHECK(end->output == "two words|$HOME;exit 9|red||/\nin\nput\nfault\n");
}

TEST_CASE("much input and much output do not wait for each other", "[net]") {
  const std::string input(3'000'000, 'x');
  auto options = shell("tee /dev/stderr | wc -c");
  options.most_output = 100;
  const auto end = run(std::move(options), input);
  REQUIRE(end.has_value());
  CHECK(end->exit_code == 0);
  CHECK(end->output == std::string(100, 'x'));
}

TEST_CASE("a program that does not read its input", "[net]") {
  const auto end = run(shell("exit 0"), std::string(3'000'000, 'x'));
  REQUIRE(end.has_value());
  CHECK(end->exit_code == 0);
}

TEST_CASE("a program that takes too long is ended with what it started", "[net]") {
  const auto end = run(shell("echo begun; sleep 600 & sleep 600"), {}, std::chrono::milliseconds(300));
  REQUIRE(end.has_value());
  CHECK(end->timed_out);
  CHECK(end->signal == SIGTERM);
  CHECK(end->output == "begun\n");
}

TEST_CASE("a program ends when its group stops", "[net]") {
  async::Loop loop;
  std::optional<ProcessEnd> end;
  loop.block_on(stop_at_once(shell("sleep 600"), end));
  REQUIRE(end.has_value());
  CHECK(end->timed_out);
}

TEST_CASE("what stays in the background holds up nobody", "[net]") {
  const auto end = run(shell("echo over; sleep 5 & exit 0"));
  REQUIRE(end.has_value());
  CHECK(end->exit_code == 0);
  CHECK(end->output == "over\n");
}

TEST_CASE("a program that is not there", "[net]") {
  ProcessOptions options;
  options.arguments = {"/nonexistent/program"};
  CHECK(!run(std::move(options)).has_value());
  options.arguments = {"/etc/hostname"};
  CHECK(!run(std::move(options)).has_value());
}
