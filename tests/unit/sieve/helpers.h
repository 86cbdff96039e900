// A world for scripts, and short ways to compile and run one.
#pragma once
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/sieve/run.h"

namespace quartet::sieve {

struct TestWorld : World {
  std::map<std::string, std::string> mailboxes = {{"INBOX", ""}, {"Junk", "\\Junk"}, {"Lists", ""}};
  std::set<std::string> remembered;
  std::map<std::string, std::string> scripts;  // "personal/name", "global/name"
  std::map<std::string, std::string> lists;    // canonical name: lines

  bool mailbox_exists(const std::string& name) override { return mailboxes.contains(name); }
  std::optional<std::string> annotation(const std::optional<std::string>& mailbox, const std::string& name) override {
    if (!mailbox) return name == "/shared/admin" ? std::optional<std::string>("mailto:root@b.example") : std::nullopt;
    return *mailbox == "Lists" && name == "/private/comment" ? std::optional<std::string>("Of lists") : std::nullopt;
  }
  std::optional<std::string> special_use(const std::string& attribute) override {
    for (const auto& [name, use] : mailboxes) {
      if (!use.empty() && use == attribute) return name;
    }
    return std::nullopt;
  }
  bool has_special_use(const std::string& mailbox, const std::string& attribute) override {
    const auto found = mailboxes.find(mailbox);
    return found != mailboxes.end() && found->second == attribute;
  }
  bool seen(const std::string& key) override { return remembered.contains(key); }
  std::expected<ProgramPtr, std::string> script(bool global, const std::string& name) override {
    const auto found = scripts.find((global ? "global/" : "personal/") + name);
    if (found == scripts.end()) return nullptr;
    auto program = compile(found->second);
    if (!program) return std::unexpected(to_string(program.error()[0]));
    return *program;
  }
  std::expected<ExternalListPtr, std::string> list(const std::string& name) override {
    if (name == "tag:b.example,2026:broken") return std::unexpected("it is broken");
    const auto found = lists.find(name);
    if (found != lists.end()) return std::make_shared<const ExternalList>(found->second);
    if (name == kDefaultAddressBook) return std::make_shared<const ExternalList>();
    return nullptr;
  }
  std::int32_t zone(std::int64_t) override { return 60; }
};

/// RFC 5228 section 5, more or less.
inline constexpr std::string_view kLetter =
    "Received: from x by y; Tue, 24 Nov 2026 12:05:10 +0000\r\n"
    "From: Wile E. Coyote <coyote@desert.example.org>\r\n"
    "To: roadrunner@acme.example.com, Ann <ann+sieve@b.example>\r\n"
    "Subject: =?utf-8?q?I_have_a_present_for_you_=E2=98=BA?=\r\n"
    "X-Caffeine: C8H10N4O2\r\n"
    "X-Number: 0015\r\n"
    "X-Empty:\r\n"
    "Message-ID: <1@desert.example.org>\r\n"
    "Date: Tue, 24 Nov 2026 13:05:09 +0200\r\n"
    "\r\n"
    "Look, I'm sorry about the whole anvil thing,\r\nand I really didn't mean to.\r\n";

struct Run {
  std::string script;
  std::string_view message = kLetter;
  std::string from = "coyote@desert.example.org";
  std::string to = "ann+sieve@b.example";
  RunLimits limits = {};
  std::string name = {};
};

inline ProgramPtr compiled(std::string_view script) {
  auto program = compile(script);
  if (!program) {
    for (const auto& error : program.error()) UNSCOPED_INFO(to_string(error));
  }
  REQUIRE(program);
  return *program;
}

inline Outcome outcome_of(const Run& what, TestWorld& world) {
  Input input;
  input.name = what.name;
  input.message = what.message;
  input.from = what.from;
  input.to = what.to;
  input.user = "ann@b.example";
  input.addresses = {"ann@b.example", "ann@c.example"};
  input.now = from_micros(1'795'525'509'000'000);  // 2026-11-24T13:05:09Z
  input.environment = {{"location", "MDA"}, {"phase", "during"}, {"name", "Quartet"}};
  return run(*compiled(what.script), input, world, what.limits);
}
inline Outcome outcome_of(const Run& what) {
  TestWorld world;
  return outcome_of(what, world);
}

/// The actions as text; an error last.
inline std::vector<std::string> actions_of(const Run& what, TestWorld& world) {
  const auto outcome = outcome_of(what, world);
  std::vector<std::string> out;
  for (const auto& action : outcome.actions) out.push_back(to_string(action));
  if (outcome.error) out.push_back("error " + to_string(*outcome.error));
  return out;
}
inline std::vector<std::string> actions_of(const Run& what) {
  TestWorld world;
  return actions_of(what, world);
}

using Lines = std::vector<std::string>;

/// Whether the test holds; `require` is a list of extensions as in a script.
inline bool holds(const std::string& test, const std::string& require = "", const Run& base = {},
                  TestWorld* world = nullptr) {
  auto what = base;
  what.script = (require.empty() ? "" : "require [" + require + "];\n") + base.script + "if " + test + " { discard; }";
  TestWorld own;
  const auto outcome = outcome_of(what, world == nullptr ? own : *world);
  INFO(test);
  CHECK_FALSE(outcome.error.has_value());
  return outcome.actions.empty();
}

/// Errors of a script as text.
inline Lines errors_of(std::string_view script) {
  const auto program = compile(script);
  Lines out;
  if (!program) {
    for (const auto& error : program.error()) out.push_back(to_string(error));
  }
  return out;
}

}  // namespace quartet::sieve
