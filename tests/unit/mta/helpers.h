// A configuration on disk for one test.
#pragma once
#include <fstream>
#include <string>

#include "mta/session.h"
#include "mta/settings.h"
#include "tests/support/temporary_directory.h"

namespace quartet::mta {

class Site {
 public:
  Site() {
    write("people", R"(domain { name: "a.test" } account { login: "ann@a.test" }
                       alias { address: "info@a.test" target: "ann@a.test" })");
  }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
    return file(name);
  }
  std::string file(const std::string& name) const { return directory_.file(name); }

  /// Everything that is required, and `more`.
  std::string config(const std::string& more) const {
    return write("mta", "agent { hostname: \"mx.a.test\" } spool: \"" + file("spool") + "\" directory: \"" +
                            file("people") +
                            "\" listener { address: \"127.0.0.1:0\" } local { host: \"127.0.0.1:24\" protocol: LMTP } "
                            "sending { dns { server: \"127.0.0.1:5353\" } }\n" +
                            more);
  }

 private:
  quartet::test::TemporaryDirectory directory_;
};

/// What a stranger's RCPT is answered: "250 2.1.5".
inline std::string answer(const Settings& settings, const std::string& recipient) {
  const auto reply = check_recipient(settings, *net::Address::parse("198.51.100.1:1"), recipient);
  return std::to_string(reply.code) + " " + reply.enhanced;
}

}  // namespace quartet::mta
