#include "common/config/config.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <tuple>

#include "common/base/ascii.h"
#include "common/config/source.h"

namespace quartet::config {
namespace {

namespace pb = google::protobuf;

/// More would not help anybody.
constexpr std::size_t kMostErrors = 20;
/// Of messages within messages; the schema has a handful.
constexpr int kDeepestMessage = 32;

/// The parser counts columns with tab stops of 8; we count octets.
std::size_t octet_of(std::string_view line, int column) {
  int seen = 0;
  std::size_t octet = 0;
  for (; octet < line.size() && seen < column; ++octet) seen += line[octet] == '\t' ? 8 - seen % 8 : 1;
  return octet;
}

/// The word that is none of a field's values, of a message that is told of behind it; else empty.
std::string_view wrong_word(std::string_view message) {
  constexpr std::string_view kEnum = "Unknown enumeration value of \"", kBool = ". Value: \"";
  std::size_t begin = std::string_view::npos;
  if (message.starts_with(kEnum))
    begin = kEnum.size();
  else if (const auto at = message.find(kBool); message.starts_with("Invalid value for boolean field") && at != begin)
    begin = at + kBool.size();
  if (begin == std::string_view::npos) return {};
  return message.substr(begin, message.find('"', begin) - begin);
}

/// Takes what the parser reports, each fault once.
class Collector final : public pb::io::ErrorCollector {
 public:
  Collector(const Source& source, std::vector<Error>& errors) : source_(source), errors_(errors) {}
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    auto octet = octet_of(source_.line(line), column);
    // Of a word that is no value the parser names the place of what follows, which may be many lines behind.
    if (const auto word = wrong_word(message); !word.empty()) std::tie(line, octet) = last_before(line, octet, word);
    last_line_ = line;
    add_error(source_.origin(line, static_cast<int>(octet), message));
  }
  /// An unknown field: the parser goes on behind it. It names the place behind the field's name; people want the
  /// name's.
  void AddWarning(int line, pb::io::ColumnNumber column, const std::string& message) override {
    const auto text = source_.line(line);
    const auto is_name = [](char c) { return ascii::is_alnum(c) || c == '_'; };
    auto at = std::min(octet_of(text, column), text.size());
    while (at > 0 && ascii::is_space(text[at - 1])) --at;
    while (at > 0 && is_name(text[at - 1])) --at;
    add_error(source_.origin(line, static_cast<int>(at), message));
  }
  /// From 0; where the parser gave up.
  int last_line() const { return last_line_; }

 private:
  /// Where the word stands last before a place, outside of lines that are comments; that place if it does not.
  std::pair<int, std::size_t> last_before(int line, std::size_t octet, std::string_view word) const {
    for (int back = line; back >= 0; --back) {
      const auto text = source_.line(back).substr(0, back == line ? octet : std::string_view::npos);
      const auto at = ascii::trim(text).starts_with('#') ? std::string_view::npos : text.rfind(word);
      if (at != std::string_view::npos) return {back, at};
    }
    return {line, octet};
  }
  void add_error(Error error) {
    if (std::ranges::find(errors_, error) == errors_.end()) errors_.push_back(std::move(error));
  }

  const Source& source_;
  std::vector<Error>& errors_;
  int last_line_ = -1;
};

/// Makes line `number` (from 0) blank if it is a whole "field: value"; then what follows can be read without it.
bool leave_out(std::string& text, int number) {
  std::size_t begin = 0;
  for (int line = 0; line < number && begin != std::string::npos; ++line) {
    begin = text.find('\n', begin);
    if (begin != std::string::npos) ++begin;
  }
  if (number < 0 || begin >= text.size()) return false;
  const auto end = std::min(text.find('\n', begin), text.size());
  const auto line = std::string_view(text).substr(begin, end - begin);
  if (line.find(':') == std::string_view::npos || line.find_first_of("{}<>[]") != std::string_view::npos) return false;
  std::fill(text.begin() + static_cast<std::ptrdiff_t>(begin), text.begin() + static_cast<std::ptrdiff_t>(end), ' ');
  return true;
}

class TreePositions final : public Positions {
 public:
  TreePositions(Source source, const pb::Message& root) : source_(std::move(source)), root_(root) {}

  pb::TextFormat::ParseInfoTree& tree() { return tree_; }

  Error at(const pb::Message& message, std::string_view field, int index, std::string text) const override {
    const auto* const descriptor = message.GetDescriptor()->FindFieldByName(std::string(field));
    pb::TextFormat::ParseLocation whole;
    const auto* const place = find(&root_, &tree_, &message, whole);
    pb::TextFormat::ParseLocation location = whole;
    // A repeated field that was not written at all has no index to ask for: then the message's own place stands.
    if (place != nullptr && descriptor != nullptr && descriptor->is_repeated() == (index >= 0)) {
      const auto written = place->GetLocation(descriptor, index);
      if (written.line >= 0) location = written;
    }
    const int line = std::max(location.line, 0);
    const auto column = octet_of(source_.line(line), std::max(location.column, 0));
    return source_.origin(line, static_cast<int>(column), fmt::format("{}: {}", field, text));
  }

 private:
  /// The tree of `wanted` within `message`; `whole` becomes where the message itself was written.
  static const pb::TextFormat::ParseInfoTree* find(const pb::Message* message,
                                                   const pb::TextFormat::ParseInfoTree* tree, const pb::Message* wanted,
                                                   pb::TextFormat::ParseLocation& whole) {
    if (message == wanted) return tree;
    std::vector<const pb::FieldDescriptor*> fields;
    message->GetReflection()->ListFields(*message, &fields);
    for (const auto* field : fields) {
      if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
      const auto* const reflection = message->GetReflection();
      const int count = field->is_repeated() ? reflection->FieldSize(*message, field) : 1;
      for (int i = 0; i < count; ++i) {
        const auto& child = field->is_repeated() ? reflection->GetRepeatedMessage(*message, field, i)
                                                 : reflection->GetMessage(*message, field);
        const int index = field->is_repeated() ? i : -1;
        const auto* const child_tree = tree->GetTreeForNested(field, index);
        if (child_tree == nullptr) continue;
        auto inner = tree->GetLocation(field, index);
        if (const auto* found = find(&child, child_tree, wanted, inner)) {
          whole = inner;
          return found;
        }
      }
    }
    return nullptr;
  }

  Source source_;
  const pb::Message& root_;
  pb::TextFormat::ParseInfoTree tree_;
};

/// The parser takes every number for an enumeration.
void check_enumerations(const pb::Message& message, const Positions& positions, std::vector<Error>& errors) {
  const auto* const reflection = message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    const bool repeated = field->is_repeated();
    const int count = repeated ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
        const auto& inner =
            repeated ? reflection->GetRepeatedMessage(message, field, i) : reflection->GetMessage(message, field);
        check_enumerations(inner, positions, errors);
      } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_ENUM) {
        const int value =
            repeated ? reflection->GetRepeatedEnumValue(message, field, i) : reflection->GetEnumValue(message, field);
        if (field->enum_type()->FindValueByNumber(value) == nullptr)
          errors.push_back(
              positions.at(message, field->name(), repeated ? i : -1, fmt::format("{} is none of its values", value)));
      }
    }
  }
}

std::expected<Loaded, std::vector<Error>> parse(Source source, std::vector<Error> errors, pb::Message& message) {
  auto positions = std::make_unique<TreePositions>(source, message);
  Collector collector(source, errors);
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(&positions->tree());
  parser.AllowUnknownField(true);
  parser.SetRecursionLimit(kDeepestMessage);
  // The parser stops at a bad value. It goes on without that line, so that all faults are told at once.
  auto text = source.text();
  while (!parser.ParseFromString(text, &message)) {
    if (errors.empty()) errors.push_back(source.origin(0, 0, "cannot be parsed"));
    if (errors.size() >= kMostErrors || !leave_out(text, collector.last_line())) break;
  }
  if (errors.empty()) check_enumerations(message, *positions, errors);
  std::ranges::sort(errors, {},
                    [](const Error& each) { return std::tie(each.file, each.line, each.column, each.text); });
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return Loaded{std::move(positions)};
}

}  // namespace

std::string to_string(const Error& error) {
  if (error.line == 0) return fmt::format("{}: {}", error.file, error.text);
  return fmt::format("{}:{}:{}: {}", error.file, error.line, error.column, error.text);
}

std::expected<Loaded, std::vector<Error>> load_into(const Input& input, pb::Message& message) {
  if (input.text) return parse_into(*input.text, input.path, message);
  Source source;
  std::vector<Error> errors;
  source.add_file(input.path, errors);
  if (source.text().empty() && !errors.empty()) return std::unexpected(std::move(errors));
  return parse(std::move(source), std::move(errors), message);
}

std::expected<Loaded, std::vector<Error>> parse_into(std::string_view text, const std::string& name,
                                                     pb::Message& message) {
  Source source;
  std::vector<Error> errors;
  source.add_text(text, name, errors);
  return parse(std::move(source), std::move(errors), message);
}

}  // namespace quartet::config
