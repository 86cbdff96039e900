#include "common/sieve/compile.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/sieve/compiler.h"

namespace quartet::sieve {

Compiler::Compiler(const CompileOptions& options) : options_(options), program_(std::make_shared<Program>()) {
  report_ = [this](Position at, std::string text) { fault(at, std::move(text)); };
}

void Compiler::fault(Position at, std::string text) {
  if (errors_.size() < options_.errors) errors_.push_back({at, std::move(text)});
}

void Compiler::need(Extension extension, Position at, std::string_view what) {
  if (has(extension)) return;
  fault(at, fmt::format("{} needs: require \"{}\"", what, to_string(extension)));
}

std::size_t Compiler::emit(Op op, Position at, std::size_t operand) {
  program_->code.push_back({op, static_cast<std::uint32_t>(operand), at});
  return program_->code.size() - 1;
}

void Compiler::add(TestSpec spec, Position at) {
  program_->tests.push_back(std::move(spec));
  emit(Op::kTest, at, program_->tests.size() - 1);
}

void Compiler::add(ActionSpec spec, Position at) {
  program_->actions.push_back(std::move(spec));
  emit(Op::kAction, at, program_->actions.size() - 1);
}

void Compiler::defer(const Mark& mark, Position at) {
  if (!deferring_ || errors_.size() == mark.errors) return;
  Text message;
  message.pieces.push_back({Text::Piece::Kind::kLiteral, errors_[mark.errors].text, 0});
  errors_.resize(mark.errors);
  program_->code.resize(mark.code);
  for (auto& loop : loops_) std::erase_if(loop.breaks, [&](auto jump) { return jump >= mark.code; });
  add(ActionSpec(ErrorSpec{std::move(message)}), at);
}

std::expected<ProgramPtr, std::vector<Error>> Compiler::run(std::string_view script) {
  auto tree = parse(script, options_.syntax);
  if (!tree) return std::unexpected(std::vector{std::move(tree.error())});
  commands(*tree);
  emit(Op::kReturn, {});
  if (errors_.empty()) return ProgramPtr(std::move(program_));
  std::ranges::sort(errors_, {}, &Error::at);
  return std::unexpected(std::move(errors_));
}

void Compiler::commands(const std::vector<CommandNode>& block) {
  for (std::size_t i = 0; i < block.size();) {
    const auto& node = block[i];
    if (node.name == "require") {
      require(node);
      ++i;
      continue;
    }
    body_begun_ = true;
    if (node.name == "if") {
      branch(block, i);
      continue;
    }
    const auto before = mark();
    command(node);
    defer(before, node.at);
    ++i;
  }
}

void Compiler::check_shape(const CommandNode& node, bool block, bool test) {
  if (node.block && !block) fault(node.at, fmt::format("{} has no block", node.name));
  if (!node.block && block) fault(node.at, fmt::format("{} needs a block", node.name));
  if (!test && !node.tests.empty()) fault(node.tests[0].at, fmt::format("{} takes no test", node.name));
  if (test && node.tests.size() != 1) fault(node.at, fmt::format("{} needs one test", node.name));
  if (test && node.tests.size() == 1 && node.test_list)
    fault(node.tests[0].at, fmt::format("{} needs a test without parentheses", node.name));
}

bool Compiler::use(std::string_view capability) {
  if (capability == "comparator-i;octet" || capability == "comparator-i;ascii-casemap") return true;
  const auto extension = find_extension(capability);
  if (!extension || options_.without.test(static_cast<std::size_t>(*extension))) return false;
  program_->used.set(static_cast<std::size_t>(*extension));
  return true;
}

void Compiler::require(const CommandNode& node) {
  check_shape(node, false, false);
  Arguments arguments(node.arguments, node.name, node.at, report_);
  if (body_begun_) fault(node.at, "require comes before all other commands");
  for (const auto& name : arguments.strings("capabilities")) {
    if (!use(name.text)) fault(name.at, fmt::format("there is no extension \"{}\" here", name.text));
  }
  arguments.finish();
}

/// if, elsif and else that belong together.
void Compiler::branch(const std::vector<CommandNode>& block, std::size_t& at) {
  std::vector<std::size_t> ends;
  for (bool first = true; at < block.size(); first = false) {
    const auto& node = block[at];
    const bool last = node.name == "else";
    if (!first && !last && node.name != "elsif") break;
    check_shape(node, true, !last);
    Arguments(node.arguments, node.name, node.at, report_).finish();
    std::size_t skip = 0;
    if (!last && !node.tests.empty()) {
      const auto before = mark();
      test(node.tests[0]);
      defer(before, node.at);
      skip = emit(Op::kJumpUnless, node.at);
    }
    if (node.block) commands(*node.block);
    ++at;
    if (last) break;
    ends.push_back(emit(Op::kJump, node.at));
    if (!node.tests.empty()) land(skip);
  }
  for (const auto end : ends) land(end);
}

bool Compiler::control(const CommandNode& node) {
  if (node.name == "elsif" || node.name == "else") {
    fault(node.at, fmt::format("{} without if", node.name));
    return true;
  }
  if (node.name == "foreverypart") {
    every_part(node);
    return true;
  }
  if (node.name == "break") {
    break_loop(node);
    return true;
  }
  if (node.name == "global") {
    import_globals(node);
    return true;
  }
  if (node.name != "stop" && node.name != "return") return false;
  check_shape(node, false, false);
  Arguments(node.arguments, node.name, node.at, report_).finish();
  if (node.name == "return") need(Extension::kInclude, node.at, "return");
  emit(node.name == "stop" ? Op::kStop : Op::kReturn, node.at);
  return true;
}

void Compiler::command(const CommandNode& node) {
  if (control(node)) return;
  Arguments arguments(node.arguments, node.name, node.at, report_);
  if (!action(node, arguments) && !extended_action(node, arguments))
    return fault(node.at, fmt::format("unknown command \"{}\"", node.name));
  check_shape(node, false, false);
  arguments.finish();
}

/// RFC 5703 section 3.
void Compiler::every_part(const CommandNode& node) {
  need(Extension::kForeverypart, node.at, "foreverypart");
  check_shape(node, true, false);
  Arguments arguments(node.arguments, node.name, node.at, report_);
  const auto* name = arguments.tag_string("name");
  arguments.finish();
  loops_.push_back({name == nullptr ? std::string() : name->text, {}});
  emit(Op::kPartsBegin, node.at);
  const auto next = emit(Op::kPartsNext, node.at);
  if (node.block) commands(*node.block);
  emit(Op::kJump, node.at, next);
  land(next);
  for (const auto jump : loops_.back().breaks) land(jump);
  loops_.pop_back();
}

void Compiler::break_loop(const CommandNode& node) {
  need(Extension::kForeverypart, node.at, "break");
  check_shape(node, false, false);
  Arguments arguments(node.arguments, node.name, node.at, report_);
  const auto* name = arguments.tag_string("name");
  arguments.finish();
  for (std::size_t out = 1; out <= loops_.size(); ++out) {
    auto& loop = loops_[loops_.size() - out];
    if (name != nullptr && loop.name != name->text) continue;
    emit(Op::kPartsEnd, node.at, out);
    loop.breaks.push_back(emit(Op::kJump, node.at));
    return;
  }
  fault(node.at, name == nullptr ? "break is not inside foreverypart"
                                 : fmt::format("break is not inside a foreverypart named \"{}\"", name->text));
}

/// RFC 6609 section 3.3.
void Compiler::import_globals(const CommandNode& node) {
  check_shape(node, false, false);
  need(Extension::kInclude, node.at, "global");
  need(Extension::kVariables, node.at, "global");
  Arguments arguments(node.arguments, node.name, node.at, report_);
  for (const auto& name : arguments.strings("names")) {
    const auto lower = ascii::lower(name.text);
    if (!is_variable_name(lower))
      fault(name.at, fmt::format("\"{}\" is no name of a variable", name.text));
    else if (slots_.contains(lower))
      fault(name.at, fmt::format("\"{}\" was used as a local variable before", name.text));
    else
      globals_.insert(lower);
  }
  arguments.finish();
}

std::expected<ProgramPtr, std::vector<Error>> compile(std::string_view script, const CompileOptions& options) {
  return Compiler(options).run(script);
}

Extensions extensions_of(const Program& program) { return program.used; }

}  // namespace quartet::sieve
