// quartetctl sieve without an agent: what it knows of a site.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ctl/run.h"
#include "tests/support/temporary_directory.h"

using namespace quartet;

namespace {

struct Said {
  int code;
  std::string out, err;
};

struct Files {
  test::TemporaryDirectory directory;

  std::string write(const std::string& name, const std::string& text) const {
    const auto path = directory.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  /// What `quartetctl sieve VERB` says of a script, and for "test" of a message to ann+tag@b.example.
  Said say(const std::string& verb, const std::string& script, std::vector<std::string> options = {},
           const std::string& fields = "") const {
    std::vector<std::string> words = {"sieve", verb, write("script.sieve", script)};
    if (verb == "test") {
      words.push_back(write("letter", fields + "From: Zoe <zoe@c.example>\nSubject: x\n\nx\n"));
      words.insert(words.end(), {"--from", "zoe@c.example", "--to", "ann+tag@b.example"});
    }
    words.insert(words.end(), options.begin(), options.end());
    std::ostringstream out, err;
    const int code = ctl::run(words, "", out, err);
    return {code, out.str(), err.str()};
  }
  std::string config(const std::string& sieve) const {
    return write("mda.txtpb", "sieve { directory: \"" + directory.path().string() + "/scripts\" " + sieve + " }\n");
  }
};

const std::string kSpam = "require [\"spamtest\", \"fileinto\"]; if spamtest \"10\" { fileinto \"Junk\"; }";
const std::string kFriends =
    "require [\"extlists\", \"fileinto\"]; if address :list \"from\" \"tag:b.example,2026:friends\" { fileinto \"F\"; "
    "}";

}  // namespace

TEST_CASE("scripts are tried with the filters of a configuration", "[ctl][sieve]") {
  const Files files;
  // Of filters nobody has said anything.
  CHECK(files.say("test", kSpam, {}, "X-Spam: 20\n").out == "keep\n");
  const auto config = files.config("spam { header: \"X-Spam\" worst: 10 }");
  CHECK(files.say("test", kSpam, {"--config", config}, "X-Spam: 20\n").out == "fileinto \"Junk\"\n");
  CHECK(files.say("test", kSpam, {"--config", config}, "X-Spam: 2\n").out == "keep\n");
  const auto none = files.say("check", "require \"virustest\";", {"--config", config});
  CHECK(none.code == 1);
  CHECK(none.err.ends_with("script.sieve:1:9: there is no extension \"virustest\" here\n"));
  CHECK(files.say("check", "require \"virustest\";").code == 0);
}

TEST_CASE("scripts are tried with the lists of a configuration, and with others", "[ctl][sieve]") {
  const Files files;
  const auto mine = files.write("mine", "ZOE@c.example\n");
  const auto list = "tag:b.example,2026:friends=" + mine;
  CHECK(files.say("test", kFriends, {"--list", list}).out == "fileinto \"F\"\n");
  CHECK(files.say("test", "require \"spamtest\"; keep;", {"--list", list}).code == 0);
  // Nobody knows what lists there are, but what is in one has to be known.
  CHECK(files.say("check", kFriends).code == 0);
  CHECK(files.say("test", kFriends).err.contains("there is no list \"tag:b.example,2026:friends\""));
  const auto config = files.config("list { name: \"tag:b.example,2026:friends\" file: \"" +
                                   files.directory.path().string() + "/{domain}/{user}\" }");
  CHECK(files.say("test", kFriends, {"--config", config}).out == "keep\n");
  files.write("b.example/ann", "zoe@c.example\n");
  CHECK(files.say("test", kFriends, {"--config", config}).out == "fileinto \"F\"\n");
  files.write("b.example/ann", "");
  CHECK(files.say("test", kFriends, {"--config", config, "--list", list}).out == "fileinto \"F\"\n");
  CHECK(files.say("check", "require \"extlists\"; redirect :list \"tag:b.example,2026:foes\";", {"--config", config})
            .code == 1);
  CHECK(files.say("check", kFriends, {"--config", files.config("")}).err.contains("no extension \"extlists\""));
}

TEST_CASE("limits and scripts to include are those of a configuration", "[ctl][sieve]") {
  const Files files;
  const auto config = files.config("redirects: 1 global: \"" + files.directory.path().string() + "/all\"");
  CHECK(files.say("test", "redirect \"a@c.example\"; redirect \"b@c.example\";", {"--config", config})
            .err.contains("too many redirects"));
  files.write("all/one.sieve", "discard;");
  files.write("scripts/b.example/ann/two.sieve", "stop;");
  CHECK(files.say("test", "require \"include\"; include :global \"one\"; include \"two\";", {"--config", config}).out ==
        "discard\n");
  CHECK(files.say("test", "require \"include\"; include \"two\";").code == 1);
}

TEST_CASE("mail to an address with a detail is for the account", "[ctl][sieve]") {
  const Files files;
  const auto said = files.say("test", "require \"vacation\"; vacation \"gone\";", {}, "To: ann@b.example\n");
  CHECK(said.out.starts_with("vacation to zoe@c.example"));
  CHECK(said.err.empty());
}

TEST_CASE("what is wrong with what is said of a site is told", "[ctl][sieve]") {
  const Files files;
  const auto wrong = [&files](std::vector<std::string> options) {
    return files.say("check", "keep;", std::move(options));
  };
  CHECK(wrong({"--config", files.config("spam { header: \"X\" worst: 1 pattern: \"(\" }")})
            .err.contains("pattern: missing )"));
  CHECK(wrong({"--config", files.write("mta", "hostname: 1")}).code == 1);
  CHECK(wrong({"--config", files.write("empty", "")}).err.contains("runs no scripts"));
  CHECK(wrong({"--config", "/no/such"}).code == 1);
  CHECK(wrong({"--list", "friends=/x"}).code == 2);
  CHECK(wrong({"--list", "tag:x"}).code == 2);
}
