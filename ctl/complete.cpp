#include "ctl/complete.h"

#include <algorithm>
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

bool names_a_file(const Option& option) { return option.value == "FILE" || option.value == "PLACE"; }

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
    return collector.take(names_a_file(*typed.open));
  }
  const auto* const command = command_of(typed);
  if (begun.starts_with('-')) {
    if (command != nullptr) collector.add_options(command->options);
    collector.add_options(global_options());
    return collector.take();
  }
  if (command != nullptr) {
    if (typed.words.size() == (command->verb.empty() ? 1 : 2)) collector.add_words(command->choices);
    return collector.take();
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
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
      return
    fi
    COMPREPLY+=("${line%%$'\t'*}")
  done < <("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
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
