// Certificates for tests, made by the openssl command in a directory of their own that goes away with the object.
#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/support/temporary_directory.h"

namespace quartet::test {

class Certificates {
 public:
  Certificates() { authority("ca"); }

  /// The file of a certificate or key made before: "ca" gives ca.pem.
  std::string certificate(const std::string& name) const { return directory_.file(name + ".pem"); }
  std::string key(const std::string& name) const { return directory_.file(name + ".key"); }
  std::filesystem::path directory() const { return directory_.path(); }

  /// A self-signed authority.
  void authority(const std::string& name) {
    make(name, "-subj '/CN=Authority " + name + "' -addext basicConstraints=critical,CA:TRUE");
  }
  /// A certificate of `issuer`; `names` as in subjectAltName: "DNS:mx.test,IP:127.0.0.1".
  void issue(const std::string& name, const std::string& names, const std::string& issuer = "ca") {
    make(name, "-subj '/CN=" + name + "' -addext subjectAltName=" + names + " -CA " + certificate(issuer) + " -CAkey " +
                   key(issuer));
  }

 private:
  void make(const std::string& name, const std::string& options) {
    const auto command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 " + options +
                         " -keyout " + key(name) + " -out " + certificate(name) + " 2>" + directory_.file("log");
    if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
  }

  TemporaryDirectory directory_;
};

/// One set for all tests of a program.
inline const Certificates& certificates() {
  static const Certificates& made = [] -> const Certificates& {
    static Certificates set;
    set.authority("other_ca");
    set.issue("server", "DNS:mx.test,IP:127.0.0.1");
    set.issue("renewed", "DNS:mx.test");
    set.issue("wildcard", "DNS:*.wild.test");
    set.issue("foreign", "DNS:mx.test", "other_ca");
    set.issue("client", "DNS:client.test");
    return set;
  }();
  return made;
}

}  // namespace quartet::test
