// Conversations as text: tests/unit/smtp/transcripts/*.txt.
//
//   # a comment; the first names the RFC section
//   % option value     of the server, see transcript_test.cpp
//   C: text            the client sends the line and CR LF; consecutive ones go out together
//   C> text            the same without CR LF
//   C!                 the client closes its side
//   S: text            the server's next line; "..." at the end stands for any rest
//   S* 250             the server's next reply, of any lines, has this code
//   S!                 the server closes
//   M: text            the next line of the last message that was accepted
//
// In C lines \r, \n, \\ and \xHH are octets, and {a*5} is "aaaaa".
#pragma once
#include <map>
#include <string>
#include <vector>

namespace quartet::smtp::test {

struct Transcript {
  struct Step {
    enum class Kind { kSend, kClose, kExpectLine, kExpectReply, kExpectClose };
    Kind kind;
    std::string text;
  };
  std::map<std::string, std::string> options;
  std::vector<Step> steps;
  std::string message;
  bool has_message = false;
};

/// Throws std::runtime_error with file and line for what it does not know.
Transcript read_transcript(const std::string& path);

}  // namespace quartet::smtp::test
