#include <iostream>
#include <string>

#include "ctl/password/entry.h"
#include "ctl/password/prompt.h"

namespace {

constexpr const char* kHelp =
    "quartet-password: prints what an account in a directory file keeps of a password\n\n"
    "  quartet-password [--hash=METHOD]            asks for the password twice\n"
    "  quartet-password [--hash=METHOD] < file     takes the first line\n\n"
    "METHOD: yescrypt (the default), argon2id, bcrypt, sha512.\n"
    "The lines go into the account. Exit codes: 0 printed, 1 not possible, 2 options are wrong.\n";

}  // namespace

int main(int argc, char** argv) {
  const std::string_view option = argc > 1 ? argv[1] : "--hash=yescrypt";
  if (option == "--help" || option == "--version") {
    std::cout << (option == "--help" ? kHelp : "quartet-password " QUARTET_VERSION "\n");
    return 0;
  }
  constexpr std::string_view kHash = "--hash=";
  const auto method =
      option.starts_with(kHash) ? quartet::crypto::password_hash_named(option.substr(kHash.size())) : std::nullopt;
  if (argc > 2 || !method) {
    std::cerr << kHelp;
    return 2;
  }
  const auto password = quartet::password::read_new();
  const auto entry = password ? quartet::password::entry(*password, *method) : std::unexpected(password.error());
  if (!entry) {
    std::cerr << "quartet-password: " << entry.error() << '\n';
    return 1;
  }
  std::cout << to_string(*entry) << std::flush;
  return std::cout ? 0 : 1;
}
