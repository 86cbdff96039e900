#include "common/mime/header.h"

#include <algorithm>
#include <cstring>

#include "common/base/ascii.h"

namespace quartet::mime {
namespace {

/// The position after the line that begins at `from`.
std::size_t next_line(std::string_view bytes, std::size_t from) {
  const void* end = std::memchr(bytes.data() + from, '\n', bytes.size() - from);
  return end ? static_cast<std::size_t>(static_cast<const char*>(end) - bytes.data()) + 1 : bytes.size();
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Length of the field name at the front of a line, and where its value begins; false if it is not a field.
bool split_field(std::string_view line, std::size_t& name, std::size_t& value) {
  name = 0;
  while (name < line.size() && line[name] > 32 && line[name] < 127 && line[name] != ':') ++name;
  value = name;
  while (value < line.size() && (line[value] == ' ' || line[value] == '\t')) ++value;
  if (name == 0 || value >= line.size() || line[value] != ':') return false;
  ++value;
  return true;
}

bool is_mbox_separator(std::string_view line) { return line.starts_with("From ") || line.starts_with(">From "); }

}  // namespace

bool Field::is(std::string_view other) const { return ascii::iequals(name, other); }

Header::Header(std::string_view bytes, const HeaderLimits& limits) {
  const std::string_view in = bytes.substr(0, limits.bytes);
  fields_.reserve(24);
  std::size_t at = 0;
  while (at < in.size()) {
    const std::size_t end = next_line(in, at);
    const std::string_view line = without_line_end(in.substr(at, end - at));
    if (line.empty()) {
      fields_size_ = at;
      size_ = end;
      return;
    }
    std::size_t name = 0;
    std::size_t value = 0;
    if (line.front() == ' ' || line.front() == '\t') {
      if (at == 0) break;
      if (!fields_.empty() && fields_.back().offset + fields_.back().raw.size() == at) {
        Field& field = fields_.back();
        field.raw = in.substr(field.offset, end - field.offset);
        const auto from = static_cast<std::size_t>(field.value.data() - in.data());
        field.value = without_line_end(in.substr(from, end - from));
      }
    } else if (split_field(line, name, value)) {
      if (fields_.size() < limits.fields)
        fields_.push_back({line.substr(0, name), line.substr(value), in.substr(at, end - at), at});
    } else if (at != 0 || !is_mbox_separator(line)) {
      break;
    }
    at = end;
  }
  fields_size_ = size_ = at;
}

const Field* Header::find(std::string_view name) const {
  const auto found = std::ranges::find_if(fields_, [name](const Field& field) { return field.is(name); });
  return found == fields_.end() ? nullptr : &*found;
}

std::size_t Header::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields_, [name](const Field& field) { return field.is(name); }));
}

std::string Header::text(std::string_view name) const {
  const Field* field = find(name);
  return field ? unfold(field->value) : std::string();
}

std::string unfold(std::string_view value) {
  std::string storage;
  return std::string(unfold(value, storage));
}

std::string_view unfold(std::string_view value, std::string& storage) {
  value = ascii::trim(value);
  if (value.find_first_of("\r\n") == std::string_view::npos) return value;
  storage.clear();
  std::ranges::copy_if(value, std::back_inserter(storage), [](char c) { return c != '\r' && c != '\n'; });
  return storage;
}

}  // namespace quartet::mime
