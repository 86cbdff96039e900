// What bytes look like to a transport: 7bit, 8bit or binary (RFC 2045 sections 2.7 to 2.9).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace quartet::mime {

inline constexpr std::size_t kLongestLine = 998;  // without its line end (RFC 5322 section 2.1.1)

struct LineScan {
  bool eight_bit = false;  // a byte above 127
  bool nul = false;
  bool lone_cr = false;
  bool lone_lf = false;
  bool long_line = false;
  bool has_lines = false;  // any line end
  /// RFC 2045 section 2.7, if a lone LF counts as line end.
  bool seven_bit() const { return !eight_bit && !nul && !lone_cr && !long_line; }
};
LineScan scan_lines(std::string_view bytes);
/// Whether scan_lines() would find a long line; looks at few of the bytes.
bool has_long_line(std::string_view bytes);

/// Appends `bytes` with each lone LF made CRLF. Nothing else changes.
void append_crlf(std::string& out, std::string_view bytes);
/// Appends `bytes` with each CRLF made LF, as files on disk have it. Nothing else changes.
void append_lf(std::string& out, std::string_view bytes);

}  // namespace quartet::mime
