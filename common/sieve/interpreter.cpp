#include "common/sieve/interpreter.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/utf8.h"
#include "common/mime/charset.h"

namespace quartet::sieve {
namespace {

constexpr std::size_t kMostParts = 1'000;  // that foreverypart looks at

std::string quoted(std::string_view text, std::string_view specials) {
  std::string out;
  for (const char c : text) {
    if (specials.contains(c)) out += '\\';
    out += c;
  }
  return out;
}

/// RFC 3986 section 2.3: all but unreserved characters.
std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (ascii::is_alnum(c) || std::string_view("-._~").contains(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

void add_descendants(const mime::Part& part, std::vector<const mime::Part*>& out) {
  for (const auto& child : part.children) {
    if (out.size() >= kMostParts) return;
    out.push_back(&child);
    add_descendants(child, out);
  }
}

std::string include_key(bool global, const std::string& name) { return (global ? "global/" : "personal/") + name; }

Interpreter::Interpreter(const Program& program, const Input& input, World& world, const RunLimits& limits)
    : input_(input), world_(world), limits_(limits), budget_(limits.work), letter_(input.message) {
  Frame first;
  first.program = &program;
  first.variables.resize(program.variables);
  if (!input.name.empty()) first.key = include_key(false, input.name);
  included_.insert(first.key);
  frames_.push_back(std::move(first));
}

Outcome Interpreter::run() {
  while (!frames_.empty() && !failed_) {
    if (++instructions_ > limits_.instructions || !budget_.spend(1)) {
      fail("the script takes too long");
      break;
    }
    step();
    if (!failed_ && budget_.used_up()) fail("the script takes too long");
  }
  settle(out_);
  return std::move(out_);
}

void Interpreter::settle(Outcome& out) {
  if (!failed_ && implicit_keep_) keep(flags_);
  if (!failed_) return;
  out.actions = {Keep{}};
  out.remember.clear();
}

void Interpreter::fail(std::string text) {
  if (failed_) return;
  failed_ = true;
  // When the last instruction of all took too long, nothing runs any more.
  const Frame nothing;
  const auto& now = frames_.empty() ? nothing : frame();
  const auto at = now.at == 0 ? Position{} : now.program->code[now.at - 1].at;
  out_.error = Error{at, std::move(text)};
  out_.error_script = now.name;
}

void Interpreter::step() {
  using Op = Instruction::Op;
  auto& now = frame();
  const auto& instruction = now.program->code[now.at++];
  switch (instruction.op) {
    case Op::kTest:
      now.truth = std::visit([this](const auto& spec) { return test(spec); }, now.program->tests[instruction.operand]);
      return;
    case Op::kNot:
      now.truth = !now.truth;
      return;
    case Op::kJump:
      now.at = instruction.operand;
      return;
    case Op::kJumpIf:
      if (now.truth) now.at = instruction.operand;
      return;
    case Op::kJumpUnless:
      if (!now.truth) now.at = instruction.operand;
      return;
    case Op::kAction:
      // An include changes frames_: nothing of `now` is used after it.
      return std::visit([this](const auto& spec) { act(spec); }, now.program->actions[instruction.operand]);
    case Op::kPartsBegin:
      return parts_begin();
    case Op::kPartsNext:
      return parts_next(instruction.operand);
    case Op::kPartsEnd:
      now.walks.resize(now.walks.size() - instruction.operand);
      return;
    case Op::kStop:
      return frames_.clear();
    case Op::kReturn:
      return frames_.pop_back();
  }
}

void Interpreter::parts_begin() {
  Walk walk;
  if (const auto* outer = part()) {
    add_descendants(*outer, walk.parts);
  } else {
    walk.parts.push_back(&letter_.structure());
    add_descendants(letter_.structure(), walk.parts);
  }
  frame().walks.push_back(std::move(walk));
}

void Interpreter::parts_next(std::uint32_t end) {
  auto& walk = frame().walks.back();
  if (walk.next < walk.parts.size()) {
    walk.current = walk.parts[walk.next++];
    return;
  }
  frame().walks.pop_back();
  frame().at = end;
}

std::string Interpreter::value(const Text& text) const {
  std::string out;
  for (const auto& piece : text.pieces) {
    if (out.size() > limits_.variable_octets) break;
    switch (piece.kind) {
      case Text::Piece::Kind::kLiteral:
        out += piece.text;
        break;
      case Text::Piece::Kind::kLocal:
        out += frame().variables[piece.index];
        break;
      case Text::Piece::Kind::kGlobal:
        if (const auto found = globals_.find(piece.text); found != globals_.end()) out += found->second;
        break;
      case Text::Piece::Kind::kMatch:
        if (piece.index < frame().matched.size()) out += frame().matched[piece.index];
        break;
    }
  }
  // Constants are as long as the script has them.
  if (!text.constant()) out.resize(utf8::within(out, limits_.variable_octets).size());
  return out;
}

std::vector<std::string> Interpreter::values(const Texts& texts) {
  std::vector<std::string> out;
  std::size_t octets = 0;
  for (const auto& text : texts) {
    out.push_back(value(text));
    octets += out.back().size();
    if (octets <= limits_.list_octets) continue;
    fail("a list of strings is too long");
    break;
  }
  // To put them together takes time, also where there is nothing to compare them with.
  budget_.spend(octets);
  return out;
}

Edited Interpreter::edited() {
  auto now = letter_.edited();
  if (now == last_version_) return now;
  // Each is as large as the message.
  if (++versions_ > limits_.versions) fail("the header is edited between too many actions");
  return last_version_ = std::move(now);
}

std::string Interpreter::get(const Variable& variable) const {
  if (!variable.global) return frame().variables[variable.slot];
  const auto found = globals_.find(variable.name);
  return found == globals_.end() ? std::string() : found->second;
}

void Interpreter::put(const Variable& variable, std::string text) {
  text.resize(utf8::within(text, limits_.variable_octets).size());
  if (variable.global)
    globals_.insert_or_assign(variable.name, std::move(text));
  else
    frame().variables[variable.slot] = std::move(text);
}

/// RFC 5229 section 4.1. Letters beyond ASCII stay as they are.
void Interpreter::modify(const std::vector<Modifier>& modifiers, std::string& text) const {
  for (const auto modifier : modifiers) {
    switch (modifier) {
      case Modifier::kLower:
        text = ascii::lower(text);
        break;
      case Modifier::kUpper:
        text = ascii::upper(text);
        break;
      case Modifier::kLowerFirst:
        if (!text.empty()) text[0] = ascii::to_lower(text[0]);
        break;
      case Modifier::kUpperFirst:
        if (!text.empty()) text[0] = ascii::to_upper(text[0]);
        break;
      case Modifier::kQuoteWildcard:
        text = quoted(text, "*?\\");
        break;
      case Modifier::kQuoteRegex:
        text = quoted(text, ".*+?^$()[]{}|\\");
        break;
      case Modifier::kEncodeUrl:
        text = url_encoded(text);
        break;
      case Modifier::kLength:
        text = std::to_string(utf8::count(text));
        break;
    }
  }
}

Outcome run(const Program& program, const Input& input, World& world, const RunLimits& limits) {
  return Interpreter(program, input, world, limits).run();
}

}  // namespace quartet::sieve
