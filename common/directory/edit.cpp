#include "common/directory/edit.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "common/config/outline.h"
#include "common/directory/directory.h"
#include "common/directory/rewrite.h"
#include "quartet/config/v1/directory.pb.h"

namespace quartet::directory {
namespace {

using config::Written;
using google::protobuf::FieldDescriptor;
using google::protobuf::util::MessageDifferencer;
using Kind = EditError::Kind;

std::unexpected<EditError> fail(Kind kind, std::string text) {
  return std::unexpected(EditError{kind, std::move(text)});
}

/// The directory as its files have it, while nobody else rewrites them.
struct Opened {
  RewriteLock lock;
  config::v1::Directory source;
  std::unique_ptr<config::Positions> positions;
};

std::expected<std::unique_ptr<Opened>, EditError> open(const std::string& path) {
  auto lock = RewriteLock::take(path);
  if (!lock) return fail(Kind::kFile, std::move(lock.error()));
  auto opened = std::unique_ptr<Opened>(new Opened{*std::move(lock), {}, nullptr});
  auto loaded = config::load_into(path, opened->source);
  if (!loaded) return fail(Kind::kFile, to_string(loaded.error().front()));
  opened->positions = std::move(loaded->positions);
  const auto faults = validate(opened->source, *opened->positions);
  if (!faults.empty()) return fail(Kind::kFile, to_string(faults.front()));
  return opened;
}

/// -1 if there is none.
int index_of(const config::v1::Directory& source, std::string_view login) {
  const auto wanted = canonical_address(login);
  const auto found = std::ranges::find(source.account(), wanted,
                                       [](const auto& account) { return canonical_address(account.login()); });
  return found == source.account().end() ? -1 : static_cast<int>(found - source.account().begin());
}

/// Whether anything here has the address.
bool is_taken(const config::v1::Directory& source, const std::string& canonical) {
  const auto is_it = [&canonical](const std::string& address) { return canonical_address(address) == canonical; };
  return index_of(source, canonical) >= 0 ||
         std::ranges::any_of(source.account(),
                             [&](const auto& account) { return std::ranges::any_of(account.address(), is_it); }) ||
         std::ranges::any_of(source.alias(), [&](const auto& alias) { return is_it(alias.address()); });
}

/// What would be wrong with the directory, apart from where.
Edited check(const config::v1::Directory& source, const config::Positions& positions) {
  const auto faults = validate(source, positions);
  if (faults.empty()) return {};
  return fail(Kind::kRefused, faults.front().text);
}

/// The fields of an account as they stand in a file, each "name: value".
std::vector<std::string> lines_of(const config::v1::Account& account, const FieldDescriptor& field) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::vector<std::string> lines;
  const int size = field.is_repeated() ? account.GetReflection()->FieldSize(account, &field)
                                       : static_cast<int>(account.GetReflection()->HasField(account, &field));
  for (int n = 0; n < size; ++n) {
    std::string value;
    printer.PrintFieldValueToString(account, &field, field.is_repeated() ? n : -1, &value);
    // It stands for itself, not for a variable of the environment.
    for (auto at = value.find("${"); at != std::string::npos; at = value.find("${", at)) value.replace(at, 1, "\\044");
    lines.push_back(fmt::format("{}: {}", field.name(), value));
  }
  return lines;
}

/// A file of the directory, and where the account stands in it.
struct Place {
  std::string file;
  std::string text;
  Written account;
};

std::size_t offset_of(std::string_view text, int line, int column) {
  std::size_t at = 0;
  for (int n = 1; n < line && at < text.size(); ++n) at = text.find('\n', at) + 1;
  return at + static_cast<std::size_t>(std::max(column, 1) - 1);
}

std::expected<Place, EditError> find(const Opened& opened, const config::v1::Account& account) {
  const auto at = opened.positions->at(account, "login", -1, "");
  auto text = journal::read_whole(at.file);
  if (!text) return fail(Kind::kFile, std::move(text.error().detail));
  Place place{at.file, *std::move(text), {}};
  const auto offset = offset_of(place.text, at.line, at.column);
  const auto fields = config::outline(place.text);
  for (const auto& field : fields.value_or(std::vector<Written>{})) {
    if (field.name != "account" || field.close == 0 || offset < field.begin || offset >= field.end) continue;
    place.account = field;
    return place;
  }
  return fail(Kind::kFile,
              fmt::format("{}:{}: the account is not written as account {{ ... }} in one file", at.file, at.line));
}

/// What is before it on its line.
std::string before(std::string_view text, std::size_t at) {
  const auto newline = text.substr(0, at).rfind('\n');
  return std::string(text.substr(newline + 1, at - newline - 1));  // npos + 1 is 0
}
/// Nothing else is on its lines, but for a comment behind it.
bool stands_alone(std::string_view text, const Written& field) {
  const auto behind = ascii::trim(text.substr(field.end, text.find('\n', field.end) - field.end));
  return ascii::trim(before(text, field.begin)).empty() && (behind.empty() || behind.starts_with('#'));
}
/// Behind the end of its last line.
std::size_t end_of_lines(std::string_view text, const Written& field) {
  const auto newline = text.find('\n', field.end);
  return newline == std::string_view::npos ? text.size() : newline + 1;
}

/// Takes a field out, with its line if nothing else but a comment is on it.
void erase(std::string& text, const Written& field) {
  auto begin = field.begin;
  auto end = field.end;
  if (stands_alone(text, field)) {
    begin -= before(text, begin).size();
    end = end_of_lines(text, field);
  } else {
    while (end < text.size() && text[end] == ' ') ++end;
  }
  text.erase(begin, end - begin);
}

/// Puts the lines behind `field`, in the manner in which that one is written.
void insert_behind(std::string& text, const Written& field, const std::vector<std::string>& lines) {
  const bool alone = stands_alone(text, field);
  const auto at = alone ? std::min(text.find('\n', field.end), text.size()) : field.end;
  const auto separator = alone ? "\n" + before(text, field.begin) : std::string(" ");
  std::string added;
  for (const auto& line : lines) added += separator + line;
  text.insert(at, added);
}

/// Writes one field of the account anew.
void rewrite_field(std::string& text, const Written& account, const FieldDescriptor& field,
                   const config::v1::Account& wanted) {
  const auto lines = lines_of(wanted, field);
  std::vector<const Written*> old;
  for (const auto& written : account.fields)
    if (written.name == field.name()) old.push_back(&written);
  // From the back, so that what is in front keeps its place.
  if (old.empty()) return insert_behind(text, account.fields.back(), lines);
  for (std::size_t n = old.size(); n-- > 1;) erase(text, *old[n]);
  if (lines.empty()) return erase(text, *old.front());
  const Written first = *old.front();
  if (lines.size() > 1) insert_behind(text, first, std::vector(lines.begin() + 1, lines.end()));
  text.replace(first.begin, first.end - first.begin, lines.front());
}

/// The text is written only if it says what is meant: `account`, or none with this login.
Edited write(Opened& opened, const Place& place, const std::string& text, std::string_view login,
             const config::v1::Account* account) {
  config::v1::Directory read;
  const auto parsed = config::parse_into(text, place.file, read);
  const int index = parsed ? index_of(read, login) : -1;
  const bool there = index >= 0;
  const bool right =
      parsed && (account == nullptr ? !there : there && MessageDifferencer::Equals(read.account(index), *account));
  if (!right) return fail(Kind::kFile, place.file + ": the way in which the account is written cannot be changed");
  auto done = replace_text(place.file, text);
  if (done) done = opened.lock.announce();
  if (!done) return fail(Kind::kFile, std::move(done.error()));
  return {};
}

}  // namespace

Edited add_account(const std::string& path, const config::v1::Account& account) {
  const auto opened = open(path);
  if (!opened) return std::unexpected(opened.error());
  auto& source = (*opened)->source;
  const auto canonical = canonical_address(account.login());
  if (!canonical.empty() && is_taken(source, canonical))
    return fail(Kind::kExists, fmt::format("\"{}\" is there already", canonical));
  *source.add_account() = account;
  if (auto good = check(source, *(*opened)->positions); !good) return good;
  auto text = journal::read_whole(path);
  if (!text) return fail(Kind::kFile, std::move(text.error().detail));
  if (!text->empty() && text->back() != '\n') *text += '\n';
  *text += "account {\n";
  for (int n = 0; n < account.GetDescriptor()->field_count(); ++n)
    for (const auto& line : lines_of(account, *account.GetDescriptor()->field(n))) *text += "  " + line + "\n";
  *text += "}\n";
  return write(**opened, {path, {}, {}}, *text, account.login(), &account);
}

Edited change_account(const std::string& path, std::string_view login,
                      const std::function<std::expected<void, std::string>(config::v1::Account&)>& change) {
  const auto opened = open(path);
  if (!opened) return std::unexpected(opened.error());
  auto& source = (*opened)->source;
  const int index = index_of(source, login);
  if (index < 0) return fail(Kind::kNoAccount, fmt::format("there is no account \"{}\"", login));
  auto& account = *source.mutable_account(index);
  const auto place = find(**opened, account);
  const auto before = account;
  if (auto changed = change(account); !changed) return fail(Kind::kRefused, std::move(changed.error()));
  if (MessageDifferencer::Equals(before, account)) return {};
  if (auto good = check(source, *(*opened)->positions); !good) return good;
  if (!place) return std::unexpected(place.error());
  // Field by field, and each time from a new outline of the text.
  auto text = place->text;
  for (int n = 0; n < account.GetDescriptor()->field_count(); ++n) {
    const auto& field = *account.GetDescriptor()->field(n);
    if (lines_of(before, field) == lines_of(account, field)) continue;
    const auto fields = config::outline(text);
    const auto found = std::ranges::find(*fields, place->account.begin, &Written::begin);
    rewrite_field(text, *found, field, account);
  }
  return write(**opened, *place, text, account.login(), &account);
}

Edited remove_account(const std::string& path, std::string_view login) {
  const auto opened = open(path);
  if (!opened) return std::unexpected(opened.error());
  auto& source = (*opened)->source;
  const int index = index_of(source, login);
  if (index < 0) return fail(Kind::kNoAccount, fmt::format("there is no account \"{}\"", login));
  const auto place = find(**opened, source.account(index));
  if (!place) return std::unexpected(place.error());
  source.mutable_account()->DeleteSubrange(index, 1);
  if (auto good = check(source, *(*opened)->positions); !good) return good;
  auto text = place->text;
  erase(text, place->account);
  return write(**opened, *place, text, login, nullptr);
}

}  // namespace quartet::directory
