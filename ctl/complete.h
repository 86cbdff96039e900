// What may come next on a command line, from the table that also makes the help. The shells' own scripts only ask.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::ctl {

struct Candidate {
  std::string text;
  std::string_view help;
};

struct Completion {
  std::vector<Candidate> candidates;
  bool files = false;  // names of files are wanted; the shell knows them best
};

/// `words` follow the program's name; the last one is being typed and may be empty.
Completion complete(std::span<const std::string> words);

/// One candidate a line, its help behind a tab; ":files" alone where files are wanted.
std::string to_lines(const Completion& completion);

/// What bash, zsh or fish must read; empty for another shell.
std::string_view completion_script(std::string_view shell);

}  // namespace quartet::ctl
