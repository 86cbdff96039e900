#include "common/mime/date.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::mime;

namespace {
std::string utc(std::string_view value) {
  const auto date = parse_date(value);
  return date ? to_rfc3339(date->time()).substr(0, 19) + " " + std::to_string(date->zone) : "none";
}
}  // namespace

TEST_CASE("dates of RFC 5322, plain and obsolete", "[mime]") {
  CHECK(utc("Fri, 21 Nov 1997 09:55:06 -0600") == "1997-11-21T15:55:06 -360");
  CHECK(utc("21 Nov 97 09:55:06 GMT") == "1997-11-21T09:55:06 0");
  CHECK(utc("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600") == "1997-11-21T15:55:06 -360");
  CHECK(utc("Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland "
            "Time)") == "1969-02-14T03:02:00 -210");
  CHECK(utc("1 Jan 49 00:00 EST") == "2049-01-01T05:00:00 -300");
  CHECK(utc("1 Jan 50 00:00 Z") == "1950-01-01T00:00:00 0");
  CHECK(utc("1 Jan 104 00:00 PDT") == "2004-01-01T07:00:00 -420");
  CHECK(utc("Mon, 29 Feb 2016 23:59:60 +0000") == "2016-03-01T00:00:00 0");
  CHECK(utc("Tue, 5 May 2026 8:05:09 +02:00") == "2026-05-05T06:05:09 120");
}

TEST_CASE("what is no date", "[mime]") {
  for (const char* bad :
       {"", "yesterday", "30 Feb 2026 10:00 +0000", "1 Foo 2026 10:00", "1 Jan 2026", "1 Jan 2026 25:00",
        "1 Jan 2026 10:60", "999999 Jan 2026 10:00", "1 Jan 99999999999999 10:00", "(((", "1 Jan 2026 10:"})
    CHECK_FALSE(parse_date(bad));
}

TEST_CASE("a sent date needs no time: RFC 5256 section 2.2", "[mime]") {
  for (const char* value : {"Mon, 5 Jan 2026", "5 Jan 2026 25:61:00 +0100", "Mon, 5 Jan 2026 24:00:00 +0100"}) {
    INFO(value);
    const auto date = parse_sent_date(value);
    REQUIRE(date);
    CHECK(date->seconds == days_from_civil(2026, 1, 5) * 86'400);
    CHECK(date->local_day() == days_from_civil(2026, 1, 5));
  }
  CHECK(parse_sent_date("5 Jan 2026 10:00:00 +0100") == parse_date("5 Jan 2026 10:00:00 +0100"));
  for (const char* bad : {"", "yesterday", "30 Feb 2026", "1 Foo 2026 10:00", "Jan 2026"})
    CHECK_FALSE(parse_sent_date(bad));
}

TEST_CASE("IMAP's dates read back as written", "[mime]") {
  const WallTime time = from_micros(1'795'525'509'000'000);
  CHECK(format_imap_date_time(time, 60) == "24-Nov-2026 14:05:09 +0100");
  CHECK(format_imap_date_time(time, -210) == "24-Nov-2026 09:35:09 -0330");
  const auto back = parse_imap_date_time("\"24-Nov-2026 14:05:09 +0100\"");
  REQUIRE(back);
  CHECK(back->time() == time);
  CHECK(back->zone == 60);
  CHECK(format_imap_date_time(from_micros(0)) == " 1-Jan-1970 00:00:00 +0000");
  CHECK(parse_imap_date_time(" 1-Jan-1970 00:00:00 +0000")->seconds == 0);
  CHECK(parse_imap_date("1-Jan-1970") == 0);
  CHECK(parse_imap_date("\"01-Mar-2000\"") == 11017);
  for (const char* bad : {"1-Jan-70", "32-Jan-1970", "29-Feb-2025", "1-Janu-1970", "1 Jan 1970", ""}) {
    CHECK_FALSE(parse_imap_date(bad));
  }
  CHECK_FALSE(parse_imap_date_time("24-Nov-2026 14:05:09 0100"));
  CHECK_FALSE(parse_imap_date_time("24-Nov-2026 24:05:09 +0100"));
  CHECK_FALSE(parse_imap_date_time("31-Dec-9999 23:59:59 -0100"));
  CHECK_FALSE(parse_imap_date_time("01-Jan-0000 00:00:00 +0100"));
  CHECK(parse_imap_date_time("31-Dec-9999 23:59:59 +0000"));
  CHECK(format_date(time, 60) == "Tue, 24 Nov 2026 14:05:09 +0100");
  CHECK(format_date(from_micros(-1)) == "Wed, 31 Dec 1969 23:59:59 +0000");
}

TEST_CASE("RFC 3339 in UTC", "[mime]") {
  CHECK(parse_rfc3339("2026-11-24T13:05:09Z") == from_micros(1'795'525'509'000'000));
  CHECK(parse_rfc3339("2026-11-24t13:05:09.25z") == from_micros(1'795'525'509'250'000));
  CHECK(parse_rfc3339("1969-12-31T23:59:59.9999999Z") == from_micros(-1));
  CHECK(parse_rfc3339(to_rfc3339(from_micros(1'795'525'509'125'000))) == from_micros(1'795'525'509'125'000));
  for (const char* bad :
       {"", "Z", "2026-11-24", "2026-11-24T13:05:09", "2026-11-24T13:05:09+00:00", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T13:60:00Z", "2026-11-24T13:05:61Z",
        "2026-11-24T13:05:09.Z", "2026-11-24T13:05:09.5xZ", "2026-11-24 13:05:09Z", "26-11-24T13:05:09Z"}) {
    INFO(bad);
    CHECK_FALSE(parse_rfc3339(bad));
  }
}

TEST_CASE("the calendar is the same in both directions", "[mime]") {
  for (std::int64_t day = -800'000; day < 800'000; day += 137) {
    const Civil civil = civil_from_days(day);
    CHECK(days_from_civil(civil.year, civil.month, civil.day) == day);
  }
  CHECK(parse_date("Sat, 01 Jan 2000 23:30:00 -0500")->local_day() == days_from_civil(2000, 1, 1));
  CHECK(parse_date("Sat, 01 Jan 2000 00:30:00 +0500")->local_day() == days_from_civil(2000, 1, 1));
}
