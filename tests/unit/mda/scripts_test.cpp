// Users' scripts as files, and what is remembered beside them.
#include "mda/scripts.h"

#include <catch2/catch.hpp>

#include "helpers.h"
#include "mda/sieve_memory.h"

using namespace quartet;
using namespace quartet::mda;
using quartet::mda::test::Directory;

TEST_CASE("names of scripts stay names", "[scripts]") {
  for (const auto* good : {"main", "A script", "\xC3\xA4", "x.y"}) CHECK(is_script_name(good));
  for (const auto* bad : {"", ".", "..", ".hidden", "a/b", "a\nb", "\xFF"}) CHECK_FALSE(is_script_name(bad));
  CHECK(is_script_name(std::string(128, 'x')));
  CHECK_FALSE(is_script_name(std::string(129, 'x')));
  // RFC 5804 section 1.6.
  for (const auto* bad : {"a\xC2\x85z", "a\xE2\x80\xA8", "\xE2\x80\xA9z"}) CHECK_FALSE(is_script_name(bad));
  for (const auto* good : {"a\xC2\xA0z", "a\xE2\x80\xA7"}) CHECK(is_script_name(good));
  // What is no name of a file is refused before one is made.
  std::string umlauts;
  for (int i = 0; i < 124; ++i) umlauts += "\xC3\xA4";
  CHECK(is_script_name(umlauts));
  CHECK_FALSE(is_script_name(umlauts + "\xC3\xA4"));
  CHECK(user_directory("/s", "ann@b.example") == "/s/b.example/ann");
  CHECK_FALSE(user_directory("/s", "../x@b.example").has_value());
  CHECK_FALSE(user_directory("/s", "ann").has_value());
}

TEST_CASE("scripts are stored, listed, made active, renamed and removed", "[scripts]") {
  const Directory directory;
  const std::string ann = "ann@b.example";
  Scripts scripts(directory.path().string(), "");
  CHECK(scripts.list(ann)->empty());
  CHECK_FALSE(scripts.active(ann)->has_value());
  REQUIRE(scripts.put(ann, "two", "discard;"));
  REQUIRE(scripts.put(ann, "one", "keep;"));
  CHECK(*scripts.list(ann) == std::vector<std::string>{"one", "two"});
  CHECK(scripts.read(ann, "one")->value() == "keep;");
  CHECK_FALSE(scripts.read(ann, "three")->has_value());
  REQUIRE(scripts.activate(ann, "one"));
  CHECK(scripts.active(ann)->value() == "one");
  REQUIRE(scripts.rename(ann, "one", "first"));
  CHECK(scripts.active(ann)->value() == "first");
  CHECK(*scripts.list(ann) == std::vector<std::string>{"first", "two"});
  REQUIRE(scripts.activate(ann, ""));
  CHECK_FALSE(scripts.active(ann)->has_value());
  REQUIRE(scripts.remove(ann, "two"));
  CHECK(*scripts.list(ann) == std::vector<std::string>{"first"});
}

TEST_CASE("that there is no script is told without waiting only after it was looked for, and is true", "[scripts]") {
  const Directory directory;
  const std::string ann = "ann@b.example";
  Scripts scripts(directory.path().string(), "");
  CHECK_FALSE(scripts.has_none(ann));
  REQUIRE_FALSE(scripts.active(ann)->has_value());
  CHECK(scripts.has_none(ann));
  CHECK(scripts.has_none(ann));
  CHECK_FALSE(scripts.has_none("bob@b.example"));
  // Another process makes one active.
  Scripts other(directory.path().string(), "");
  REQUIRE(other.put(ann, "main", "keep;"));
  REQUIRE(other.activate(ann, "main"));
  CHECK_FALSE(scripts.has_none(ann));
  REQUIRE(other.activate(ann, ""));
  CHECK(scripts.has_none(ann));
}

TEST_CASE("a script is compiled again when its file has changed", "[scripts]") {
  const Directory directory;
  const std::string ann = "ann@b.example";
  Scripts scripts(directory.path().string(), directory.path().string() + "/global");
  CHECK(scripts.compile(ann, "main").value() == nullptr);
  REQUIRE(scripts.put(ann, "main", "keep;"));
  const auto first = scripts.compile(ann, "main").value();
  CHECK(first != nullptr);
  CHECK(scripts.compile(ann, "main").value() == first);
  REQUIRE(scripts.put(ann, "main", "quux;"));
  CHECK(scripts.compile(ann, "main").error().text == "1:1: unknown command \"quux\"");
  CHECK(scripts.compile_global("none").value() == nullptr);
  std::filesystem::create_directory(directory.path().string() + "/global");
  std::ofstream(directory.path().string() + "/global/spam.sieve") << "discard;";
  CHECK(scripts.compile_global("spam").value() != nullptr);
}

TEST_CASE("of a user that is erased nothing is left, and others keep theirs", "[scripts]") {
  const Directory directory;
  const std::string ann = "ann@b.example", bob = "bob@b.example";
  Scripts scripts(directory.path().string(), "");
  for (const auto& login : {ann, bob}) {
    REQUIRE(scripts.put(login, "main", "keep;"));
    REQUIRE(scripts.activate(login, "main"));
  }
  REQUIRE(scripts.erase(ann));
  CHECK(scripts.list(ann)->empty());
  CHECK_FALSE(scripts.active(ann)->has_value());
  CHECK_FALSE(std::filesystem::exists(directory.path().string() + "/b.example/ann"));
  CHECK(*scripts.active(bob) == "main");
  CHECK(scripts.erase(ann));
  CHECK(scripts.erase("../bob@b.example"));
  CHECK(scripts.erase("..@b.example"));
  CHECK(*scripts.active(bob) == "main");
}

TEST_CASE("an active link that leads elsewhere is an error", "[scripts]") {
  const Directory directory;
  Scripts scripts(directory.path().string(), "");
  std::filesystem::create_directories(directory.path().string() + "/b.example/ann");
  std::filesystem::create_symlink("/etc/passwd", directory.path().string() + "/b.example/ann/active");
  CHECK_FALSE(scripts.active("ann@b.example"));
}

TEST_CASE("what is remembered is forgotten in time", "[scripts]") {
  const Directory directory;
  SieveMemory memory(directory.path().string() + "/b.example/ann");
  const auto at = [](std::int64_t seconds) { return from_micros((1'795'525'509 + seconds) * 1'000'000); };
  CHECK_FALSE(memory.has("a", at(0)).value());
  CHECK(memory.claim("a", 60, at(0), false).value());
  CHECK(memory.has("a", at(59)).value());
  CHECK_FALSE(memory.has("b", at(0)).value());
  CHECK_FALSE(memory.claim("a", 60, at(30), false).value());
  CHECK_FALSE(memory.has("a", at(60)).value());
  CHECK(memory.claim("a", 60, at(60), false).value());
  // Renewed, it lasts from then on.
  CHECK_FALSE(memory.claim("a", 60, at(100), true).value());
  CHECK(memory.has("a", at(150)).value());
  // Nothing is kept for no time.
  CHECK(memory.claim("z", 0, at(0), false).value());
  CHECK(memory.claim("z", 0, at(0), false).value());
  // Damage costs what is damaged.
  std::ofstream(directory.path().string() + "/b.example/ann/memory", std::ios::app) << "rubbish\nmore rubbish\n";
  CHECK(memory.has("a", at(150)).value());
}
