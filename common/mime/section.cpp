#include "common/mime/section.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/header.h"
#include "common/mime/imap.h"
#include "common/mime/lexer.h"

namespace quartet::mime {
namespace {

/// "(From "To")": at least one name, separated by white space.
std::optional<std::vector<std::string>> parse_field_list(std::string_view text) {
  if (!text.starts_with('(') || !text.ends_with(')')) return std::nullopt;
  Lexer in{text.substr(1, text.size() - 2)};
  std::vector<std::string> names;
  while (!in.done()) {
    if (in.take(' ')) continue;
    std::string name;
    if (in.take('"')) {
      in.quoted(name);
    } else {
      name = in.run("()\"{");
      if (name.empty()) return std::nullopt;
    }
    names.push_back(std::move(name));
  }
  if (names.empty()) return std::nullopt;
  return names;
}

struct Word {
  std::string_view text;
  Section::What what;
};
constexpr Word kWords[] = {{"HEADER", Section::What::kHeader},
                           {"HEADER.FIELDS", Section::What::kHeaderFields},
                           {"HEADER.FIELDS.NOT", Section::What::kHeaderFieldsNot},
                           {"TEXT", Section::What::kText},
                           {"MIME", Section::What::kMime}};

/// The numbers at the front; what follows them, without the dot between, stays in `text`.
bool parse_path(std::string_view& text, std::vector<std::uint32_t>& path) {
  while (!text.empty() && ascii::is_digit(text.front())) {
    const std::size_t dot = text.find('.');
    const auto number = ascii::to_number<std::uint32_t>(text.substr(0, dot));
    if (!number || *number == 0) return false;
    path.push_back(*number);
    if (dot == std::string_view::npos) {
      text = {};
      return true;
    }
    text.remove_prefix(dot + 1);
    if (text.empty()) return false;
  }
  return true;
}

/// The message that HEADER and TEXT speak of: that of an embedded message, or the root.
const Part* message_of(const Part& root, const Section& section) {
  if (section.path.empty()) return &root;
  const Part* part = find_part(root, section.path);
  return part && part->kind == Part::Kind::kMessage ? &part->children.front() : nullptr;
}

/// The names that a client gave for header fields. Of many it keeps an order: a header may have thousands of fields,
/// and each is looked up.
class FieldNames {
 public:
  explicit FieldNames(const std::vector<std::string>& names) : names_(names) {
    if (names.size() <= kFew) return;
    for (const auto& name : names) ordered_.push_back(ascii::lower(name));
    std::ranges::sort(ordered_);
  }

  bool has(const Field& field) const {
    if (!ordered_.empty()) return std::ranges::binary_search(ordered_, ascii::lower(field.name));
    return std::ranges::any_of(names_, [&field](const std::string& name) { return field.is(name); });
  }

 private:
  static constexpr std::size_t kFew = 16;  // are compared faster than put into lower case

  const std::vector<std::string>& names_;
  std::vector<std::string> ordered_;  // in lower case; empty: there are few
};

}  // namespace

std::optional<Section> parse_section(std::string_view text) {
  Section section;
  if (!parse_path(text, section.path)) return std::nullopt;
  if (text.empty()) return section;
  const std::size_t space = text.find(' ');
  const auto word = std::ranges::find_if(
      kWords, [name = text.substr(0, space)](const Word& w) { return ascii::iequals(w.text, name); });
  if (word == std::end(kWords)) return std::nullopt;
  section.what = word->what;
  const bool lists = section.what == Section::What::kHeaderFields || section.what == Section::What::kHeaderFieldsNot;
  if (lists != (space != std::string_view::npos)) return std::nullopt;
  if (section.what == Section::What::kMime && section.path.empty()) return std::nullopt;
  if (lists) {
    auto names = parse_field_list(text.substr(space + 1));
    if (!names) return std::nullopt;
    section.fields = std::move(*names);
  }
  return section;
}

std::string to_string(const Section& section) {
  std::string out;
  for (const std::uint32_t number : section.path) out.append(out.empty() ? "" : ".").append(std::to_string(number));
  if (section.what == Section::What::kAll) return out;
  if (!out.empty()) out.push_back('.');
  for (const Word& word : kWords)
    if (word.what == section.what) out += word.text;
  if (section.fields.empty()) return out;
  for (std::size_t i = 0; i < section.fields.size(); ++i) {
    out += i == 0 ? " (" : " ";
    const std::string& name = section.fields[i];
    if (!name.empty() && std::ranges::all_of(name, [](char c) {
          return is_atext(c) && c != '%' && c != '*' && c != '{' && static_cast<unsigned char>(c) < 0x80;
        })) {
      out += name;
    } else {
      append_imap_string(out, name);
    }
  }
  out.push_back(')');
  return out;
}

const Part* find_part(const Part& root, const std::vector<std::uint32_t>& path) {
  const Part* part = &root;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::uint32_t number = path[i];
    // Below an embedded message the numbers count that message's parts.
    if (i > 0 && part->kind == Part::Kind::kMessage) {
      part = &part->children.front();
    } else if (i > 0 && part->kind != Part::Kind::kMultipart) {
      return nullptr;
    }
    if (part->kind == Part::Kind::kMultipart) {
      if (number > part->children.size()) return nullptr;
      part = &part->children[number - 1];
    } else if (number != 1) {
      return nullptr;
    }
  }
  return part;
}

std::optional<ByteRange> locate(const Part& root, const Section& section) {
  const auto header_of = [](const Part& part) {
    return ByteRange{part.header_offset, part.body_offset - part.header_offset};
  };
  if (section.what == Section::What::kAll || section.what == Section::What::kMime) {
    if (section.path.empty()) return ByteRange{0, root.body_offset + root.body_size};
    const Part* part = find_part(root, section.path);
    if (!part) return std::nullopt;
    if (section.what == Section::What::kMime) return header_of(*part);
    return ByteRange{part->body_offset, part->body_size};
  }
  const Part* message = message_of(root, section);
  if (!message) return std::nullopt;
  if (section.what == Section::What::kText) return ByteRange{message->body_offset, message->body_size};
  return header_of(*message);
}

std::string select_fields(std::string_view header, const std::vector<std::string>& names, bool except) {
  std::string out;
  const FieldNames wanted(names);
  const Header all(header);
  for (const Field& field : all.fields()) {
    if (wanted.has(field) == except) continue;
    out += field.raw;
    if (!field.raw.ends_with('\n')) out += "\r\n";
  }
  out += "\r\n";
  return out;
}

std::optional<std::string> section_bytes(std::string_view message, const Part& root, const Section& section) {
  const auto range = locate(root, section);
  if (!range || range->offset > message.size()) return std::nullopt;
  const std::string_view bytes = message.substr(range->offset, range->size);
  if (section.what == Section::What::kHeaderFields) return select_fields(bytes, section.fields, false);
  if (section.what == Section::What::kHeaderFieldsNot) return select_fields(bytes, section.fields, true);
  return std::string(bytes);
}

}  // namespace quartet::mime
