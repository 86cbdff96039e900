// Dates: RFC 5322 section 3.3 with the obsolete forms of section 4.3, those of IMAP (RFC 9051 section 9), and RFC 3339.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet::mime {

struct Date {
  std::int64_t seconds = 0;  // since 1970-01-01T00:00:00Z
  std::int32_t zone = 0;     // minutes east of UTC; 0 for "-0000" and zones that mean nothing
  WallTime time() const { return from_micros(seconds * 1'000'000); }
  /// Days since 1970-01-01 on the sender's calendar, for SENTSINCE and its like, which disregard time and zone.
  std::int64_t local_day() const;
  friend bool operator==(const Date&, const Date&) = default;
};

/// The value of a Date field; comments, folding, a missing or wrong weekday, two-digit years and zone names are taken.
std::optional<Date> parse_date(std::string_view value);
/// The same for SEARCH, SORT and THREAD, which need the day alone: a time that is missing or wrong is 00:00:00 UTC (RFC
/// 5256 section 2.2).
std::optional<Date> parse_sent_date(std::string_view value);

/// "24-Nov-2026 13:05:09 +0100" (date-time without its quotes; the day padded with a space as the grammar wants).
std::string format_imap_date_time(WallTime time, std::int32_t zone_minutes = 0);
/// The same with or without quotes taken off; nullopt if any part is wrong.
std::optional<Date> parse_imap_date_time(std::string_view text);
/// "24-Nov-2026" as days since 1970-01-01; nullopt if it is not a date.
std::optional<std::int64_t> parse_imap_date(std::string_view text);

/// "Tue, 24 Nov 2026 13:05:09 +0100".
std::string format_date(WallTime time, std::int32_t zone_minutes = 0);

/// RFC 3339 section 5.6 date-time in UTC ("Z"), with or without a fraction of a second, of which microseconds count.
std::optional<WallTime> parse_rfc3339(std::string_view text);

/// The proleptic Gregorian calendar.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day);
struct Civil {
  std::int64_t year = 1970;
  unsigned month = 1;
  unsigned day = 1;
};
Civil civil_from_days(std::int64_t days);

}  // namespace quartet::mime
