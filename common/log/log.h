// Structured events: one line each, JSON for programs or logfmt for people. Any thread; the caller formats into a
// buffer and a writer thread does the I/O, so a slow reader of the log never stops a loop.
#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace quartet::log {

enum class Level { kDebug, kInfo, kWarn, kError };

/// Key and value of an event. Views: only for the duration of the call.
struct Field {
  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const std::string& text) : key(name), value(std::string_view(text)) {}
  Field(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
  Field(std::string_view name, bool truth) : key(name), value(truth) {}
  Field(std::string_view name, double number) : key(name), value(number) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view name, T number) : key(name), value(static_cast<std::int64_t>(number)) {}

  std::string_view key;
  std::variant<std::string_view, bool, double, std::int64_t> value;
};

enum class Format { kJson, kLogfmt };

struct Options {
  std::string agent;  // the value of "agent" in every line
  Level level = Level::kInfo;
  Format format = Format::kJson;
  int descriptor = 1;  // where lines go
};

/// Before the first event of interest; later calls change level and format.
void configure(const Options& options);
void set_level(Level level);
bool enabled(Level level);

/// `event` is a dotted lower-case name such as "smtp.accepted".
void write(Level level, std::string_view event, std::initializer_list<Field> fields);

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::kDebug)) write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
  if (enabled(Level::kInfo)) write(Level::kInfo, event, fields);
}
inline void warn(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kWarn, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
  write(Level::kError, event, fields);
}

/// Returns when everything written so far has left the process. Runs at exit by itself.
void flush();

/// The line without the final newline; what write() writes. For tests.
std::string format_line(Format format, std::string_view time, std::string_view agent, Level level,
                        std::string_view event, std::initializer_list<Field> fields);

}  // namespace quartet::log
