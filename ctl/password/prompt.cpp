#include "ctl/password/prompt.h"

#include <termios.h>
#include <unistd.h>

#include <iostream>

namespace quartet::password {
namespace {

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

std::expected<std::string, std::string> read_new() {
  auto password = ask("Password: ");
  if (isatty(STDIN_FILENO) != 0 && ask("Again: ") != password) return std::unexpected("these are two different ones");
  return password;
}

}  // namespace quartet::password
