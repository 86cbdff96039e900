// Against guessing of passwords: failed logins count by client address, by its network and by login, and fade. Who has
// too many is refused before a password is looked at; logins that are guessed at answer late. Shared by the agents of a
// host through a file. Any thread.
#pragma once
#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/async/task.h"
#include "common/net/address.h"
#include "common/service/failure_table.h"

namespace quartet::config::v1 {
class LoginLimits;
}  // namespace quartet::config::v1

namespace quartet::service {

struct LoginLimits {
  std::string file;  // see FailureTable
  double client = 20;
  double network = 100;  // IPv4 /24, IPv6 /48
  double login = 5;      // from there on answers are late: a second, doubled by each further failure
  std::chrono::seconds half_life{900};
  std::chrono::milliseconds longest_delay{10'000};
};

/// What is not set has its default.
LoginLimits login_limits(const config::v1::LoginLimits& source);

class LoginGuard {
 public:
  /// A login in the form that accounts are found by, whichever way its domain is written; "" for what is no address.
  using Spelling = std::function<std::string(std::string_view login)>;

  /// The error names the file and why. `spelling`: by default letters alone are made alike.
  static std::expected<std::unique_ptr<LoginGuard>, std::string> open(const LoginLimits& limits,
                                                                      Spelling spelling = {});

  /// What comes before a login is checked.
  struct Admission {
    const char* refused_for = nullptr;  // "client" or "network"; null: it may be tried
    std::chrono::milliseconds delay{0};
  };
  /// UNIX sockets have no limit but that of the login.
  Admission admission(const net::Address& client, const std::string& login, WallTime now) const;
  /// The same, with the wait, and counted and logged if it is refused: whether the login may be tried. Stopping the
  /// task's group ends the wait.
  async::Task<bool> admit(std::string protocol, net::Address client, std::string login);
  void failed(const net::Address& client, const std::string& login, WallTime now);

 private:
  LoginGuard(LoginLimits limits, Spelling spelling, std::unique_ptr<FailureTable> table)
      : limits_(std::move(limits)), spelling_(std::move(spelling)), table_(std::move(table)) {}
  std::string login_key_of(const std::string& login) const;

  const LoginLimits limits_;
  const Spelling spelling_;
  const std::unique_ptr<FailureTable> table_;
};

}  // namespace quartet::service
