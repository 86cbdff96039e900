#include "ctl/contexts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "common/base/read_file.h"
#include "ctl/json.h"

namespace quartet::ctl {
namespace {

std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kSpace = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  const auto word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

/// The error is without its place; nullopt for an empty line.
std::expected<std::optional<Context>, std::string> parse_line(std::string_view line,
                                                              const std::filesystem::path& base) {
  line = line.substr(0, line.find('#'));
  Context context;
  context.name = take_word(line);
  if (context.name.empty()) return std::nullopt;
  context.target = take_word(line);
  if (!is_target(context.target)) return std::unexpected("expected unix:/path or host:port behind the name");
  for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
    const auto equals = std::min(word.find('='), word.size());
    const auto name = word.substr(0, equals), value = word.substr(std::min(equals + 1, word.size()));
    auto* const place = name == "ca"     ? &context.ca
                        : name == "cert" ? &context.certificate
                        : name == "key"  ? &context.key
                                         : nullptr;
    if (place == nullptr || value.empty()) return std::unexpected("expected ca=FILE, cert=FILE or key=FILE");
    *place = (base / value).string();
  }
  if (context.certificate.empty() != context.key.empty()) return std::unexpected("cert and key belong together");
  return context;
}

std::string_view take_line(std::string_view& text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

bool is_target(std::string_view text) {
  return text.starts_with("unix:") || (text.find(':') != text.npos && !text.starts_with(':'));
}

std::expected<std::vector<Context>, std::string> parse_contexts(std::string_view text,
                                                                const std::filesystem::path& file) {
  std::vector<Context> contexts;
  for (int number = 1; !text.empty(); ++number) {
    auto context = parse_line(take_line(text), file.parent_path());
    std::string error;
    if (!context) {
      error = context.error();
    } else if (!*context) {
      continue;
    } else if (std::ranges::find(contexts, (*context)->name, &Context::name) != contexts.end()) {
      error = (*context)->name + " is there twice";
    }
    if (!error.empty()) return std::unexpected(fmt::format("{}:{}: {}", file.string(), number, error));
    contexts.push_back(**std::move(context));
  }
  return contexts;
}

std::expected<std::vector<Context>, std::string> read_contexts(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(file.string() + ": " + text.error());
  return parse_contexts(*text, file);
}

std::filesystem::path contexts_file() {
  if (const char* file = std::getenv("QUARTET_CONTEXTS")) return file;
  if (const char* home = std::getenv("XDG_CONFIG_HOME"); home != nullptr && *home != '\0')
    return std::filesystem::path(home) / "quartet" / "contexts";
  if (const char* home = std::getenv("HOME")) return std::filesystem::path(home) / ".config" / "quartet" / "contexts";
  return {};
}

std::string prefixed(std::string_view name, std::size_t width, std::string_view text) {
  std::string out;
  while (!text.empty()) out += fmt::format("{:<{}}  {}\n", name, width, take_line(text));
  return out;
}

std::string tagged(std::string_view name, std::string_view json) {
  std::string out;
  const auto add = [&](std::string value) {
    std::erase(value, '\n');
    if (!value.empty()) out += fmt::format("{{\"context\":{},\"value\":{}}}\n", json_string(name), value);
  };
  // An array is one value on several lines; all else is one value a line.
  if (json.starts_with('[')) {
    add(std::string(json));
  } else {
    while (!json.empty()) add(std::string(take_line(json)));
  }
  return out;
}

}  // namespace quartet::ctl
