#include "common/sieve/parser.h"

#include <fmt/format.h>

#include <utility>

#include "common/mime/charset.h"
#include "common/sieve/lexer.h"

namespace quartet::sieve {
namespace {

template <typename T>
using Parsed = std::expected<T, Error>;

std::string shown(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kEnd:
      return "the end of the script";
    case Token::Kind::kString:
      return "a string";
    case Token::Kind::kNumber:
      return "a number";
    case Token::Kind::kTag:
      return fmt::format("\":{}\"", token.text);
    default:
      return fmt::format("\"{}\"", token.text);
  }
}

class Parser {
 public:
  Parser(std::string_view script, const SyntaxLimits& limits) : lexer_(script), limits_(limits) {}

  Parsed<std::vector<CommandNode>> run() {
    if (const auto first = advance(); !first) return std::unexpected(first.error());
    auto out = commands(0);
    if (out && token_.kind != Token::Kind::kEnd) return expected("a command");
    return out;
  }

 private:
  std::unexpected<Error> expected(std::string_view what) const {
    return fault("expected {}, not {}", what, shown(token_));
  }
  template <typename... Args>
  std::unexpected<Error> fault(fmt::format_string<Args...> format, Args&&... args) const {
    return std::unexpected(Error{token_.at, fmt::format(format, std::forward<Args>(args)...)});
  }

  Parsed<void> advance() {
    auto next = lexer_.next();
    if (!next) return std::unexpected(std::move(next.error()));
    token_ = *std::move(next);
    return {};
  }

  Parsed<void> pass(char punctuation) {
    if (!token_.is(punctuation)) return expected(fmt::format("\"{}\"", punctuation));
    return advance();
  }

  Parsed<std::vector<CommandNode>> commands(std::size_t depth) {
    std::vector<CommandNode> out;
    while (token_.kind == Token::Kind::kIdentifier) {
      auto one = command(depth);
      if (!one) return std::unexpected(std::move(one.error()));
      out.push_back(*std::move(one));
    }
    return out;
  }

  Parsed<CommandNode> command(std::size_t depth) {
    CommandNode out;
    out.at = token_.at;
    out.name = token_.text;
    if (const auto done = advance(); !done) return std::unexpected(done.error());
    if (const auto done = arguments(out, 0); !done) return std::unexpected(done.error());
    if (!token_.is('{')) {
      if (!token_.is(';')) return expected("\";\" or a block");
      if (const auto done = advance(); !done) return std::unexpected(done.error());
      return out;
    }
    if (depth >= limits_.nesting) return fault("blocks are nested deeper than {}", limits_.nesting);
    if (const auto done = advance(); !done) return std::unexpected(done.error());
    auto block = commands(depth + 1);
    if (!block) return std::unexpected(std::move(block.error()));
    out.block = *std::move(block);
    if (!token_.is('}')) return expected("a command or \"}\"");
    if (const auto done = advance(); !done) return std::unexpected(done.error());
    return out;
  }

  /// Arguments of a command or a test, then a test or a list of tests in parentheses.
  Parsed<void> arguments(auto& node, std::size_t depth) {
    for (;;) {
      Argument argument;
      argument.at = token_.at;
      if (token_.kind == Token::Kind::kTag) {
        argument.tag = token_.text;
      } else if (token_.kind == Token::Kind::kNumber) {
        argument.kind = Argument::Kind::kNumber;
        argument.number = token_.number;
      } else if (token_.kind == Token::Kind::kString || token_.is('[')) {
        argument.kind = Argument::Kind::kStrings;
        if (const auto done = strings(argument); !done) return done;
        node.arguments.push_back(std::move(argument));
        continue;
      } else {
        break;
      }
      if (const auto done = advance(); !done) return done;
      node.arguments.push_back(std::move(argument));
    }
    if (token_.kind == Token::Kind::kIdentifier) return test(node.tests, depth);
    if (!token_.is('(')) return {};
    node.test_list = true;
    do {
      if (const auto done = advance(); !done) return done;
      if (token_.kind != Token::Kind::kIdentifier) return expected("a test");
      if (const auto done = test(node.tests, depth); !done) return done;
    } while (token_.is(','));
    return pass(')');
  }

  Parsed<void> strings(Argument& out) {
    if (token_.kind == Token::Kind::kString) {
      out.strings.push_back({token_.at, std::move(token_.text)});
      return advance();
    }
    out.list = true;
    do {
      if (const auto done = advance(); !done) return done;
      if (token_.kind != Token::Kind::kString) return expected("a string");
      if (out.strings.size() >= limits_.strings) return fault("a list holds at most {} strings", limits_.strings);
      out.strings.push_back({token_.at, std::move(token_.text)});
      if (const auto done = advance(); !done) return done;
    } while (token_.is(','));
    return pass(']');
  }

  Parsed<void> test(std::vector<TestNode>& tests, std::size_t depth) {
    if (depth >= limits_.nesting) return fault("tests are nested deeper than {}", limits_.nesting);
    TestNode out;
    out.at = token_.at;
    out.name = token_.text;
    if (const auto done = advance(); !done) return done;
    if (const auto done = arguments(out, depth + 1); !done) return done;
    tests.push_back(std::move(out));
    return {};
  }

  Lexer lexer_;
  const SyntaxLimits& limits_;
  Token token_;
};

}  // namespace

std::expected<std::vector<CommandNode>, Error> parse(std::string_view script, const SyntaxLimits& limits) {
  if (script.size() > limits.bytes)
    return std::unexpected(Error{{}, fmt::format("a script has at most {} octets", limits.bytes)});
  if (script.contains('\0')) return std::unexpected(Error{{}, "a script holds no NUL"});
  if (!mime::is_utf8(script)) return std::unexpected(Error{{}, "a script is in UTF-8"});
  return Parser(script, limits).run();
}

}  // namespace quartet::sieve
