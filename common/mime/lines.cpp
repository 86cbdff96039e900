#include "common/mime/lines.h"

#include "common/mime/charset.h"

namespace quartet::mime {

LineScan scan_lines(std::string_view bytes) {
  LineScan scan;
  scan.eight_bit = !is_ascii(bytes);
  scan.nul = bytes.contains('\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t newline = bytes.find('\n', at);
    const bool ended = newline != std::string_view::npos;
    std::string_view line = bytes.substr(at, ended ? newline - at : newline);
    if (ended) {
      scan.has_lines = true;
      if (line.ends_with('\r')) {
        line.remove_suffix(1);
      } else {
        scan.lone_lf = true;
      }
    }
    if (line.contains('\r')) scan.lone_cr = true;
    if (line.size() > kLongestLine) scan.long_line = true;
    if (!ended) break;
    at = newline + 1;
  }
  return scan;
}

bool has_long_line(std::string_view bytes) {
  constexpr std::size_t kWithEnd = kLongestLine + 2;
  while (bytes.size() > kLongestLine) {
    // Of all line ends within reach the last one leads furthest.
    const auto end = bytes.substr(0, kWithEnd).rfind('\n');
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
  }
  return false;
}

void append_crlf(std::string& out, std::string_view bytes) {
  for (;;) {
    const std::size_t newline = bytes.find('\n');
    if (newline == std::string_view::npos) break;
    const std::string_view line = bytes.substr(0, newline);
    out += line;
    out += line.ends_with('\r') ? "\n" : "\r\n";
    bytes.remove_prefix(newline + 1);
  }
  out += bytes;
}

void append_lf(std::string& out, std::string_view bytes) {
  for (;;) {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) break;
    out += bytes.substr(0, end);
    out += '\n';
    bytes.remove_prefix(end + 2);
  }
  out += bytes;
}

}  // namespace quartet::mime
