#include <termios.h>
#include <unistd.h>

#include <iostream>
#include <string>

#include "ctl/password/entry.h"

namespace {

constexpr const char* kHelp =
    "quartet-password: prints what an account in a directory file keeps of a password\n\n"
    "  quartet-password [--hash=METHOD]            asks for the password twice\n"
    "  quartet-password [--hash=METHOD] < file     takes the first line\n\n"
    "METHOD: yescrypt (the default), argon2id, bcrypt, sha512.\n"
    "The lines go into the account. Exit codes: 0 printed, 1 not possible, 2 options are wrong.\n";

/// One line, not shown as it is typed.
std::string ask(const char* prompt) {
  termios before{};
  const bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
  if (terminal) {
    std::cerr << prompt << std::flush;
    auto silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << '\n';
  }
  return line;
}

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
  const auto password = ask("Password: ");
  if (isatty(STDIN_FILENO) != 0 && ask("Again: ") != password) {
    std::cerr << "quartet-password: these are two different ones\n";
    return 1;
  }
  const auto entry = quartet::password::entry(password, *method);
  if (!entry) {
    std::cerr << "quartet-password: " << entry.error() << '\n';
    return 1;
  }
  std::cout << *entry << std::flush;
  return std::cout ? 0 : 1;
}
