#include "common/config/source.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "common/base/ascii.h"
#include "common/base/read_file.h"

namespace quartet::config {
namespace {

constexpr std::size_t kDeepestInclude = 16;

std::string identity(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

/// Where the line's comment begins: at a '#' outside of quotes.
std::size_t comment_of(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0 && line[i] == '\\')
      ++i;
    else if (quote != 0 && line[i] == quote)
      quote = 0;
    else if (quote == 0 && (line[i] == '"' || line[i] == '\''))
      quote = line[i];
    else if (quote == 0 && line[i] == '#')
      return i;
  }
  return line.size();
}

/// The path of `include: "path"` if the line is one.
std::optional<std::string> included_path(std::string_view line) {
  line = ascii::trim(line);
  if (!line.starts_with("include")) return std::nullopt;
  line = ascii::trim(line.substr(7));
  if (!line.starts_with(':')) return std::nullopt;
  line = ascii::trim(line.substr(1));
  line = ascii::trim(line.substr(0, comment_of(line)));
  if (line.size() < 3 || line.front() != '"' || line.back() != '"') return std::nullopt;
  return std::string(line.substr(1, line.size() - 2));
}

/// As it must stand inside a quoted string of the text format.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '"' || c == '\'' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

}  // namespace

void Source::add_file(const std::string& path, std::vector<Error>& errors) {
  const auto content = read_file(path);
  if (!content) {
    errors.push_back({path, 0, 0, content.error()});
    return;
  }
  open_.push_back(identity(path));
  add_text(*content, path, errors);
  open_.pop_back();
}

void Source::add_text(std::string_view text, const std::string& file, std::vector<Error>& errors) {
  int number = 0;
  for (const auto line : ascii::split(text, '\n')) {
    ++number;
    const auto included = included_path(line);
    if (!included) {
      add_line(line, file, number, errors);
      continue;
    }
    const auto path = (std::filesystem::path(file).parent_path() / *included).lexically_normal().string();
    if (std::ranges::find(open_, identity(path)) != open_.end()) {
      errors.push_back({file, number, 1, path + " includes itself"});
    } else if (open_.size() >= kDeepestInclude) {
      errors.push_back({file, number, 1, "files include each other more than 16 deep"});
    } else if (!std::filesystem::is_regular_file(path)) {
      errors.push_back({file, number, 1, "the included file " + path + " cannot be read"});
    } else {
      add_file(path, errors);
    }
  }
}

void Source::add_line(std::string_view line, const std::string& file, int number, std::vector<Error>& errors) {
  Line origin{file, number, {}, text_.size()};
  std::string out;
  std::size_t at = 0;
  const auto comment = comment_of(line);
  for (auto open = line.find("${"); open < comment; open = line.find("${", at)) {
    const auto column = static_cast<int>(open) + 1;
    out += line.substr(at, open - at);
    const auto close = line.find('}', open);
    if (close == std::string_view::npos) {
      errors.push_back({file, number, column, "${ without }"});
      at = line.size();
      break;
    }
    const auto inside = line.substr(open + 2, close - open - 2);
    const auto dash = inside.find(":-");
    const std::string name(inside.substr(0, dash));
    const char* const value = std::getenv(name.c_str());
    if (value != nullptr) {
      out += escaped(value);
    } else if (dash != std::string_view::npos) {
      out += escaped(inside.substr(dash + 2));
    } else {
      errors.push_back({file, number, column, "environment variable " + name + " is not set"});
    }
    at = close + 1;
    origin.shifts.emplace_back(static_cast<int>(out.size()), static_cast<int>(at) - static_cast<int>(out.size()));
  }
  out += line.substr(at);
  text_ += out;
  text_ += '\n';
  lines_.push_back(std::move(origin));
}

std::string_view Source::line(int number) const {
  const auto index = static_cast<std::size_t>(number);
  if (number < 0 || index >= lines_.size()) return {};
  const auto begin = lines_[index].begin;
  const auto end = index + 1 < lines_.size() ? lines_[index + 1].begin : text_.size();
  return std::string_view(text_).substr(begin, end - begin - 1);
}

Error Source::origin(int line, int column, std::string what) const {
  if (line < 0 || static_cast<std::size_t>(line) >= lines_.size()) {
    if (lines_.empty()) return {"", 0, 0, std::move(what)};
    return {lines_.back().file, lines_.back().number, 1, std::move(what)};
  }
  const auto& from = lines_[static_cast<std::size_t>(line)];
  int shift = 0;
  for (const auto& [begin, add] : from.shifts) {
    if (column >= begin) shift = add;
  }
  return {from.file, from.number, column + shift + 1, std::move(what)};
}

}  // namespace quartet::config
