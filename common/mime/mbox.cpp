#include "common/mime/mbox.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <vector>

#include "common/base/ascii.h"
#include "common/mime/date.h"
#include "common/mime/header.h"
#include "common/mime/lines.h"
#include "common/mime/trace.h"

namespace quartet::mime {
namespace {

constexpr std::string_view kFrom = "From ";

std::string_view line_at(std::string_view text, std::size_t offset) {
  auto line = text.substr(offset, text.find('\n', offset) - offset);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_weekday(std::string_view word) {
  constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  return std::ranges::find(kDays, word) != kDays.end();
}

/// A year of four digits.
bool is_year(std::string_view word) { return word.size() == 4 && std::ranges::all_of(word, ascii::is_digit); }

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (const auto word : ascii::split(line, ' '))
    if (!word.empty()) words.push_back(word);
  return words;
}

/// "Nov 26 14:00:00 +0100 2026" and the like: the words behind the weekday.
std::optional<WallTime> parse_words(std::span<const std::string_view> words) {
  constexpr std::size_t kTime = 2;
  std::size_t year = kTime + 1;
  // A zone in front of the year may have two words: "MET DST".
  while (year < words.size() && year < kTime + 3 && !is_year(words[year])) ++year;
  if (year >= words.size() || !is_year(words[year])) return std::nullopt;
  std::string_view zone = "+0000";
  if (year > kTime + 1)
    zone = words[kTime + 1];
  else if (words.size() > year + 1 && words[year + 1].size() == 5 &&
           std::string_view("+-").contains(words[year + 1][0]))
    zone = words[year + 1];
  std::string text;
  for (const auto word : {words[1], words[0], words[year], words[kTime], zone}) text.append(word).append(" ");
  const auto date = parse_date(text);
  if (!date) return std::nullopt;
  const bool summer = year == kTime + 3 && words[year - 1] == "DST";
  return date->time() - std::chrono::hours(summer ? 1 : 0);
}

/// How many octets of an empty line `text` ends in.
std::size_t empty_line_at_end(std::string_view text) {
  if (text.ends_with("\r\n")) return text.size() == 2 || text[text.size() - 3] == '\n' ? 2 : 0;
  if (text.ends_with('\n')) return text.size() == 1 || text[text.size() - 2] == '\n' ? 1 : 0;
  return 0;
}

void add_line(std::string& out, std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with('>') || line.starts_with('F')) {
    const auto from = std::min(line.find_first_not_of('>'), line.size());
    if (line.substr(from).starts_with(kFrom)) out += '>';
  }
  out += line;
  out += '\n';
}

}  // namespace

std::string MboxWriter::begin(std::string_view sender, WallTime received) {
  line_.clear();
  return postmark_line(sender, received) + "\n";
}

std::string MboxWriter::add(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 64);
  for (;;) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    if (line_.empty()) {
      add_line(out, bytes.substr(0, end));
    } else {
      add_line(out, line_ += bytes.substr(0, end));
      line_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  line_ += bytes;
  return out;
}

std::string MboxWriter::end() {
  std::string out;
  if (!line_.empty()) add_line(out, line_);
  line_.clear();
  return out + '\n';
}

std::string mbox_entry(std::string_view message, std::string_view sender, WallTime received) {
  MboxWriter writer;
  auto out = writer.begin(sender, received);
  out += writer.add(message);
  return out += writer.end();
}

std::optional<Postmark> parse_postmark_line(std::string_view line) {
  if (!line.starts_with(kFrom)) return std::nullopt;
  line.remove_prefix(kFrom.size());
  const auto words = words_of(line);
  for (std::size_t n = 0; n < words.size(); ++n) {
    if (!is_weekday(words[n])) continue;
    const auto time = parse_words(std::span(words).subspan(n + 1));
    if (!time) continue;
    return Postmark{ascii::trim(line.substr(0, static_cast<std::size_t>(words[n].data() - line.data()))), *time};
  }
  return std::nullopt;
}

bool MboxReader::message_begins_at(std::size_t offset) const {
  return file_.substr(offset).starts_with(kFrom) && parse_postmark_line(line_at(file_, offset)).has_value();
}

bool MboxReader::is_mbox() const {
  const auto first = file_.find_first_not_of("\r\n");
  return first == std::string_view::npos || message_begins_at(first);
}

std::size_t MboxReader::end_of_message(std::size_t begin) const {
  const auto rest = file_.substr(begin);
  const Header header(rest);
  if (const auto length = ascii::to_number<std::size_t>(header.text("Content-Length"));
      length && *length <= rest.size() - header.size()) {
    auto end = begin + header.size() + *length;
    for (const auto line_end : {"", "\n", "\r\n"}) {
      if (!file_.substr(end).starts_with(line_end)) continue;
      const auto next = end + std::string_view(line_end).size();
      if (next == file_.size() || message_begins_at(next)) return next;
    }
  }
  // An empty header: the message may end at once.
  if (message_begins_at(begin)) return begin;
  for (auto at = file_.find("\nFrom ", begin); at != std::string_view::npos; at = file_.find("\nFrom ", at + 1))
    if (message_begins_at(at + 1)) return at + 1;
  return file_.size();
}

std::optional<MboxReader::Item> MboxReader::next() {
  if (at_ == 0) at_ = std::min(file_.find_first_not_of("\r\n"), file_.size());
  const auto line = line_at(file_, at_);
  const auto postmark = parse_postmark_line(line);
  if (!postmark) return std::nullopt;
  const auto begin = std::min(file_.find('\n', at_), file_.size() - 1) + 1;
  const auto end = end_of_message(begin);
  Item item{*postmark, at_, file_.substr(begin, end - begin)};
  item.content.remove_suffix(empty_line_at_end(item.content));
  at_ = end;
  return item;
}

std::string mbox_message(std::string_view content) {
  constexpr std::string_view kQuoted = ">From ";
  std::string out;
  out.reserve(content.size() + content.size() / 32);
  std::size_t from = 0;
  for (auto at = content.find(kQuoted); at != std::string_view::npos; at = content.find(kQuoted, at + 1)) {
    const auto before = content.substr(0, at).find_last_not_of('>');
    const auto line = before == std::string_view::npos ? 0 : before + 1;
    if (line != 0 && content[line - 1] != '\n') continue;
    append_crlf(out, content.substr(from, line - from));
    from = line + 1;
  }
  append_crlf(out, content.substr(from));
  return out;
}

}  // namespace quartet::mime
