// Completion and manual pages: both are the table of commands in another form.
#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "ctl/command.h"
#include "ctl/complete.h"
#include "ctl/manual.h"
#include "ctl/run.h"

using namespace quartet::ctl;

namespace {

std::vector<std::string> completed(std::vector<std::string> words) {
  std::vector<std::string> texts;
  for (auto& candidate : complete(words).candidates) texts.push_back(std::move(candidate.text));
  return texts;
}

bool has(const std::vector<std::string>& texts, const std::string& text) {
  return std::ranges::find(texts, text) != texts.end();
}

std::string said(std::vector<std::string> words, int code = 0) {
  std::ostringstream out, err;
  CHECK(run(words, "", out, err) == code);
  return out.str();
}

}  // namespace

TEST_CASE("nouns, verbs and options are completed where they belong", "[ctl]") {
  using Texts = std::vector<std::string>;
  CHECK(has(completed({""}), "queue"));
  CHECK(completed({"qu"}) == Texts{"queue", "quota"});
  CHECK(completed({"queue", "re"}) == Texts{"retry", "release", "reschedule", "reroute", "requeue"});
  CHECK(completed({"--target", "unix:/x", "queue", "--json", "sho"}) == Texts{"show"});
  CHECK(completed({"queue", "show", "--h"}) == Texts{"--header", "--help"});
  CHECK(has(completed({"queue", "hold", "--"}), "--dry-run"));
  CHECK_FALSE(has(completed({"queue", "list", "--"}), "--dry-run"));
  CHECK(completed({"queue", "list", "--state", "de"}) == Texts{"deferred"});
  CHECK(completed({"queue", "shape", "--by", ""}) == Texts{"domain", "sender", "sender-domain", "code"});
  CHECK(completed({"completion", ""}) == Texts{"bash", "zsh", "fish"});
  CHECK(completed({"nothing", ""}).empty());
  CHECK(completed({"queue", "list", "--sender", ""}).empty());
  CHECK(complete(std::vector<std::string>{"--ca", "/et"}).files);
  const auto files = [](std::vector<std::string> words) { return complete(words).files; };
  CHECK(files({"sieve", "check", "a.sieve", "b"}));
  CHECK(files({"config", "validate", ""}));
  CHECK(files({"store", "backup", "/store", "/b"}));
  CHECK_FALSE(files({"store", "backup", "/store", "/backup", ""}));
  CHECK_FALSE(files({"queue", "show", ""}));
  CHECK_FALSE(files({"mailbox", "rename", "ann@a.test", "Old", "N"}));
  CHECK_FALSE(completed({}).empty());
}

TEST_CASE("what the shells ask is answered without an agent", "[ctl]") {
  CHECK(said({"complete", "queue", "boun"}).starts_with("bounce\tgive recipients up"));
  CHECK(said({"complete", "--cert", ""}) == ":files\n");
  for (const auto* shell : {"bash", "zsh", "fish"})
    CHECK(said({"completion", shell}).find("quartetctl") != std::string::npos);
  said({"completion", "csh"}, 2);
}

TEST_CASE("the manual has every command and option, with the words of the help", "[ctl]") {
  const auto all = manual_page();
  CHECK(all.starts_with(".TH QUARTETCTL 1 "));
  for (const auto& noun : manual_nouns()) CHECK(all.find("quartetctl\\-" + noun) != std::string::npos);
  for (const auto& command : all_commands()) {
    INFO(command.noun << " " << command.verb);
    CHECK(all.find(std::string(command.noun)) != std::string::npos);
    if (command.verb.empty()) continue;
    const auto page = manual_page(command.noun);
    CHECK(page.find(std::string(".SS \"quartetctl ") + std::string(command.noun)) != std::string::npos);
    for (const auto& option : command.options) {
      INFO(option.name);
      std::string name(option.name);
      for (std::size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) name.insert(at, "\\");
      CHECK(page.find("\\fB\\-\\-" + name + "\\fR") != std::string::npos);
    }
  }
  CHECK(said({"manual", "queue"}) == manual_page("queue"));
  said({"manual", "sing"}, 2);
}
