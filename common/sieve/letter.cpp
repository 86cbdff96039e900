#include "common/sieve/letter.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/mime/builder.h"
#include "common/mime/charset.h"
#include "common/mime/encoded_word.h"
#include "common/mime/transfer.h"

namespace quartet::sieve {
namespace {

/// No field may get lost when the header is written again.
constexpr mime::HeaderLimits kHeaderLimits{.bytes = 1024 * 1024, .fields = 1024 * 1024};

}  // namespace

Letter::Letter(std::string_view message) : message_(message), header_(message, kHeaderLimits) {
  for (const auto& field : header_.fields()) fields_.push_back({field.name, field.value, field.raw});
}

std::vector<std::string_view> Letter::fields(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& field : fields_) {
    if (ascii::iequals(field.name, name)) out.push_back(field.value);
  }
  return out;
}

std::string Letter::first(std::string_view name) const {
  const auto all = fields(name);
  return all.empty() ? std::string() : mime::unfold(all.front());
}

std::vector<std::string_view> Letter::fields(const mime::Part& part, std::string_view name) const {
  if (&part == &structure()) return fields(name);
  const mime::Header header(part.header(message_));
  std::vector<std::string_view> out;
  for (const auto& field : header.fields()) {
    if (field.is(name)) out.push_back(field.value);
  }
  return out;
}

std::string_view Letter::body() const { return message_.substr(header_.size()); }

const mime::Part& Letter::structure() const {
  if (!structure_) structure_ = mime::parse_structure(message_, header_);
  return *structure_;
}

void Letter::add(std::string_view name, std::string_view value, bool last) {
  auto& raw = added_.emplace_back();
  mime::append_field(raw, name, mime::encode_words_unfolded(value));
  const std::string_view view = raw;
  const Field field{view.substr(0, name.size()), view.substr(name.size() + 1), view};
  fields_.insert(last ? fields_.end() : fields_.begin(), field);
  changed_ = true;
}

void Letter::remove(std::string_view name, const std::function<bool(std::size_t, std::string_view)>& picked) {
  std::size_t number = 0;
  const auto gone = std::erase_if(
      fields_, [&](const Field& field) { return ascii::iequals(field.name, name) && picked(number++, field.value); });
  changed_ = changed_ || gone != 0;
}

std::shared_ptr<const std::string> Letter::edited() const {
  if (!changed_) return edited_;
  std::string out;
  out.reserve(message_.size() + 1024);
  // Of a header that goes on behind the limit the last line may go on there, too.
  const bool cut = header_.size() == kHeaderLimits.bytes && !body().empty();
  for (const auto& field : fields_) {
    out += field.raw;
    const bool goes_on = cut && &field == &fields_.back();
    if (!field.raw.ends_with('\n') && !goes_on) out += "\r\n";
  }
  if (!cut && (header_.terminated() || !body().empty())) out += "\r\n";
  out += body();
  edited_ = std::make_shared<const std::string>(std::move(out));
  changed_ = false;
  return edited_;
}

std::string text_of(const mime::Part& part, std::string_view message) {
  return mime::to_utf8(mime::decode(part.encoding, part.body(message)), part.charset());
}

}  // namespace quartet::sieve
