// Messages in the mbox format (RFC 4155), in its variant "mboxrd": lines that begin with any number of '>' and then
// "From " get one more, so that it can be undone. Sans-IO.
#pragma once
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet::ctl {

/// One message: begin(), any number of add(), end(); the results in this order are its part of the file.
class MboxMessage {
 public:
  /// `sender` is a reverse-path, empty for the null sender.
  std::string begin(std::string_view sender, WallTime received);
  /// The next octets, split anywhere; line ends become LF.
  std::string add(std::string_view bytes);
  std::string end();

 private:
  void add_line(std::string& out);
  std::string line_;  // begun, without its end
};

}  // namespace quartet::ctl
