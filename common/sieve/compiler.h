// How compile() works, for the files of this folder: compile.cpp has the control commands, compile_tests.cpp and
// compile_actions.cpp the rest, compile_text.cpp strings.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/sieve/arguments.h"
#include "common/sieve/ast.h"
#include "common/sieve/compile.h"
#include "common/sieve/program.h"

namespace quartet::sieve {

/// `text` with what `encoded-character` puts in place of ${hex:...} and ${unicode:...}; nullopt: a character that there
/// is not.
std::optional<std::string> decode_characters(std::string_view text);
/// Whether it is a name as RFC 5229 section 3 has it.
bool is_variable_name(std::string_view name);
/// Whether it is a field-name of RFC 5322 section 3.6.8.
bool is_field_name(std::string_view name);

class Compiler {
 public:
  explicit Compiler(const CompileOptions& options);
  std::expected<ProgramPtr, std::vector<Error>> run(std::string_view script);

 private:
  using Op = Instruction::Op;
  struct Mark {
    std::size_t errors = 0;
    std::size_t code = 0;
  };
  struct Loop {
    std::string name;
    std::vector<std::size_t> breaks;  // jumps to its end
  };

  // Control commands.
  void commands(const std::vector<CommandNode>& block);
  void command(const CommandNode& node);
  void require(const CommandNode& node);
  void branch(const std::vector<CommandNode>& block, std::size_t& at);
  void every_part(const CommandNode& node);
  void break_loop(const CommandNode& node);
  void import_globals(const CommandNode& node);
  bool control(const CommandNode& node);
  void check_shape(const CommandNode& node, bool block, bool test);

  // Tests leave their result in the truth.
  void test(const TestNode& node);
  void all_or_any(const TestNode& node, Op leave);
  bool leaf_test(const TestNode& node, Arguments& arguments);
  bool extended_test(const TestNode& node, Arguments& arguments);
  void add(TestSpec spec, Position at);
  void address_test(Arguments& arguments);
  void envelope_test(Arguments& arguments);
  void header_test(Arguments& arguments);
  void exists_test(Arguments& arguments);
  void size_test(Arguments& arguments);
  void body_test(Arguments& arguments);
  void date_test(Arguments& arguments, bool current);
  void has_flag_test(Arguments& arguments);
  void string_test(Arguments& arguments);
  void environment_test(Arguments& arguments);
  void metadata_test(Arguments& arguments, bool server);
  void metadata_exists_test(Arguments& arguments, bool server);
  void special_use_test(Arguments& arguments);
  void notify_capability_test(Arguments& arguments);
  void duplicate_test(Arguments& arguments);
  void verdict_test(Arguments& arguments, bool virus);
  void valid_list_test(Arguments& arguments);
  void ihave_test(Arguments& arguments);

  // Actions.
  bool action(const CommandNode& node, Arguments& arguments);
  bool extended_action(const CommandNode& node, Arguments& arguments);
  void add(ActionSpec spec, Position at);
  void keep(Arguments& arguments);
  void file_into(Arguments& arguments);
  void redirect(Arguments& arguments);
  void reject(Arguments& arguments, bool at_protocol);
  void vacation(Arguments& arguments);
  void flags(Arguments& arguments, FlagSpec::Operation operation);
  void set(Arguments& arguments);
  std::optional<Text> sender(Arguments& arguments);
  Text field_name(Arguments& arguments);
  void add_header(Arguments& arguments);
  void delete_header(Arguments& arguments);
  void notify(Arguments& arguments);
  void extract_text(Arguments& arguments);
  void include(Arguments& arguments);

  // Pieces that several share.
  Match match(Arguments& arguments);
  /// `plain`: the tag of the match type, which may be null.
  Comparator comparator(Arguments& arguments, const Argument* plain);
  Texts keys(Arguments& arguments, const Match& match, std::string_view name);
  /// An error for a constant that names no list of RFC 6134.
  void list_name(const StringNode& node, const Text& text);
  AddressPart address_part(Arguments& arguments);
  Index index(Arguments& arguments, Extension extension);
  MimeOptions mime(Arguments& arguments, bool parts);
  std::vector<Modifier> modifiers(Arguments& arguments);
  std::optional<Texts> flag_list(Arguments& arguments);
  std::uint64_t within(std::uint64_t value, std::uint64_t least, std::uint64_t most) const;

  // Strings.
  Text text(const StringNode& node);
  Texts texts(const std::vector<StringNode>& nodes);
  std::optional<Text> maybe_text(const StringNode* node);
  void interpolate(const StringNode& node, std::string_view in, Text& out);
  std::optional<Text::Piece> reference(const StringNode& node, std::string_view inside);
  Variable variable(const StringNode& node);
  std::uint32_t slot(Position at, const std::string& name);

  bool has(Extension extension) const { return program_->used.test(static_cast<std::size_t>(extension)); }
  /// From here on the script may use what the capability names; false if there is no such thing.
  bool use(std::string_view capability);
  /// An error unless the script asked for the extension that `what` belongs to.
  void need(Extension extension, Position at, std::string_view what);
  void fault(Position at, std::string text);
  std::size_t emit(Op op, Position at, std::size_t operand = 0);
  void land(std::size_t jump) { program_->code[jump].operand = static_cast<std::uint32_t>(program_->code.size()); }
  /// Errors since `mark` happen when the script comes there, if it does (RFC 5463 section 4). They take the place of
  /// the code since then: what is wrong must not run.
  void defer(const Mark& mark, Position at);
  Mark mark() const { return {errors_.size(), program_->code.size()}; }

  const CompileOptions& options_;
  std::shared_ptr<Program> program_;
  std::vector<Error> errors_;
  std::uint64_t regexes_ = 0;  // instructions of all that were compiled
  Arguments::Report report_;
  std::map<std::string, std::uint32_t, std::less<>> slots_;
  std::set<std::string, std::less<>> globals_;
  ListNames asked_lists_;  // of valid_ext_list: whether there are such is seen when the script runs
  std::vector<Loop> loops_;
  bool body_begun_ = false;  // a command other than require was seen
  bool deferring_ = false;   // ihave asked for what is not there
};

}  // namespace quartet::sieve
