// Rules as they are kept on disk. What is added later goes behind what is there: a reader stops at the end of a rule.
#include <algorithm>

#include "common/base/encoding.h"
#include "common/base/taker.h"
#include "common/mime/idna.h"
#include "common/relay/rules.h"

namespace quartet::relay {
namespace {

void put_text(std::string& out, const std::optional<std::string>& text) {
  put_le(out, static_cast<std::uint8_t>(text.has_value()));
  put_bytes(out, text.value_or(""));
}

void take_text(Taker& in, std::optional<std::string>& text) {
  const bool there = (in.number<std::uint8_t>() != 0);
  const auto value = in.text();
  if (there) text = value;
}

template <typename T>
void put_number(std::string& out, const std::optional<T>& number) {
  put_le(out, static_cast<std::uint8_t>(number.has_value()));
  put_le(out, static_cast<std::int64_t>(number.value_or(0)));
}

template <typename T>
void take_number(Taker& in, std::optional<T>& number) {
  const bool there = (in.number<std::uint8_t>() != 0);
  const auto value = in.number<std::int64_t>();
  if (there) number = static_cast<T>(value);
}

std::optional<std::int64_t> micros(const std::optional<std::chrono::microseconds>& age) {
  return age ? std::optional(age->count()) : std::nullopt;
}

std::string encode(const Rule& rule) {
  std::string out;
  put_le(out, static_cast<std::uint8_t>(rule.kind));
  put_le(out, static_cast<std::uint8_t>(rule.ending));
  for (const auto time : {rule.since, rule.until}) put_le(out, to_micros(time));
  put_le(out, rule.matches);
  for (const auto* text :
       {&rule.id, &rule.selector, &rule.reason, &rule.who, &rule.next_hop, &rule.reply.enhanced, &rule.reply.text})
    put_bytes(out, *text);
  put_le(out, rule.reply.code);
  put_le(out, rule.rate.events);
  put_le(out, static_cast<std::int64_t>(rule.rate.per.count()));
  const auto& filter = rule.filter;
  for (const auto* text : {&filter.sender, &filter.sender_domain, &filter.recipient, &filter.auth_id, &filter.trace_id})
    put_text(out, *text);
  put_number(out, filter.last_code);
  put_number(out, filter.attempts_from);
  put_number(out, micros(rule.older_than));
  put_number(out, micros(rule.newer_than));
  put_le(out, static_cast<std::uint32_t>(filter.recipient_domains.size()));
  for (const auto& domain : filter.recipient_domains) put_bytes(out, domain);
  return out;
}

std::optional<Rule> decode(std::string_view bytes) {
  Taker in(bytes);
  Rule rule;
  rule.kind = static_cast<Rule::Kind>(in.number<std::uint8_t>());
  rule.ending = (in.number<std::uint8_t>() != 0);
  for (auto* time : {&rule.since, &rule.until}) *time = from_micros(in.number<std::int64_t>());
  rule.matches = in.number<std::uint64_t>();
  for (auto* text :
       {&rule.id, &rule.selector, &rule.reason, &rule.who, &rule.next_hop, &rule.reply.enhanced, &rule.reply.text})
    *text = in.text();
  rule.reply.code = in.number<std::uint16_t>();
  rule.rate.events = std::max(in.number<std::uint32_t>(), 1u);
  rule.rate.per = std::chrono::seconds(std::max<std::int64_t>(in.number<std::int64_t>(), 1));
  auto& filter = rule.filter;
  for (auto* text : {&filter.sender, &filter.sender_domain, &filter.recipient, &filter.auth_id, &filter.trace_id})
    take_text(in, *text);
  if (filter.sender_domain) filter.sender_domain = mime::ascii_domain(*filter.sender_domain);
  take_number(in, filter.last_code);
  take_number(in, filter.attempts_from);
  std::optional<std::int64_t> older, newer;
  take_number(in, older);
  take_number(in, newer);
  if (older) rule.older_than = std::chrono::microseconds(*older);
  if (newer) rule.newer_than = std::chrono::microseconds(*newer);
  for (auto count = in.number<std::uint32_t>(); count != 0 && in.ok(); --count)
    filter.recipient_domains.push_back(mime::ascii_domain(in.text()));
  const bool known = rule.kind >= Rule::Kind::kHold && rule.kind <= Rule::Kind::kThrottle;
  return in.ok() && known && !rule.id.empty() ? std::optional(std::move(rule)) : std::nullopt;
}

}  // namespace

std::string encode_rules(const std::vector<Rule>& rules) {
  std::string out;
  for (const auto& rule : rules) put_bytes(out, encode(rule));
  return out;
}

std::optional<std::vector<Rule>> decode_rules(std::string_view bytes) {
  std::vector<Rule> rules;
  Taker in(bytes);
  while (!in.done()) {
    auto rule = decode(in.text());
    if (!rule || !in.ok()) return std::nullopt;
    rules.push_back(*std::move(rule));
  }
  return rules;
}

}  // namespace quartet::relay
