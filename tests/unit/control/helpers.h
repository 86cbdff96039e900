// A running control plane on a real spool, and certificates.
#pragma once
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>

#include "common/control/server.h"
#include "common/directory/directory.h"
#include "common/log/log.h"
#include "tests/unit/spool/helpers.h"

namespace quartet::control::test {

using spool::test::before_long;
using spool::test::enqueue;
using spool::test::message_to;
using spool::test::TemporaryDirectory;

/// What `trouble` says, to be changed while the server runs.
class Trouble {
 public:
  std::string get() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

struct Running {
  TemporaryDirectory directory;
  std::unique_ptr<spool::Spool> spool = spool::test::open_spool(directory.path() / "spool");
  Trouble trouble;
  std::unique_ptr<Server> server;

  std::string socket() const { return (directory.path() / "control").string(); }
  std::string target() const { return "unix:" + socket(); }

  relay::Upstreams* upstreams = nullptr;
  net::Sessions* sessions = nullptr;

  std::string people;  // file of the directory; empty: there is none
  store::Store* store = nullptr;
  std::vector<std::string> forgotten;                // accounts that the agent was told to forget
  std::expected<void, std::string> forgetting = {};  // what it says then

  Subject subject(relay::Relay* relay = nullptr) {
    Subject out{"mta",   [] { return std::string("mx.a.test"); }, spool.get(),
                relay,   [this] { return trouble.get(); },        upstreams,
                sessions};
    out.store = store;
    out.forget_account = [this](const std::string& account) {
      forgotten.push_back(account);
      return forgetting;
    };
    if (people.empty()) return out;
    out.directory_file = [this] { return people; };
    out.directory = [this] {
      const std::lock_guard lock(directory_mutex_);
      return directory_;
    };
    out.reread_directory = [this](auto done) {
      const auto fault = reread();
      done(fault);
    };
    REQUIRE(reread().empty());
    return out;
  }
  void start(Options options, relay::Relay* relay = nullptr) {
    auto started = Server::start(options, subject(relay));
    INFO((started ? std::string() : started.error()));
    REQUIRE(started.has_value());
    server = std::move(*started);
  }
  void start(relay::Relay* relay = nullptr) {
    Options options;
    options.socket = socket();
    start(options, relay);
  }

 private:
  std::string reread() {
    const auto read = directory::load(people);
    if (!read) return to_string(read.error().front());
    const std::lock_guard lock(directory_mutex_);
    directory_ = *read;
    return {};
  }

  std::mutex directory_mutex_;
  directory::DirectoryPtr directory_;
};

/// What is written to the log while it lives.
class LogCapture {
 public:
  LogCapture() : file_((directory_.path() / "log").string()) {
    descriptor_ = ::open(file_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    log::configure({.agent = "test", .descriptor = descriptor_});
  }
  ~LogCapture() {
    log::flush();
    log::configure({.agent = "test"});
    ::close(descriptor_);
  }
  std::string text() const {
    log::flush();
    std::ifstream file(file_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  TemporaryDirectory directory_;
  std::string file_;
  int descriptor_ = -1;
};

/// An authority and what it signs, as PEM files, by the openssl command.
class Authority {
 public:
  Authority(const std::filesystem::path& directory, std::string name)
      : base_((directory / name).string()), name_(std::move(name)) {
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=" + name_ +
        " authority' -keyout " + base_ + ".ca.key -out " + ca());
  }
  std::string ca() const { return base_ + ".ca.pem"; }
  std::string certificate(const std::string& who) const { return base_ + "." + who + ".pem"; }
  std::string key(const std::string& who) const { return base_ + "." + who + ".key"; }

  void issue(const std::string& who, const std::string& alternative_names) const {
    const auto extensions = base_ + "." + who + ".ext", request = base_ + "." + who + ".csr";
    std::ofstream(extensions) << "subjectAltName=" << alternative_names << "\nextendedKeyUsage=serverAuth,clientAuth\n";
    run("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + who + " -keyout " + key(who) +
        " -out " + request);
    run("x509 -req -in " + request + " -CA " + ca() + " -CAkey " + base_ + ".ca.key -CAcreateserial -days 2 -extfile " +
        extensions + " -out " + certificate(who));
  }

 private:
  static void run(const std::string& arguments) {
    INFO(arguments);
    REQUIRE(std::system(("openssl " + arguments + " 2>/dev/null").c_str()) == 0);
  }
  std::string base_;
  std::string name_;
};

}  // namespace quartet::control::test
