// Users' scripts as files, and what is remembered beside them.
#include "mda/scripts.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "helpers.h"
#include "mda/script_names.h"
#include "mda/sieve_memory.h"

using namespace quartet;
using namespace quartet::mda;
using quartet::mda::test::Directory;

namespace {

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("what can name a script", "[scripts]") {
  for (const auto* good : {"main", "A script", "\xC3\xA4", "x.y", ".", "..", ".hidden", "a/b", "../b"})
    CHECK(is_script_name(good));
  for (const auto* bad : {"", "a\nb", "\xFF", "a\x7F"}) CHECK_FALSE(is_script_name(bad));
  // RFC 5804 section 1.6.
  for (const auto* bad : {"a\xC2\x85z", "a\xE2\x80\xA8", "\xE2\x80\xA9z"}) CHECK_FALSE(is_script_name(bad));
  for (const auto* good : {"a\xC2\xA0z", "a\xE2\x80\xA7"}) CHECK(is_script_name(good));
  CHECK(is_script_name(repeated("\U0001F600", 128)));
  // Of all characters this one becomes the longest.
  CHECK(is_script_name(script_name(repeated("\U0001D160", 128))));
  CHECK(is_script_name(std::string(384, 'x')));
  CHECK_FALSE(is_script_name(std::string(385, 'x')));
  CHECK(user_directory("/s", "ann@b.example") == "/s/b.example/ann");
  CHECK_FALSE(user_directory("/s", "../x@b.example").has_value());
  CHECK_FALSE(user_directory("/s", "ann").has_value());
}

TEST_CASE("every name of a script is stored, listed, made active, renamed and removed", "[scripts]") {
  const Directory directory;
  const std::string ann = "ann@b.example";
  const auto files = directory.path() / "b.example/ann";
  const auto count = [&files] {
    return std::distance(std::filesystem::directory_iterator(files), std::filesystem::directory_iterator());
  };
  const auto digest = "=" + std::string(64, 'a');
  Scripts scripts(directory.path().string(), directory.path().string() + "/global");
  for (const auto& name :
       {repeated("\U0001F600", 128), script_name(repeated("\U0001D160", 128)), std::string(250, 'x'),
        std::string(".hidden"), std::string(".."), std::string("../../etc/x"), std::string("a/b"), digest}) {
    REQUIRE(scripts.put(ann, name, "keep;"));
    REQUIRE(scripts.put(ann, name, "discard;"));
    CHECK(*scripts.list(ann) == std::vector{name});
    CHECK(scripts.read(ann, name)->value() == "discard;");
    CHECK(scripts.compile(ann, name).value() != nullptr);
    REQUIRE(scripts.activate(ann, name));
    CHECK(scripts.active(ann)->value() == name);
    REQUIRE(scripts.rename(ann, name, "short"));
    CHECK(scripts.active(ann)->value() == "short");
    REQUIRE(scripts.rename(ann, "short", name));
    CHECK(scripts.active(ann)->value() == name);
    CHECK(*scripts.list(ann) == std::vector{name});
    REQUIRE(scripts.activate(ann, ""));
    REQUIRE(scripts.remove(ann, name));
    CHECK(scripts.list(ann)->empty());
    CHECK_FALSE(scripts.read(ann, name)->has_value());
    CHECK(count() == 0);
  }
}

TEST_CASE("names that come in several forms are one", "[scripts]") {
  const Directory directory;
  const std::string ann = "ann@b.example";
  const std::string apart = "cafe\u0301", composed = "caf\u00e9";
  CHECK(script_name(apart) == composed);
  Scripts scripts(directory.path().string(), "");
  // As an editor, or an mda before this, has left it.
  const auto files = directory.path() / "b.example/ann";
  std::filesystem::create_directories(files);
  std::ofstream(files / (apart + ".sieve")) << "keep;";
  std::filesystem::create_symlink(apart + ".sieve", files / "active");
  CHECK(*scripts.list(ann) == std::vector{composed});
  CHECK(scripts.active(ann)->value() == composed);
  CHECK(scripts.read(ann, composed)->value() == "keep;");
  CHECK(scripts.compile(ann, apart).value() != nullptr);
  REQUIRE(scripts.put(ann, composed, "discard;"));
  REQUIRE(scripts.activate(ann, composed));
  CHECK(std::filesystem::exists(files / (apart + ".sieve")));
  CHECK(*scripts.list(ann) == std::vector{composed});
  CHECK(scripts.read(ann, composed)->value() == "discard;");
  REQUIRE(scripts.remove(ann, composed));
  CHECK(scripts.list(ann)->empty());
}

TEST_CASE("a file whose name nobody knows is no script", "[scripts]") {
  const Directory directory;
  const std::string ann = "ann@b.example";
  const auto files = directory.path() / "b.example/ann";
  const auto digest = "=" + std::string(64, 'a');
  Scripts scripts(directory.path().string(), "");
  REQUIRE(scripts.put(ann, "main", "keep;"));
  std::ofstream(files / (digest + ".sieve")) << "keep;";
  std::ofstream(files / ".hidden.sieve") << "keep;";
  CHECK(*scripts.list(ann) == std::vector<std::string>{"main"});
  std::filesystem::create_symlink("other", files / (digest + ".name"));
  CHECK(*scripts.list(ann) == std::vector<std::string>{"main"});
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
  CHECK(memory.claim("y", 60, at(0), false).value());
  CHECK(memory.claim("y", 0, at(1), false).value());
  // Damage costs what is damaged.
  const auto file = directory.path().string() + "/b.example/ann/memory";
  std::ofstream(file, std::ios::app) << "rubbish\nmore rubbish\n";
  CHECK(memory.has("a", at(150)).value());
  // A line that a full disk cut off spoils no other.
  std::ofstream(file, std::ios::app) << "0123456789";
  CHECK(memory.claim("x", 60, at(110), false).value());
  CHECK(memory.has("x", at(169)).value());
  // A renewal for a shorter time counts as well.
  CHECK_FALSE(memory.claim("x", 10, at(111), true).value());
  CHECK_FALSE(memory.has("x", at(122)).value());
}

TEST_CASE("a thing that is remembered costs a line, and what is forgotten its room", "[scripts]") {
  const Directory directory;
  SieveMemory memory(directory.path().string());
  const auto file = directory.path().string() + "/memory";
  const auto at = [](std::int64_t seconds) { return from_micros((1'795'525'509 + seconds) * 1'000'000); };
  REQUIRE(memory.claim("first", 1'000, at(0), false).value());
  struct stat before = {};
  REQUIRE(::stat(file.c_str(), &before) == 0);
  for (int n = 0; n < 50; ++n) REQUIRE(memory.claim("k" + std::to_string(n), 60, at(0), false).value());
  struct stat after = {};
  REQUIRE(::stat(file.c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  for (int n = 0; n < 100; ++n) REQUIRE(memory.claim("l" + std::to_string(n), 60, at(100), false).value());
  REQUIRE(memory.claim("last", 60, at(200), false).value());
  REQUIRE(::stat(file.c_str(), &after) == 0);
  CHECK(after.st_size == 2 * before.st_size);
  CHECK(memory.has("first", at(200)).value());
}
