// Configurations that are taken, and what is said of the others.
#include "imapd/settings.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/service/additional_stores.h"
#include "tests/support/temporary_directory.h"

using namespace quartet;
using namespace quartet::imapd;

namespace {

class Files {
 public:
  Files() {
    std::ofstream(directory_.file("people")) << "domain { name: \"a.test\" }\naccount { login: \"ann@a.test\" }\n";
  }

  std::string write(const std::string& more) const {
    const auto path = directory_.file("imapd.txtpb");
    std::ofstream(path) << "agent { hostname: \"imap.test\" }\ndirectory: \"" + directory_.file("people") +
                               "\"\nstore: \"" + directory_.file("store") + "\"\n" + more;
    return path;
  }
  std::string faults(const std::string& more, const Settings* now = nullptr) const {
    const auto settings = load_settings(write(more), now);
    std::string out;
    if (settings) return out;
    for (const auto& error : settings.error()) out += std::to_string(error.line) + ": " + error.text + "\n";
    return out;
  }

 private:
  quartet::test::TemporaryDirectory directory_;
};

constexpr const char* kListener = "listener { address: \"127.0.0.1:1430\" }\n";

}  // namespace

TEST_CASE("what is not said has its default", "[imapd]") {
  const Files files;
  const auto settings = load_settings(files.write(std::string(kListener) + "login_in_clear: true\n"));
  REQUIRE(settings.has_value());
  CHECK((*settings)->session.idle_timeout == std::chrono::minutes(30));
  CHECK((*settings)->session.message_size == 50u << 20);
  CHECK((*settings)->session.progress_interval == std::chrono::seconds(10));
  CHECK((*settings)->sessions_per_account == 100);
}

TEST_CASE("further stores have names and directories of their own", "[imapd]") {
  const Files files;
  const auto with = [](const std::string& text) {
    return std::string(kListener) + "login_in_clear: true\n" + text + "\n";
  };
  const std::string good = "additional_store { name: \"pg-2\" directory: \"/x/pg\" database: \"host=db\" }";
  const auto settings = load_settings(files.write(with(good)));
  REQUIRE(settings.has_value());
  CHECK(service::shares_store((*settings)->config));
  CHECK(service::store_directories((*settings)->config)[1] == "/x/pg");
  const auto options = service::store_places((*settings)->config);
  CHECK(options.name == "main");
  CHECK(options.additional.at(0).postgres == "host=db");
  CHECK(files.faults(with("additional_store { directory: \"/x\" }")).starts_with("6: name: expected lower case"));
  CHECK(files.faults(with("additional_store { name: \"a\" }")).starts_with("6: directory: is required"));
  CHECK(files.faults(with("store_name: \"a\" additional_store { name: \"a\" directory: \"/x\" }"))
            .starts_with("6: name: is that of another store"));
  CHECK(files.faults(with("store_name: \"A b\"")).starts_with("6: store_name: expected lower case"));
  CHECK(files.faults(with("store_name: \"b\""), settings->get()).contains("additional_store: cannot change while"));
}

TEST_CASE("names that lead to mailboxes of others", "[imapd]") {
  const Files files;
  const auto with = [](const std::string& text) {
    return std::string(kListener) + "login_in_clear: true\nshared_mailboxes { " + text + " }\n";
  };
  const auto good =
      load_settings(files.write(with("other_users: \"Other Users\" shared: \"Shared\" administrator: \"Ann@a.test\"")));
  REQUIRE(good.has_value());
  const auto& namespaces = *(*good)->namespaces;
  CHECK(namespaces.administrators == std::vector<std::string>{"ann@a.test"});
  CHECK(namespaces.shared_account == "shared");
  CHECK(namespaces.login_of("ANN@a.test") == "ann@a.test");
  CHECK(namespaces.login_of("eve@a.test").empty());
  CHECK(files.faults(with("other_users: \"a/b\"")).starts_with("6: other_users: expected the first level"));
  CHECK(files.faults(with("shared: \"INBOX\"")).starts_with("6: shared: expected the first level"));
  CHECK(files.faults(with("shared: \"x\" other_users: \"x\"")) ==
        "6: shared: expected another name than `other_users`\n");
  CHECK(files.faults(with("shared_account: \"ann@a.test\"")) == "6: shared_account: is a user of the directory\n");
  CHECK(files.faults(with("administrator: \"eve@a.test\"")) == "6: administrator: is no user of the directory\n");
}

TEST_CASE("a server where nobody could log in does not start", "[imapd]") {
  const Files files;
  CHECK(files.faults(kListener).contains("nobody can log in"));
  CHECK(files.faults("listener { address: \"127.0.0.1:1430\" implicit_tls: true }\nlogin_in_clear: true\n") ==
        "4: implicit_tls: needs a certificate: see `tls`\n");
  CHECK(files.faults(std::string(kListener) + "login_in_clear: true\nidle_seconds: 60\n")
            .contains("6: idle_seconds: at least 1800"));
}

TEST_CASE("a reload may not move the listeners or the store", "[imapd]") {
  const Files files;
  const auto first = load_settings(files.write(std::string(kListener) + "login_in_clear: true\n"));
  REQUIRE(first.has_value());
  CHECK(files.faults(std::string(kListener) + "login_in_clear: true\nsessions_per_account: 3\n", first->get()).empty());
  CHECK(files.faults("listener { address: \"127.0.0.1:1431\" }\nlogin_in_clear: true\n", first->get())
            .contains("restart it"));
  CHECK(files
            .faults("listener { address: \"127.0.0.1:1430\" proxy_protocol: \"10.0.0.1\" }\nlogin_in_clear: true\n",
                    first->get())
            .contains("listener: cannot change while"));
}

TEST_CASE("limits of clients can be set, and changed by a reload", "[imapd]") {
  const Files files;
  const auto usual = load_settings(files.write(std::string(kListener) + "login_in_clear: true\n"));
  REQUIRE(usual.has_value());
  CHECK((*usual)->connections_per_client == 500);
  CHECK((*usual)->unauthenticated_per_client == 50);
  const auto settings =
      load_settings(files.write(std::string(kListener) + "login_in_clear: true\nconnections_per_client: 7\n"
                                                         "unauthenticated_per_client: 3\ntrusted: \"127.0.0.9\"\n"),
                    usual->get());
  REQUIRE(settings.has_value());
  CHECK((*settings)->connections_per_client == 7);
  CHECK((*settings)->unauthenticated_per_client == 3);
  CHECK((*settings)->trusted.at(0).contains(*net::Address::parse("127.0.0.9:1")));
  CHECK(files.faults(std::string(kListener) + "login_in_clear: true\ntrusted: \"nowhere\"\n")
            .starts_with("6: trusted: "));
}

TEST_CASE("POP3 is there where it is asked for", "[imapd]") {
  const Files files;
  const std::string without = std::string(kListener) + "login_in_clear: true\n";
  const auto first = load_settings(files.write(without));
  REQUIRE(first.has_value());
  CHECK((*first)->pop3_listeners.empty());
  const auto with = load_settings(files.write(without + "pop3_listener { address: \"127.0.0.1:1100\" }\n"));
  REQUIRE(with.has_value());
  CHECK((*with)->pop3_listeners.at(0).address.port() == 1100);
  CHECK(files.faults(without + "pop3_listener { address: \"127.0.0.1:1100\" }\n", first->get()).contains("restart it"));
  CHECK(files.faults(without + "pop3_listener { address: \"here\" }\n").starts_with("6: address: "));
  CHECK(files.faults(without + "pop3_listener { address: \"127.0.0.1:1\" implicit_tls: true }\n") ==
        "6: implicit_tls: needs a certificate: see `tls`\n");
}
