#include "common/mime/date.h"

#include <array>
#include <cstdlib>

#include "common/base/ascii.h"
#include "common/mime/lexer.h"

namespace quartet::mime {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};

std::optional<unsigned> month_of(std::string_view name) {
  for (unsigned i = 0; i < kMonths.size(); ++i)
    if (ascii::istarts_with(name, kMonths[i])) return i + 1;
  return std::nullopt;
}

bool is_leap(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

bool valid_day(std::int64_t year, unsigned month, unsigned day) {
  constexpr std::array<unsigned, 12> kLengths = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return day >= 1 && day <= kLengths[month - 1] + (month == 2 && is_leap(year) ? 1U : 0U);
}

/// Zone names of RFC 5322 section 4.3; the others, and military letters, count as -0000.
std::int32_t zone_of(std::string_view name) {
  struct Zone {
    std::string_view name;
    std::int32_t minutes;
  };
  constexpr Zone kZones[] = {{"EST", -300}, {"EDT", -240}, {"CST", -360}, {"CDT", -300}, {"MST", -420},
                             {"MDT", -360}, {"PST", -480}, {"PDT", -420}, {"CET", 60},   {"CEST", 120},
                             {"BST", 60},   {"JST", 540},  {"MET", 60}};
  for (const Zone& zone : kZones)
    if (ascii::iequals(name, zone.name)) return zone.minutes;
  return 0;
}

std::optional<std::int32_t> numeric_zone(std::string_view text) {
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto number = ascii::to_number<std::int32_t>(text.substr(1));
  if (!number || *number % 100 > 59) return std::nullopt;
  const std::int32_t minutes = *number / 100 * 60 + *number % 100;
  return text[0] == '-' ? -minutes : minutes;
}

/// The words and numbers of a date value one after the other.
class DateScanner {
 public:
  explicit DateScanner(std::string_view value) : in_{value} {}

  std::string_view letters() {
    skip();
    const std::size_t start = in_.at;
    while (ascii::is_alpha(in_.peek())) ++in_.at;
    return in_.in.substr(start, in_.at - start);
  }
  std::optional<std::int64_t> number(std::size_t most_digits) {
    skip();
    const std::size_t start = in_.at;
    while (ascii::is_digit(in_.peek())) ++in_.at;
    const std::size_t size = in_.at - start;
    if (size == 0 || size > most_digits) return std::nullopt;
    return ascii::to_number<std::int64_t>(in_.in.substr(start, size));
  }
  bool take(char c) {
    skip();
    return in_.take(c);
  }
  /// The zone, if there is one that can be read.
  std::int32_t zone() {
    skip();
    if (in_.peek() != '+' && in_.peek() != '-') return zone_of(letters());
    std::string text(1, in_.peek());
    ++in_.at;
    while (ascii::is_digit(in_.peek()) || (in_.peek() == ':' && text.size() == 3)) {
      if (in_.peek() != ':') text.push_back(in_.peek());
      ++in_.at;
    }
    return numeric_zone(text).value_or(0);
  }

 private:
  void skip() { in_.skip_space(); }
  Lexer in_;
};

std::int64_t full_year(std::int64_t year) {
  if (year > 999) return year;
  if (year < 50) return year + 2000;  // RFC 5322 section 4.3
  return year + 1900;
}

struct Time {
  std::int64_t hour = 0, minute = 0, second = 0;
  bool valid() const { return hour <= 23 && minute <= 59 && second <= 60; }
};

/// As days since 1970-01-01.
std::optional<std::int64_t> scan_day(DateScanner& scanner) {
  scanner.letters();  // the weekday is of no use: it is often wrong
  scanner.take('.');
  scanner.take(',');
  const auto day = scanner.number(2);
  scanner.take('-');
  const auto month = month_of(scanner.letters());
  scanner.take('.');
  scanner.take('-');
  auto year = scanner.number(4);
  if (!day || !month || !year) return std::nullopt;
  *year = full_year(*year);
  if (!valid_day(*year, *month, static_cast<unsigned>(*day))) return std::nullopt;
  return days_from_civil(*year, *month, static_cast<unsigned>(*day));
}

std::optional<Time> scan_time(DateScanner& scanner) {
  const auto hour = scanner.number(2);
  if (!hour || (!scanner.take(':') && !scanner.take('.'))) return std::nullopt;
  const auto minute = scanner.number(2);
  if (!minute) return std::nullopt;
  Time time{*hour, *minute, 0};
  if (scanner.take(':') || scanner.take('.')) {
    const auto second = scanner.number(2);
    if (!second) return std::nullopt;
    time.second = *second;
  }
  if (!time.valid()) return std::nullopt;
  return time;
}

void append_padded(std::string& out, std::int64_t value, int width, char pad = '0') {
  std::string digits = std::to_string(value);
  while (static_cast<int>(digits.size()) < width) digits.insert(digits.begin(), pad);
  out += digits;
}

void append_time_and_zone(std::string& out, std::int64_t second_of_day, std::int32_t zone) {
  append_padded(out, second_of_day / 3600, 2);
  out += ':';
  append_padded(out, second_of_day / 60 % 60, 2);
  out += ':';
  append_padded(out, second_of_day % 60, 2);
  out += zone < 0 ? " -" : " +";
  append_padded(out, std::abs(zone) / 60, 2);
  append_padded(out, std::abs(zone) % 60, 2);
}

/// Floor division, for times before 1970.
std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct Local {
  Civil civil;
  std::int64_t days;
  std::int64_t second_of_day;
};

Local local_time(WallTime time, std::int32_t zone) {
  const std::int64_t seconds = floor_div(to_micros(time), 1'000'000) + std::int64_t{zone} * 60;
  const std::int64_t days = floor_div(seconds, 86'400);
  return {civil_from_days(days), days, seconds - days * 86'400};
}

}  // namespace

// Both directions count from 1 March of year 0, so that the leap day is the last of a year; 400 years are 146,097 days.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  if (month <= 2) --year;
  const std::int64_t era = floor_div(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (static_cast<std::int64_t>(month) + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

Civil civil_from_days(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = floor_div(days, 146'097);
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<unsigned>(day_of_year - (153 * shifted + 2) / 5 + 1);
  const auto month = static_cast<unsigned>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::int64_t Date::local_day() const { return floor_div(seconds + std::int64_t{zone} * 60, 86'400); }

std::optional<Date> parse_date(std::string_view value) {
  DateScanner scanner(value);
  const auto days = scan_day(scanner);
  if (!days) return std::nullopt;
  const auto time = scan_time(scanner);
  if (!time) return std::nullopt;
  const std::int32_t zone = scanner.zone();
  return Date{*days * 86'400 + time->hour * 3600 + time->minute * 60 + time->second - std::int64_t{zone} * 60, zone};
}

std::optional<Date> parse_sent_date(std::string_view value) {
  if (const auto date = parse_date(value)) return date;
  DateScanner scanner(value);
  const auto days = scan_day(scanner);
  if (!days) return std::nullopt;
  return Date{*days * 86'400, 0};
}

std::string format_imap_date_time(WallTime time, std::int32_t zone_minutes) {
  const Local local = local_time(time, zone_minutes);
  std::string out;
  append_padded(out, local.civil.day, 2, ' ');
  out.append("-").append(kMonths[local.civil.month - 1]).append("-");
  append_padded(out, local.civil.year, 4);
  out += ' ';
  append_time_and_zone(out, local.second_of_day, zone_minutes);
  return out;
}

std::optional<std::int64_t> parse_imap_date(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  const auto pieces = ascii::split(text, '-');
  if (pieces.size() != 3 || pieces[0].empty() || pieces[0].size() > 2 || pieces[1].size() != 3 || pieces[2].size() != 4)
    return std::nullopt;
  const auto day = ascii::to_number<unsigned>(ascii::trim(pieces[0]));
  const auto month = month_of(pieces[1]);
  const auto year = ascii::to_number<std::int64_t>(pieces[2]);
  if (!day || !month || !year || !valid_day(*year, *month, *day)) return std::nullopt;
  return days_from_civil(*year, *month, *day);
}

std::optional<Date> parse_imap_date_time(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  if (text.size() != 26 || text[11] != ' ' || text[20] != ' ' || text[14] != ':' || text[17] != ':')
    return std::nullopt;
  const auto days = parse_imap_date(text.substr(0, 11));
  const auto hour = ascii::to_number<std::int64_t>(text.substr(12, 2));
  const auto minute = ascii::to_number<std::int64_t>(text.substr(15, 2));
  const auto second = ascii::to_number<std::int64_t>(text.substr(18, 2));
  const auto zone = numeric_zone(text.substr(21));
  if (!days || !hour || !minute || !second || !zone || !Time{*hour, *minute, *second}.valid()) return std::nullopt;
  const Date date{*days * 86'400 + *hour * 3600 + *minute * 60 + *second - std::int64_t{*zone} * 60, *zone};
  // INTERNALDATE tells it in UTC, where the year has four digits as well.
  const auto year = civil_from_days(floor_div(date.seconds, 86'400)).year;
  if (year < 0 || year > 9999) return std::nullopt;
  return date;
}

std::string format_date(WallTime time, std::int32_t zone_minutes) {
  const Local local = local_time(time, zone_minutes);
  std::string out(kDays[static_cast<std::size_t>((local.days % 7 + 7) % 7)]);
  out += ", ";
  append_padded(out, local.civil.day, 2);
  out.append(" ").append(kMonths[local.civil.month - 1]).append(" ");
  append_padded(out, local.civil.year, 4);
  out += ' ';
  append_time_and_zone(out, local.second_of_day, zone_minutes);
  return out;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() <= kShape.size() || ascii::to_upper(text.back()) != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool fits = kShape[i] == '0' ? ascii::is_digit(text[i]) : ascii::to_upper(text[i]) == kShape[i];
    if (!fits) return std::nullopt;
  }
  const auto part = [text](std::size_t at, std::size_t size) {
    return *ascii::to_number<unsigned>(text.substr(at, size));
  };
  const auto month = part(5, 2);
  if (month < 1 || month > 12 || !valid_day(part(0, 4), month, part(8, 2))) return std::nullopt;
  // Second 60 is a leap second, which no clock of ours counts.
  if (part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 60) return std::nullopt;
  const auto fraction = text.substr(kShape.size(), text.size() - kShape.size() - 1);
  if (!fraction.empty() && (fraction[0] != '.' || fraction.size() == 1)) return std::nullopt;
  std::int64_t micros = 0;
  std::int64_t unit = 100'000;
  for (const char c : fraction.substr(fraction.empty() ? 0 : 1)) {
    if (!ascii::is_digit(c)) return std::nullopt;
    micros += unit * (c - '0');
    unit /= 10;
  }
  const auto days = days_from_civil(part(0, 4), month, part(8, 2));
  const auto seconds = std::int64_t{part(11, 2)} * 3600 + std::int64_t{part(14, 2)} * 60 + part(17, 2);
  return from_micros((days * 86'400 + seconds) * 1'000'000 + micros);
}

}  // namespace quartet::mime
