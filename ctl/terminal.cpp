#include "ctl/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "common/base/ascii.h"

namespace quartet::ctl {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";  // the other screen, without a cursor
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr char kCtrlC = 3;

void put(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written <= 0) return;  // a terminal that has gone is noticed by its input
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

struct Terminal::Saved {
  termios settings{};
};

Terminal::Terminal(std::unique_ptr<Saved> saved) : saved_(std::move(saved)) {}
Terminal::Terminal(Terminal&&) noexcept = default;

std::optional<Terminal> Terminal::open() {
  auto saved = std::make_unique<Saved>();
  if (::isatty(STDOUT_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &saved->settings) != 0) return std::nullopt;
  auto raw = saved->settings;
  // Ctrl-C comes as a key, too: the screen must be given back first.
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) return std::nullopt;
  put(kEnter);
  return Terminal(std::move(saved));
}

Terminal::~Terminal() {
  if (!saved_) return;
  put(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_->settings);
}

Terminal::Size Terminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

void Terminal::draw(const std::vector<std::string>& lines) {
  std::string out = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) out += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
  put(out + "\x1b[J");
}

std::optional<char> Terminal::key(std::chrono::milliseconds wait) {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, static_cast<int>(wait.count())) <= 0) return std::nullopt;
  char key = 0;
  if (::read(STDIN_FILENO, &key, 1) != 1 || key == kCtrlC) return 'q';
  return key;
}

bool speaks_utf8() {
  for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const auto text = ascii::upper(value);
    return text.find("UTF-8") != text.npos || text.find("UTF8") != text.npos;
  }
  return false;
}

}  // namespace quartet::ctl
