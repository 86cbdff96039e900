// How run() works, for the files of this folder: interpreter.cpp has the instructions, run_tests.cpp the tests,
// run_actions.cpp the actions.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "common/sieve/letter.h"
#include "common/sieve/match.h"
#include "common/sieve/program.h"
#include "common/sieve/run.h"

namespace quartet::sieve {

class Interpreter {
 public:
  Interpreter(const Program& program, const Input& input, World& world, const RunLimits& limits);
  Outcome run();

 private:
  struct Walk {
    std::vector<const mime::Part*> parts;
    std::size_t next = 0;
    const mime::Part* current = nullptr;
  };
  /// One script that runs; those that include it are below.
  struct Frame {
    const Program* program = nullptr;
    ProgramPtr owned;  // of an included script
    std::string name;
    std::string key;  // the name and where it was found
    std::size_t at = 0;
    bool truth = false;
    std::vector<std::string> variables;
    std::vector<std::string> matched;
    std::vector<Walk> walks;
  };

  void step();
  void parts_begin();
  void parts_next(std::uint32_t end);
  void fail(std::string text);
  void settle(Outcome& out);

  // Tests.
  bool test(const AddressTest& spec);
  bool test(const EnvelopeTest& spec);
  bool test(const HeaderTest& spec);
  bool test(const ExistsTest& spec);
  bool test(const SizeTest& spec);
  bool test(const BodyTest& spec);
  bool test(const DateTest& spec);
  bool test(const HasFlagTest& spec);
  bool test(const StringTest& spec);
  bool test(const EnvironmentTest& spec);
  bool test(const MailboxExistsTest& spec);
  bool test(const MetadataTest& spec);
  bool test(const MetadataExistsTest& spec);
  bool test(const SpecialUseExistsTest& spec);
  bool test(const ValidNotifyMethodTest& spec);
  bool test(const NotifyCapabilityTest& spec);
  bool test(const DuplicateTest& spec);
  bool test(const VerdictTest& spec);
  bool test(const ValidListTest& spec);
  bool test(const ConstantTest& spec) { return spec.value; }
  /// Whether one of the values fits one of the keys; sets match variables unless `quietly`.
  bool any_fits(const Match& match, const Texts& keys, const std::vector<std::string>& values, bool quietly = false);
  bool any_fits(const Match& match, std::vector<std::string> keys, const std::vector<std::string>& values,
                bool quietly = false);
  /// The same of :list, with the names of lists.
  bool any_listed(const std::vector<std::string>& names, const std::vector<std::string>& values, bool quietly);
  const std::expected<ExternalListPtr, std::string>& list(const std::string& canonical);
  /// Null after fail().
  ExternalListPtr list_named(const std::string& name);
  std::vector<std::string_view> fields(const MimeOptions& mime, const std::string& name);
  struct Field {
    std::string name;
    std::string_view value;
  };
  std::vector<Field> fields(const MimeOptions& mime, const std::vector<std::string>& names, const Index& index);
  std::vector<std::string> mime_values(const MimeOptions& mime, const std::string& name, std::string_view value);
  void add_content(const mime::Part& part, const std::vector<std::string>& types, std::vector<std::string>& out);
  void add_readable(const mime::Part& part, std::vector<std::string>& out);

  // Actions.
  void act(const KeepSpec& spec);
  void act(const FileIntoSpec& spec);
  void act(const RedirectSpec& spec);
  void redirect(const std::string& to, bool copy);
  void act(const DiscardSpec&) { implicit_keep_ = false; }
  void act(const RejectSpec& spec);
  void act(const VacationSpec& spec);
  void act(const FlagSpec& spec);
  void act(const SetSpec& spec);
  void act(const AddHeaderSpec& spec);
  void act(const DeleteHeaderSpec& spec);
  void act(const NotifySpec& spec);
  void act(const ExtractTextSpec& spec);
  void act(const IncludeSpec& spec);
  void act(const ErrorSpec& spec) { fail(value(spec.message)); }
  void add(Action action);
  void keep(Flags flags);
  std::optional<std::string> annotation(const std::optional<Text>& mailbox, const std::string& name);
  Flags* flags_of_mailbox(std::string_view name);
  std::vector<std::string> own_addresses() const;
  bool is_own(std::string_view address) const;
  Edited edited();
  Flags flags_for(const std::optional<Texts>& given);
  std::string why_no_reply(const std::vector<std::string>& mine) const;

  // Strings.
  std::string value(const Text& text) const;
  std::vector<std::string> values(const Texts& texts);
  std::string get(const Variable& variable) const;
  void put(const Variable& variable, std::string text);
  void modify(const std::vector<Modifier>& modifiers, std::string& text) const;

  Frame& frame() { return frames_.back(); }
  const Frame& frame() const { return frames_.back(); }
  const mime::Part* part() const { return frame().walks.empty() ? nullptr : frame().walks.back().current; }

  const Input& input_;
  World& world_;
  const RunLimits& limits_;
  Budget budget_;
  Letter letter_;
  std::vector<Frame> frames_;
  std::map<std::string, std::string, std::less<>> globals_;
  std::set<std::string> included_;
  std::map<std::string, std::expected<ExternalListPtr, std::string>> lists_;  // as they were when first asked for
  Flags flags_;                                                               // RFC 5232: the internal variable
  bool implicit_keep_ = true;
  bool failed_ = false;
  bool has_vacation_ = false;
  std::size_t instructions_ = 0;
  std::size_t includes_ = 0;
  std::size_t added_fields_ = 0;
  std::size_t versions_ = 0;
  Edited last_version_;
  Outcome out_;
};

/// RFC 5232 section 2: flags of all the strings, each once, those that IMAP cannot have left out.
Flags split_flags(const std::vector<std::string>& texts);
std::string join_flags(const Flags& flags);
/// What tells one script from all others.
std::string include_key(bool global, const std::string& name);
/// Every part below `part`, depth first.
void add_descendants(const mime::Part& part, std::vector<const mime::Part*>& out);

}  // namespace quartet::sieve
