// A compiled script: a list of instructions that jump forward (and back only in foreverypart), and the tests and
// actions they name. Immutable; shared by all deliveries. For this folder; others pass it along.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/sieve/error.h"
#include "common/sieve/extension.h"

namespace quartet::sieve {

/// A string with the variables in it: RFC 5229 section 3.
struct Text {
  struct Piece {
    enum class Kind : std::uint8_t { kLiteral, kLocal, kGlobal, kMatch };
    Kind kind = Kind::kLiteral;
    std::string text;         // kLiteral: itself; kGlobal: the name in lower case
    std::uint32_t index = 0;  // kLocal: number of the variable; kMatch: of the match variable
  };
  std::vector<Piece> pieces;
  bool constant() const { return pieces.empty() || (pieces.size() == 1 && pieces[0].kind == Piece::Kind::kLiteral); }
  /// Of a constant.
  std::string literal() const { return pieces.empty() ? std::string() : pieces[0].text; }
};
using Texts = std::vector<Text>;

/// A variable that is set or read as a whole.
struct Variable {
  bool global = false;     // RFC 6609 section 3.3
  std::string name;        // of a global one, lower case
  std::uint32_t slot = 0;  // of a local one
};

enum class Comparator : std::uint8_t { kOctet, kAsciiCasemap, kAsciiNumeric, kUnicodeCasemap };
enum class Relation : std::uint8_t { kGt, kGe, kLt, kLe, kEq, kNe };

struct Match {
  enum class Type : std::uint8_t { kIs, kContains, kMatches, kRegex, kValue, kCount, kList };
  Type type = Type::kIs;
  Comparator comparator = Comparator::kAsciiCasemap;
  Relation relation = Relation::kEq;
};

/// RFC 5260 section 6: which of several fields of one name.
struct Index {
  std::uint64_t number = 0;  // 0: all
  bool last = false;
};

/// RFC 5703 section 4.
struct MimeOptions {
  enum class What : std::uint8_t { kField, kType, kSubtype, kContentType, kParam };
  bool mime = false;
  bool any_child = false;
  What what = What::kField;
  Texts params;
};

enum class AddressPart : std::uint8_t { kAll, kLocalpart, kDomain, kUser, kDetail };

struct AddressTest {
  Match match;
  AddressPart part = AddressPart::kAll;
  Index index;
  MimeOptions mime;
  Texts headers, keys;
};
struct EnvelopeTest {
  Match match;
  AddressPart part = AddressPart::kAll;
  Texts parts, keys;
};
struct HeaderTest {
  Match match;
  Index index;
  MimeOptions mime;
  Texts headers, keys;
};
struct ExistsTest {
  MimeOptions mime;
  Texts headers;
};
struct SizeTest {
  bool over = false;
  std::uint64_t limit = 0;
};
struct BodyTest {
  enum class Transform : std::uint8_t { kRaw, kContent, kText };
  Match match;
  Transform transform = Transform::kText;
  Texts types, keys;
};
struct DateTest {
  enum class Zone : std::uint8_t { kLocal, kOriginal, kFixed };
  Match match;
  bool current = false;
  Index index;
  Zone zone = Zone::kLocal;
  Text fixed_zone;  // "+hhmm"
  Text header;      // unless current
  Text part;
  Texts keys;
};
struct HasFlagTest {
  Match match;
  std::vector<Variable> variables;  // none: the internal variable
  Texts keys;
};
struct StringTest {
  Match match;
  Texts sources, keys;
};
struct EnvironmentTest {
  Match match;
  Text name;
  Texts keys;
};
struct MailboxExistsTest {
  Texts names;
};
struct MetadataTest {
  Match match;
  std::optional<Text> mailbox;  // none: of the server
  Text annotation;
  Texts keys;
};
struct MetadataExistsTest {
  std::optional<Text> mailbox;  // none: of the server
  Texts annotations;
};
struct SpecialUseExistsTest {
  std::optional<Text> mailbox;
  Texts attributes;
};
struct ValidNotifyMethodTest {
  Texts uris;
};
struct NotifyCapabilityTest {
  Match match;
  Text uri, capability;
  Texts keys;
};
struct DuplicateTest {
  std::optional<Text> handle, header, unique_id;
  std::uint64_t seconds = 0;
  bool last = false;
};
struct VerdictTest {
  Match match;
  bool virus = false;  // else of spam
  bool percent = false;
  Text value;
};
/// RFC 6134 section 2.7.
struct ValidListTest {
  Texts names;
};
struct ConstantTest {
  bool value = false;
};
using TestSpec =
    std::variant<AddressTest, EnvelopeTest, HeaderTest, ExistsTest, SizeTest, BodyTest, DateTest, HasFlagTest,
                 StringTest, EnvironmentTest, MailboxExistsTest, MetadataTest, MetadataExistsTest, SpecialUseExistsTest,
                 ValidNotifyMethodTest, NotifyCapabilityTest, DuplicateTest, VerdictTest, ValidListTest, ConstantTest>;

struct KeepSpec {
  std::optional<Texts> flags;
};
struct FileIntoSpec {
  Text mailbox;
  bool copy = false;
  bool create = false;
  std::optional<Texts> flags;
  std::optional<Text> special_use;
};
struct RedirectSpec {
  Text address;       // or, with `list`, the name of one
  bool list = false;  // RFC 6134 section 2.3
  bool copy = false;
};
struct DiscardSpec {};
struct RejectSpec {
  Text reason;
  bool at_protocol = false;  // ereject
};
struct VacationSpec {
  std::uint64_t seconds = 0;
  std::optional<Text> subject, from, handle;
  Texts addresses;
  bool mime = false;
  Text reason;
};
struct FlagSpec {
  enum class Operation : std::uint8_t { kSet, kAdd, kRemove };
  Operation operation = Operation::kSet;
  std::optional<Variable> variable;  // absent: the internal one
  Texts flags;
};
enum class Modifier : std::uint8_t {
  kLower,
  kUpper,
  kLowerFirst,
  kUpperFirst,
  kQuoteWildcard,
  kQuoteRegex,
  kEncodeUrl,
  kLength
};
struct SetSpec {
  Variable variable;
  std::vector<Modifier> modifiers;  // in the order in which they are applied
  Text value;
};
struct AddHeaderSpec {
  bool last = false;
  Text name, value;
};
struct DeleteHeaderSpec {
  Match match;
  Index index;
  Text name;
  Texts patterns;  // none: all fields of the name
};
struct NotifySpec {
  std::optional<Text> from, importance, message;
  Texts options;
  Text method;
};
struct ExtractTextSpec {
  Variable variable;
  std::vector<Modifier> modifiers;
  std::optional<std::uint64_t> first;
};
struct IncludeSpec {
  bool global = false;  // of the site, not of the user
  bool once = false;
  bool optional = false;
  Text name;
};
struct ErrorSpec {
  Text message;
};
using ActionSpec =
    std::variant<KeepSpec, FileIntoSpec, RedirectSpec, DiscardSpec, RejectSpec, VacationSpec, FlagSpec, SetSpec,
                 AddHeaderSpec, DeleteHeaderSpec, NotifySpec, ExtractTextSpec, IncludeSpec, ErrorSpec>;

struct Instruction {
  enum class Op : std::uint8_t {
    kTest,    // the truth becomes that of tests[operand]
    kNot,     // the truth is turned round
    kJump,    // to instruction `operand`
    kJumpIf,  // if true
    kJumpUnless,
    kAction,      // actions[operand]
    kPartsBegin,  // a new walk over the parts of the message, or of the part that is looked at
    kPartsNext,   // the next part, or to `operand` when there is none
    kPartsEnd,    // leaves `operand` walks
    kStop,
    kReturn,
  };
  Op op = Op::kStop;
  std::uint32_t operand = 0;
  Position at;
};

struct Program {
  std::vector<Instruction> code;
  std::vector<TestSpec> tests;
  std::vector<ActionSpec> actions;
  std::uint32_t variables = 0;  // local ones
  Extensions used;
};

}  // namespace quartet::sieve
