// Configurations that are taken, and what is said of the others.
#include "mda/settings.h"

#include <unistd.h>
#include <catch2/catch.hpp>

#include "common/relay/local_hop.h"
#include "tests/unit/mda/helpers.h"

using namespace quartet;
using namespace quartet::mda;
using namespace quartet::mda::test;

namespace {

struct Files {
  Directory directory;

  explicit Files(const std::string& people = "") {
    std::ofstream(directory.file("people"))
        << "domain { name: \"a.test\" }\naccount { login: \"ann@a.test\" }\n" + people;
  }

  std::string write(const std::string& more) const {
    const auto path = directory.file("mda.txtpb");
    std::ofstream(path) << "agent { hostname: \"mda.test\" }\ndirectory: \"" + directory.file("people") +
                               "\"\nstore: \"" + directory.file("store") + "\"\n" + more;
    return path;
  }

  /// "line: text" of each fault.
  std::string faults(const std::string& more, const Settings* now = nullptr) const {
    const auto settings = load_settings(write(more), now);
    std::string out;
    if (settings) return out;
    for (const auto& error : settings.error()) out += std::to_string(error.line) + ": " + error.text + "\n";
    return out;
  }
};

/// Who tests as root has to name whom programs run as.
std::string user() { return ::geteuid() == 0 ? " user: \"nobody\" " : ""; }

constexpr const char* kListener = "listener { address: \"127.0.0.1:2424\" }\n";
constexpr const char* kSpool = "spool: \"/q\"\nsending { dns { server: \"127.0.0.1:53\" } }\n";

}  // namespace

TEST_CASE("a whole configuration", "[mda]") {
  const Files files("alias { address: \"out@a.test\" target: \"x@far.test\" }\n");
  const auto settings = load_settings(files.write(std::string(kListener) + kSpool + R"(
delivery { match: "Box@A.test" mbox: "/v/{domain}/{user}" }
delivery { match: "far.test" next_hop { protocol: LMTP host: "unix:/run/lmtp" } }
forward_host { host: "relay.test:2525" }
delivery { match: "Robot@a.test" pipe { argument: "/bin/cat" argument: "{recipient}")" +
                                                  user() + "} }"));
  REQUIRE(settings.has_value());
  const auto& here = **settings;
  CHECK(here.session.features.lmtp);
  CHECK(here.session.features.dsn);
  CHECK(here.tables.deliveries->entries().at(0).match == "box@a.test");
  CHECK(here.redelivers);
  const auto& back = here.router->route("ann@a.test");
  CHECK(back.protocol == relay::Protocol::kLmtp);
  CHECK(back.hosts.at(0) == relay::Host{"127.0.0.1", 2424});
  CHECK(here.router->route("x@far.test").hosts.at(0).name == "/run/lmtp");
  const auto& program = here.router->route("robot@a.test");
  REQUIRE(program.kind == relay::NextHop::Kind::kPipe);
  CHECK(program.pipe->arguments == std::vector<std::string>{"/bin/cat", "{recipient}"});
  CHECK(here.router->route("x@other.test").hosts.at(0) == relay::Host{"relay.test", 2525});
}

TEST_CASE("without a spool nothing may lead elsewhere", "[mda]") {
  CHECK(Files().faults(kListener).empty());
  CHECK(Files("alias { address: \"out@a.test\" target: \"x@far.test\" }\n")
            .faults(kListener)
            .contains("an alias leads to x@far.test"));
  const auto faults =
      Files().faults(std::string(kListener) + R"(delivery { match: "b@a.test" forward: "x@far.test" })");
  CHECK(faults == "5: forward: needs `spool`\n");
  CHECK(Files().faults(std::string(kListener) + R"(delivery { match: "b@a.test" pipe { argument: "/bin/cat")" + user() +
                       "} }") == "5: pipe: needs `spool`\n");
}

TEST_CASE("faults of deliveries are named with their lines", "[mda]") {
  const auto faults = Files().faults(std::string(kListener) + R"(delivery { match: "a.test" mbox: "/v/{user}" }
delivery { match: "ann@a.test" maildir: "/v/{user}" }
delivery { match: "b.test" mbox: "relative" }
delivery { match: "c.test" mbox: "/v/{username}" }
delivery { match: "d.test" }
delivery { match: "not an address@" mbox: "/v" }
)");
  CHECK(faults.contains("6: match: is never reached: \"a.test\""));
  CHECK(faults.contains("7: mbox: expected a path"));
  CHECK(faults.contains("8: mbox: expected a path"));
  CHECK(faults.contains("9: match: expected one of mbox"));
  CHECK(faults.contains("10: match: expected an address or a domain"));
}

TEST_CASE("faults of programs are named once", "[mda]") {
  const auto faults = Files().faults(
      std::string(kListener) + kSpool + "delivery { match: \"a@a.test\" pipe { argument: \"cat\"" + user() + "} }\n" +
      "delivery { match: \"b@a.test\" pipe { argument: \"/bin/cat\" delivered_to: true" + user() + "} }");
  CHECK(faults ==
        "8: delivered_to: the mda puts that field there anyway\n"
        "7: argument: expected the path of a program, which begins with '/'\n");
}

TEST_CASE("a reload changes who has mail, not where the agent lives", "[mda]") {
  const Files files;
  const auto first = load_settings(files.write(kListener));
  REQUIRE(first.has_value());
  CHECK(files.faults(std::string(kListener) + "limits { recipients: 5 }\n", first->get()).empty());
  const auto faults = files.faults(
      std::string("listener { address: \"127.0.0.1:2525\" }\n") + kSpool + "limits { hops: 5 }\n", first->get());
  std::size_t refused = 0;
  for (auto at = faults.find("restart it"); at != std::string::npos; at = faults.find("restart it", at + 1)) ++refused;
  CHECK(refused == 3);
}

TEST_CASE("a verdict has one scale", "[mda][sieve]") {
  Files files;
  const auto faults = [&files](const std::string& verdict) {
    return files.faults(kListener + std::string(kSpool) + "sieve { directory: \"/s\"\n" + verdict + " }\n");
  };
  CHECK(faults("spam { header: \"X\" worst: 5 }\nvirus { header: \"Y\" word { text: \"bad\" value: 5 } }").empty());
  CHECK(faults("spam { header: \"X\" }") == "8: worst: is required, and more than 0\n");
  CHECK(faults("spam { worst: 5 }") == "8: header: is required\n");
  CHECK(faults("virus { header: \"X\" word { text: \"bad\" value: 6 } }") == "8: value: at most 5\n");
  CHECK(faults("virus { header: \"X\" worst: 2 word { text: \"bad\" value: 5 } }") ==
        "8: worst: not together with `word`\n");
  CHECK(faults("spam { header: \"X\" worst: 2 pattern: \"(\" }") == "8: pattern: missing ): (\n");
}

TEST_CASE("lists for scripts have a name of their own and a file that can be read", "[mda][sieve]") {
  Files files;
  const auto faults = [&files](const std::string& lists) {
    return files.faults(kListener + std::string(kSpool) + "sieve { directory: \"/s\"\n" + lists + " }\n");
  };
  std::ofstream(files.directory.file("partners")) << "zoe@c.example\n";
  const auto file = " file: \"" + files.directory.file("partners") + "\" }\n";
  CHECK(faults("list { name: \"tag:a.test,2026:partners\"" + file +
               "list { name: \":addrbook:default\" file: \"/lists/{domain}/{user}\" }")
            .empty());
  CHECK(faults("list { name: \"partners\"" + file) ==
        "8: name: expected an absolute URI, or \":addrbook:\" and a name\n");
  CHECK(faults("list { name: \":addrbook:default\"" + file + "list { name: \":ADDRBOOK:Default\"" + file) ==
        "9: name: there is such a list\n");
  CHECK(faults("list { name: \"tag:x\" file: \"lists/x\" }")
            .starts_with("8: file: expected a path that begins with '/'"));
  CHECK(faults("list { name: \"tag:x\" file: \"/no/such/{file}\" }").starts_with("8: file: expected a path"));
  CHECK(faults("list { name: \"tag:x\" file: \"/no/such\" }").contains("No such file"));
  const auto good = load_settings(files.write(kListener + std::string(kSpool) +
                                              "sieve { directory: \"/s\"\nlist { name: \"tag:x\"" + file + " }\n"));
  REQUIRE(good.has_value());
  REQUIRE((*good)->sieve_lists.size() == 1);
  CHECK((*good)->sieve_lists[0].name == "tag:x");
  // A reload finds it as well.
  std::filesystem::remove(files.directory.file("partners"));
  CHECK(
      files
          .faults(kListener + std::string(kSpool) + "sieve { directory: \"/s\"\nlist { name: \"tag:x\"" + file + " }\n",
                  good->get())
          .contains("No such file"));
}

TEST_CASE("scripts of users need a directory and a spool, ManageSieve a certificate", "[mda][sieve]") {
  const Files files;
  const std::string listener = kListener;
  const auto good = load_settings(files.write(listener + kSpool + "sieve { directory: \"/s\" redirects: 3 }\n"));
  REQUIRE(good.has_value());
  CHECK((*good)->sieve_limits.redirects == 3);
  CHECK(files.faults(listener + "sieve { directory: \"/s\" }\n") == "5: sieve: needs `spool`\n");
  CHECK(files.faults(listener + kSpool + "sieve { redirects: 100 }\n") ==
        "7: directory: is required\n7: redirects: at most 50\n");
  CHECK(files.faults(listener + kSpool + "sieve { directory: \"/s\"\n  listener { address: \"127.0.0.1:4190\" } }\n")
            .contains("listener: needs a certificate"));
  CHECK(files.faults(listener + kSpool + "sieve { directory: \"/other\" }\n", good->get()) ==
        "7: sieve: cannot change while the agent runs: restart it\n");
}
