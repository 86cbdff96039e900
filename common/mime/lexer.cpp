#include "common/mime/lexer.h"

#include "common/base/ascii.h"

namespace quartet::mime {

bool Lexer::skip_space(std::string* last_comment) {
  const std::size_t start = at;
  while (!done()) {
    if (ascii::is_space(in[at])) {
      ++at;
    } else if (in[at] == '(') {
      ++at;
      comment(last_comment);
    } else {
      break;
    }
  }
  return at != start;
}

void Lexer::comment(std::string* out) {
  if (out) out->clear();
  for (int depth = 1; !done(); ++at) {
    char c = in[at];
    if (c == '(') {
      ++depth;
    } else if (c == ')') {
      if (--depth == 0) {
        ++at;
        return;
      }
    } else if (c == '\\' && at + 1 < in.size()) {
      c = in[++at];
    } else if (c == '\r' || c == '\n') {
      continue;
    }
    if (out) out->push_back(c);
  }
}

void Lexer::quoted(std::string& out) {
  for (; !done(); ++at) {
    char c = in[at];
    if (c == '"') {
      ++at;
      return;
    }
    if (c == '\r' || c == '\n') continue;
    if (c == '\\' && at + 1 < in.size()) c = in[++at];
    out.push_back(c);
  }
}

std::string_view Lexer::run(std::string_view specials) {
  const std::size_t start = at;
  while (!done() && !ascii::is_space(in[at]) && specials.find(in[at]) == std::string_view::npos) ++at;
  return in.substr(start, at - start);
}

bool is_atext(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte <= 32 || byte == 127) return false;
  return std::string_view("()<>[]:;@\\,.\"").find(c) == std::string_view::npos;
}

bool is_dot_atom(std::string_view text) {
  bool after_dot = true;
  for (const char c : text) {
    if (c == '.') {
      if (after_dot) return false;
      after_dot = true;
    } else {
      if (!is_atext(c)) return false;
      after_dot = false;
    }
  }
  return !after_dot;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') continue;
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

}  // namespace quartet::mime
