#include "ctl/complete.h"

#include <algorithm>
#include <array>
#include <optional>

#include "ctl/command.h"

namespace quartet::ctl {
namespace {

const Option* find_option(std::string_view word, std::span<const Option> options) {
  if (!word.starts_with("--")) return nullptr;
  const auto found = std::ranges::find(options, word.substr(2), &Option::name);
  return found == options.end() ? nullptr : &*found;
}

/// Of all commands: one option has one meaning for the words that follow it.
const Option* find_option(std::string_view word) {
  if (const auto* option = find_option(word, global_options())) return option;
  for (const auto& command : all_commands())
    if (const auto* option = find_option(word, command.options)) return option;
  return nullptr;
}

struct Typed {
  std::vector<std::string_view> words;  // without options and what belongs to them
  const Option* open = nullptr;         // whose value is being typed
};

Typed read(std::span<const std::string> words) {
  Typed typed;
  for (const std::string_view word : words) {
    if (typed.open != nullptr) {
      typed.open = nullptr;
    } else if (word.starts_with("--") && word.find('=') == word.npos) {
      if (const auto* option = find_option(word); option != nullptr && !option->value.empty()) typed.open = option;
    } else if (!word.starts_with('-')) {
      typed.words.push_back(word);
    }
  }
  return typed;
}

const Command* command_of(const Typed& typed) {
  for (const auto& command : all_commands()) {
    if (typed.words.empty() || command.noun != typed.words[0]) continue;
    if (command.verb.empty() || (typed.words.size() > 1 && command.verb == typed.words[1])) return &command;
  }
  return nullptr;
}

class Collector {
 public:
  explicit Collector(std::string_view begun) : begun_(begun) {}
  void add(std::string text, std::string_view help) {
    if (text.starts_with(begun_) && std::ranges::find(out_.candidates, text, &Candidate::text) == out_.candidates.end())
      out_.candidates.push_back({std::move(text), help});
  }
  void add_options(std::span<const Option> options) {
    for (const auto& option : options) add("--" + std::string(option.name), option.help);
  }
  void add_words(std::string_view words) {
    while (!words.empty()) {
      const auto end = std::min(words.find(' '), words.size());
      add(std::string(words.substr(0, end)), {});
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  }
  Completion take(bool files = false) {
    out_.files = files;
    return std::move(out_);
  }

 private:
  std::string_view begun_;
  Completion out_;
};

/// By what the help calls it: files and directories, which the shell knows.
bool names_a_file(std::string_view value) {
  constexpr std::array<std::string_view, 6> kFiles = {"FILE", "PLACE", "DIRECTORY", "SCRIPT", "MESSAGE", "BACKUP"};
  return std::ranges::find(kFiles, value) != kFiles.end();
}

/// Whether an operand of a command, from 0, is one; the last stands for all that follow if it ends with "...".
bool is_file(const Command& command, std::size_t operand) {
  auto names = command.operands;
  std::string_view name;
  for (std::size_t n = 0; n <= operand; ++n) {
    if (names.empty()) return name.ends_with("...") && names_a_file(name.substr(0, name.size() - 3));
    const auto end = std::min(names.find(' '), names.size());
    name = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  if (name.starts_with('[')) name = name.substr(1, name.size() - 2);
  if (name.ends_with("...")) name.remove_suffix(3);
  return names_a_file(name);
}

}  // namespace

Completion complete(std::span<const std::string> words) {
  static const std::string kNothing;
  const std::string& begun = words.empty() ? kNothing : words.back();
  const auto typed = read(words.first(words.empty() ? 0 : words.size() - 1));
  Collector collector(begun);
  if (typed.open != nullptr) {
    collector.add_words(typed.open->choices);
    if (typed.open->name == "context") {
      const auto contexts = read_contexts(contexts_file());
      for (const auto& context : contexts ? *contexts : std::vector<Context>()) collector.add(context.name, {});
    }
    return collector.take(names_a_file(typed.open->value));
  }
  const auto* const command = command_of(typed);
  if (begun.starts_with('-')) {
    if (command != nullptr) collector.add_options(command->options);
    collector.add_options(global_options());
    return collector.take();
  }
  if (command != nullptr) {
    const auto operand = typed.words.size() - (command->verb.empty() ? 1 : 2);
    if (operand == 0) collector.add_words(command->choices);
    return collector.take(is_file(*command, operand));
  }
  for (const auto& one : all_commands()) {
    if (typed.words.empty()) collector.add(std::string(one.noun), one.verb.empty() ? one.summary : std::string_view());
    if (typed.words.size() == 1 && one.noun == typed.words[0]) collector.add(std::string(one.verb), one.summary);
  }
  return collector.take();
}

std::string to_lines(const Completion& completion) {
  if (completion.files) return ":files\n";
  std::string lines;
  for (const auto& candidate : completion.candidates) {
    lines += candidate.text;
    if (!candidate.help.empty()) lines.append(1, '\t').append(candidate.help);
    lines += '\n';
  }
  return lines;
}

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash")
    return R"(# quartetctl completion bash > /etc/bash_completion.d/quartetctl
_quartetctl() {
  local i line piece cut rest=$COMP_LINE words=()
  # bash takes words apart at ':' and '=', of which targets, keys of sites and --option=value are full.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    if ((i > 1)) && [[ $rest != [[:blank:]]* && ($piece == [:=]* || ${COMP_WORDS[i-1]} == *[:=]) ]]; then
      words[-1]+=$piece
    else
      words+=("$piece")
    fi
    rest=${rest#"${rest%%[![:blank:]]*}"}
    rest=${rest#"$piece"}
  done
  # Of the word only what is behind the last of them is replaced.
  if [[ $piece == [:=]* ]]; then cut=${words[-1]}; else cut=${words[-1]%"$piece"}; fi
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "${words[-1]}")
      COMPREPLY=("${COMPREPLY[@]#"$cut"}")
      return
    fi
    line=${line%%$'\t'*}
    COMPREPLY+=("${line#"$cut"}")
  done < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null)
}
complete -F _quartetctl quartetctl
)";
  if (shell == "zsh")
    return R"(#compdef quartetctl
# quartetctl completion zsh > "${fpath[1]}/_quartetctl"
_quartetctl() {
  local -a lines described
  local line
  lines=("${(@f)$("${words[1]}" complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${lines[1]} == :files ]]; then
    _files
    return
  fi
  for line in $lines; do
    described+=("${line/$'\t'/:}")
  done
  _describe quartetctl described
}
compdef _quartetctl quartetctl
)";
  if (shell == "fish")
    return R"(# quartetctl completion fish > ~/.config/fish/completions/quartetctl.fish
function __quartetctl
  set -l lines (quartetctl complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
  if test "$lines[1]" = ":files"
    __fish_complete_path (commandline -ct)
  else
    string join \n -- $lines
  end
end
complete -c quartetctl -f -a '(__quartetctl)'
)";
  return {};
}

}  // namespace quartet::ctl
