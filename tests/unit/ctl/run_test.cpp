// quartetctl against a real control plane: output, JSON and exit codes.
#include "ctl/run.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <future>
#include <sstream>

#include "common/relay/relay.h"
#include "ctl/progress.h"
#include "tests/unit/control/helpers.h"

using namespace quartet;
using namespace quartet::control::test;

namespace {

struct Said {
  int code;
  std::string out, err;
};

Said quartetctl(const std::string& target, std::vector<std::string> words) {
  std::ostringstream out, err;
  const int code = ctl::run(words, target, out, err);
  return {code, out.str(), err.str()};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The program itself, its output in a file.
class Program {
 public:
  Program(std::vector<std::string> words, const std::string& target, std::string output) : output_(std::move(output)) {
    words.insert(words.begin(), QUARTETCTL);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    auto variable = "QUARTET_TARGET=" + target;
    char* environment[] = {variable.data(), nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, output_.c_str(), O_CREAT | O_WRONLY, 0600);
    REQUIRE(::posix_spawn(&pid_, QUARTETCTL, &actions, nullptr, arguments.data(), environment) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string output() const {
    std::ifstream file(output_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void signal(int number) const { ::kill(pid_, number); }
  int exit_code() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  std::string output_;
  pid_t pid_ = 0;
};

std::shared_ptr<const relay::Router> router() {
  relay::RoutingTable table;
  relay::RoutingTable::Link link;
  link.name = "branch";
  link.domains = {"branch.test"};
  link.on_request = true;
  table.links.push_back(link);
  return std::make_shared<relay::Router>(std::move(table));
}

}  // namespace

TEST_CASE("help at every level, version, and wrong usage", "[ctl]") {
  auto said = quartetctl("", {"--help"});
  CHECK(said.code == 0);
  CHECK(contains(said.out, "queue list"));
  CHECK(contains(said.out, "--version"));
  said = quartetctl("", {"link", "--help"});
  CHECK(said.code == 0);
  CHECK(contains(said.out, "link start"));
  CHECK_FALSE(contains(said.out, "queue list"));
  said = quartetctl("", {"queue", "drop", "--help"});
  CHECK(said.code == 0);
  CHECK(contains(said.out, "--older-than AGE"));
  said = quartetctl("", {"--version"});
  CHECK(said.code == 0);
  CHECK(said.out.starts_with("quartetctl "));
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"queue"},
      {"queue", "sing"},
      {"sing"},
      {"--no-such-option"},
      {"queue", "list"},  // which agent?
      {"--target", "nowhere", "queue", "list"},
      {"--target", "unix:/x", "queue", "show"},
      {"--target", "unix:/x", "queue", "drop"},  // which recipients?
      {"--target", "unix:/x", "queue", "list", "--limit", "0"},
      {"--target", "unix:/x", "queue", "list", "--older-than", "soon"},
      {"--target", "unix:/x", "queue", "list", "--reason", "x"},  // not an option of list
      {"--target", "unix:/x", "--timeout", "0s", "queue", "list"},
      {"--target", "a.test:1", "--cert", "x", "queue", "list"},
      {"--target", "a.test:1", "--ca", "/nonexistent", "queue", "list"},
      {"--target", "unix:/x", "link", "start", "a", "b"},
  };
  for (const auto& words : wrong) {
    std::string all;
    for (const auto& word : words) all += word + " ";
    INFO(all);
    said = quartetctl("", words);
    CHECK(said.code == 2);
    CHECK(said.out.empty());
    CHECK_FALSE(said.err.empty());
  }
}

TEST_CASE("nobody there", "[ctl]") {
  const TemporaryDirectory directory;
  const auto said = quartetctl("unix:" + (directory.path() / "none").string(), {"queue", "list"});
  CHECK(said.code == 3);
  CHECK(said.out.empty());
  CHECK(quartetctl("127.0.0.1:1", {"--timeout", "5s", "node", "status"}).code == 3);
  const auto no_pem = (directory.path() / "ca.pem").string();
  std::ofstream(no_pem) << "not a certificate\n";
  const auto unusable = quartetctl("127.0.0.1:1", {"--timeout", "5s", "--ca", no_pem, "node", "status"});
  CHECK(unusable.code == 3);
  CHECK(contains(unusable.err, "are --ca, --cert and --key PEM files"));
}

TEST_CASE("from list to drop", "[ctl]") {
  Running running;
  running.start();
  const auto target = running.target();
  CHECK(quartetctl(target, {"--json", "queue", "list"}).out == "[]\n");
  CHECK(quartetctl(target, {"queue", "list"}).out.empty());
  const auto id =
      enqueue(*running.spool, message_to({"a@b.test", "c@d.test"}, "Subject: x\r\n\r\nthe text\r\n")).to_string();

  auto said = quartetctl(target, {"queue", "list"});
  CHECK(said.code == 0);
  CHECK(said.out.starts_with("ID "));
  CHECK(contains(said.out, id + ".0"));
  CHECK(contains(said.out, "c@d.test"));
  said = quartetctl(target, {"queue", "list", "--limit", "1"});
  CHECK(contains(said.out, "a@b.test"));
  CHECK_FALSE(contains(said.out, "c@d.test"));
  CHECK(contains(said.err, "more"));
  said = quartetctl(target, {"--json", "queue", "list", "--recipient", "c@d.test"});
  CHECK(said.out.starts_with("[{\"message_id\":\"" + id + "\",\"ordinal\":1,\"state\":\"queued\""));
  CHECK(said.out.ends_with("}]\n"));
  CHECK(contains(quartetctl(target, {"--json", "queue", "count", "--recipient-domain", "b.test"}).out,
                 "{\"matched\":1,"));
  CHECK(contains(quartetctl(target, {"queue", "count", "--domains", "5"}).out, "2 recipients match"));

  said = quartetctl(target, {"queue", "show", id});
  CHECK(said.code == 0);
  CHECK(contains(said.out, "<sender@a.test>"));
  CHECK_FALSE(contains(said.out, "Subject"));
  CHECK(quartetctl(target, {"queue", "show", "--header", id + ".1"}).out.ends_with("\nSubject: x\r\n\r\n"));
  CHECK(quartetctl(target, {"queue", "show", "--content", id}).out.ends_with("the text\r\n"));

  CHECK(contains(quartetctl(target, {"queue", "hold", "--all", "--dry-run"}).out, "2 recipients would be held"));
  CHECK(contains(quartetctl(target, {"queue", "hold", "--all", "--reason", "wait"}).out, "2 recipients held"));
  CHECK(contains(quartetctl(target, {"queue", "list", "--state", "held"}).out, "wait"));
  CHECK(contains(quartetctl(target, {"queue", "retry", "--all"}).out, "2 skipped"));
  CHECK(quartetctl(target, {"queue", "drop", "--older-than", "0s", "--max-affected", "1"}).code == 1);
  CHECK(contains(quartetctl(target, {"--json", "queue", "release", id + ".0"}).out, "{\"changed\":1,"));
  CHECK(contains(quartetctl(target, {"queue", "drop", id, "--reason", "a test"}).out, "2 recipients dropped"));
  CHECK(quartetctl(target, {"queue", "show", id}).code == 1);
  CHECK(quartetctl(target, {"queue", "show", "nonsense"}).code == 1);
  CHECK(quartetctl(target, {"queue", "list", "--id", "nonsense"}).code == 1);
  said = quartetctl(target, {"link", "list"});  // this agent has none
  CHECK(said.code == 1);
  CHECK(said.err == "quartetctl: this agent has nothing that the command is about\n");
}

TEST_CASE("bounce and reroute", "[ctl]") {
  Running running;
  relay::Relay relay({}, router(), *running.spool);
  running.start(&relay);
  const auto target = running.target();
  enqueue(*running.spool, message_to({"a@b.test", "c@d.test"}));
  CHECK(quartetctl(target, {"queue", "bounce", "--all"}).code == 2);   // why?
  CHECK(quartetctl(target, {"queue", "reroute", "--all"}).code == 2);  // where to?
  CHECK(quartetctl(target, {"queue", "bounce", "--older-than", "0s", "--reason", "x", "--code", "4.1.1"}).code == 1);
  CHECK(
      contains(quartetctl(target, {"queue", "reroute", "--all", "--to", "mail.x.test"}).out, "2 recipients rerouted"));
  CHECK(contains(quartetctl(target, {"queue", "list"}).out, "c@d.test via mail.x.test"));
  auto said = quartetctl(target, {"queue", "bounce", "--recipient", "a@b.test", "--reason", "enough"});
  CHECK(said.out == "1 recipients bounced\n");
  said = quartetctl(target, {"queue", "list", "--recipient", "a@b.test"});
  CHECK(contains(said.out, "bouncing"));
  CHECK(contains(said.out, "550 5.7.1 enough"));
  running.server.reset();
}

TEST_CASE("the shape of the queue as a table, totals first", "[ctl]") {
  Running running;
  running.start();
  const auto target = running.target();
  for (int i = 0; i < 3; ++i) enqueue(*running.spool, message_to({"a@b.test"}));
  auto old = message_to({"a@c.test", "b@c.test"}, "text", "");
  old.envelope.received = wall_now() - std::chrono::minutes(11);
  enqueue(*running.spool, std::move(old));
  CHECK(quartetctl(target, {"queue", "shape"}).out ==
        "DOMAIN  TOTAL  5  10  20  40  80  160  320  640  1280  1280+\n"
        "TOTAL       5  3   0   2   0   0    0    0    0     0      0\n"
        "b.test      3  3   0   0   0   0    0    0    0     0      0\n"
        "c.test      2  0   0   2   0   0    0    0    0     0      0\n");
  const auto said = quartetctl(target, {"queue", "shape", "--by", "sender", "--limit", "1"});
  CHECK(contains(said.out, "<sender@a.test>"));
  CHECK(said.out.ends_with("and 1 more, with less\n"));
  CHECK(contains(quartetctl(target, {"queue", "shape", "--by", "code"}).out, "none"));
  CHECK(contains(quartetctl(target, {"--json", "queue", "shape", "--older-than", "5m"}).out, "\"total\":2"));
  CHECK(quartetctl(target, {"queue", "shape", "--by", "size"}).code == 2);
}

TEST_CASE("a bar shows how far a change is", "[ctl]") {
  CHECK(ctl::progress_bar(0, 1000) == "[..............................]   0%  0 of 1000");
  CHECK(ctl::progress_bar(500, 1000) == "[###############...............]  50%  500 of 1000");
  CHECK(contains(ctl::progress_bar(999'999, 1'000'000), " 99%"));
  CHECK(contains(ctl::progress_bar(7, 7), "100%"));
  CHECK(contains(ctl::progress_bar(0, 0), "100%"));
  std::ostringstream err;
  ctl::Progress(err, false).show(1, 2);
  CHECK(err.str().empty());
  CHECK_FALSE(ctl::Progress::on_terminal(err));
}

TEST_CASE("long lists come whole", "[ctl]") {
  Running running;
  running.start();
  std::vector<std::string> many;
  for (int i = 0; i < 400; ++i) many.push_back("r" + std::to_string(i) + "@b.test");
  for (int i = 0; i < 3; ++i) enqueue(*running.spool, message_to(many));
  const auto out = quartetctl(running.target(), {"--json", "queue", "list"}).out;
  CHECK(std::ranges::count(out, '\n') == 1200);
  CHECK(std::ranges::count(quartetctl(running.target(), {"--json", "queue", "list", "--limit", "700"}).out, '\n') ==
        700);
}

TEST_CASE("node status", "[ctl]") {
  Running running;
  running.trouble.set("no disk");
  running.start();
  auto said = quartetctl(running.target(), {"node", "status"});
  CHECK(said.code == 1);
  CHECK(contains(said.out, "not ready: no disk"));
  running.trouble.set("");
  said = quartetctl(running.target(), {"--json", "node", "status"});
  CHECK(said.code == 0);
  CHECK(contains(said.out, "\"agent\":\"mta\",\"version\":"));
  CHECK(contains(said.out, "\"pid\":" + std::to_string(::getpid()) + ","));
}

TEST_CASE("the program watches until it is interrupted", "[ctl]") {
  Running running;
  running.start();
  const int signal = GENERATE(SIGINT, SIGTERM);
  Program watch({"--json", "queue", "watch"}, running.target(), (running.directory.path() / "out").string());
  // What happens before the watch is in place is not seen: go on until something is.
  CHECK(before_long([&] {
    enqueue(*running.spool, message_to({"x@b.test"}));
    return contains(watch.output(), "\"kind\":\"enqueued\"");
  }));
  watch.signal(signal);
  CHECK(watch.exit_code() == 0);
}

TEST_CASE("a watch may have an end, and says when the agent ends it", "[ctl]") {
  Running running;
  running.start();
  CHECK(quartetctl(running.target(), {"--timeout", "200ms", "queue", "watch"}).code == 0);
  Program watch({"queue", "watch"}, running.target(), (running.directory.path() / "out").string());
  CHECK(before_long([&] {
    enqueue(*running.spool, message_to({"x@b.test"}));
    return contains(watch.output(), "<sender@a.test> -> <x@b.test>");
  }));
  running.server->stop(std::chrono::seconds(10));
  CHECK(watch.exit_code() == 3);
}

TEST_CASE("links", "[ctl]") {
  Running running;
  relay::Relay relay({}, router(), *running.spool);
  running.start(&relay);
  const auto target = running.target();
  CHECK(contains(quartetctl(target, {"link", "list"}).out, "branch"));
  CHECK(quartetctl(target, {"link", "start", "nobody"}).code == 1);
  auto said = quartetctl(target, {"link", "start", "branch"});
  CHECK(said.code == 0);
  CHECK(contains(said.out, "nothing is queued"));
  enqueue(*running.spool, message_to({"x@branch.test"}));
  said = quartetctl(target, {"--json", "link", "start", "branch", "--follow", "0s"});
  CHECK(said.code == 0);
  CHECK(contains(said.out, "\"answer\":\"started\",\"etrn_code\":253,\"link\":\"branch\",\"pending\":1"));
  CHECK(quartetctl(target, {"link", "start", "--domain", "branch.test", "--follow", "300ms"}).code == 1);
  CHECK(contains(quartetctl(target, {"--json", "link", "list"}).out, "\"running\":true"));

  auto emptied = std::async(std::launch::async, [&] { return quartetctl(target, {"link", "start", "branch"}); });
  CHECK(before_long([&] { return running.spool->count({}) == 1; }));
  running.spool->drop({});
  CHECK(emptied.get().code == 0);
  running.server.reset();
}
