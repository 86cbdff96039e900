#include "ctl/mbox.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace quartet::ctl {

std::string MboxMessage::begin(std::string_view sender, WallTime received) {
  line_.clear();
  std::string name(sender.empty() ? "MAILER-DAEMON" : sender);
  // White space ends the address for readers; a quoted local part may have it.
  std::ranges::replace_if(name, [](char c) { return static_cast<unsigned char>(c) <= ' '; }, '_');
  const std::time_t seconds = std::chrono::system_clock::to_time_t(received);
  return fmt::format("From {} {:%a %b %e %H:%M:%S %Y}\n", name, fmt::gmtime(seconds));
}

void MboxMessage::add_line(std::string& out) {
  if (line_.ends_with('\r')) line_.pop_back();
  const auto from = std::min(line_.find_first_not_of('>'), line_.size());
  if (std::string_view(line_).substr(from).starts_with("From ")) out += '>';
  out += line_;
  out += '\n';
  line_.clear();
}

std::string MboxMessage::add(std::string_view bytes) {
  std::string out;
  for (;;) {
    const auto end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end == std::string_view::npos) return out;
    add_line(out);
    bytes.remove_prefix(end + 1);
  }
}

std::string MboxMessage::end() {
  std::string out;
  if (!line_.empty()) add_line(out);
  return out + '\n';
}

}  // namespace quartet::ctl
