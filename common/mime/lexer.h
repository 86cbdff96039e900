// Pieces of RFC 5322 that all structured header values share: white space, comments, quoted strings, atoms.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace quartet::mime {

/// A place in a value that moves forward only. Copy it to look ahead.
struct Lexer {
  std::string_view in;
  std::size_t at = 0;

  bool done() const { return at >= in.size(); }
  char peek() const { return done() ? '\0' : in[at]; }
  bool take(char c) {
    if (done() || in[at] != c) return false;
    ++at;
    return true;
  }

  /// Passes over white space, line ends and comments; true if there was any. The text of the last comment is put in
  /// `comment`, unquoted.
  bool skip_space(std::string* comment = nullptr);
  /// After the opening quote: appends what is quoted, without the quoting and folding, and passes the closing one. An
  /// unclosed string reaches to the end.
  void quoted(std::string& out);
  /// The longest run of characters that are neither white space nor in `specials`.
  std::string_view run(std::string_view specials);

 private:
  void comment(std::string* out);
};

/// RFC 5322 section 3.2.3 and RFC 6532: may stand in an atom.
bool is_atext(char c);
/// Whether `text` is a dot-atom, that is needs no quotes as local part.
bool is_dot_atom(std::string_view text);
/// `text` as quoted-string, line ends and NUL left out.
std::string quote(std::string_view text);

}  // namespace quartet::mime
