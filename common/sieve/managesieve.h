// What a ManageSieve client says: RFC 5804 section 4. Sans-IO: bytes in, commands out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::sieve {

struct ManageSieveArgument {
  bool number = false;
  std::uint64_t value = 0;
  std::string text;  // of a string
};

struct ManageSieveCommand {
  std::string name;  // upper case; "" for a line of strings alone, as in the course of AUTHENTICATE
  std::vector<ManageSieveArgument> arguments;
};

enum class ManageSieveFault {
  kMalformed,  // answer NO; the line was passed over
  kTooLarge,   // a string over the limit: answer NO; it was passed over with its line
  kFatal,      // what follows could be anything: say BYE
};

struct ManageSieveLimits {
  std::size_t line = 8 * 1024;  // of a command without its literals
  std::size_t literal = 1024 * 1024;
  std::size_t skipped = 16 * 1024 * 1024;  // of a literal over the limit that is passed over
  std::size_t arguments = 8;
};

class ManageSieveParser {
 public:
  explicit ManageSieveParser(const ManageSieveLimits& limits = {}) : limits_(limits) {}
  void set_limits(const ManageSieveLimits& limits) { limits_ = limits; }

  /// How the bytes were split never changes what next() yields.
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  /// nullopt: more input is needed.
  std::optional<std::expected<ManageSieveCommand, ManageSieveFault>> next();
  std::string_view unconsumed() const { return std::string_view(buffer_).substr(at_); }
  bool in_command() const { return begun_ || at_ < buffer_.size(); }

 private:
  enum class Step { kMore, kGoOn, kDone, kMalformed, kFatal };
  Step step();
  Step quoted();
  Step literal();
  Step word();
  Step pass_line();
  void add(ManageSieveArgument argument);

  ManageSieveLimits limits_;
  std::string buffer_;
  std::size_t at_ = 0;      // what comes before is read
  std::size_t line_ = 0;    // octets of this command so far, without literals
  std::size_t skip_ = 0;    // of a literal that is passed over
  bool begun_ = false;      // something of a command was read
  bool too_large_ = false;  // a string of this command was passed over
  bool malformed_ = false;  // the rest of the line is passed over
  bool dead_ = false;       // after kFatal
  ManageSieveCommand command_;
};

/// A string as a server sends it: quoted, or as literal where it must be.
std::string managesieve_string(std::string_view text);

}  // namespace quartet::sieve
