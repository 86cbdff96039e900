#include "imapd/search_evidence.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::imapd {
namespace {

using Kind = SearchKey::Kind;

constexpr std::pair<std::string_view, StoredField> kStored[] = {
    {"from", &mime::StoredHeaders::from},
    {"to", &mime::StoredHeaders::to},
    {"cc", &mime::StoredHeaders::cc},
    {"bcc", &mime::StoredHeaders::bcc},
    {"sender", &mime::StoredHeaders::sender},
    {"reply-to", &mime::StoredHeaders::reply_to},
    {"subject", &mime::StoredHeaders::subject},
    {"list-id", &mime::StoredHeaders::list_id},
    {"message-id", &mime::StoredHeaders::message_id},
    {"in-reply-to", &mime::StoredHeaders::in_reply_to},
    {"references", &mime::StoredHeaders::references},
};

}  // namespace

std::string_view field_of(const SearchKey& key) {
  switch (key.kind) {
    case Kind::kFrom:
      return "from";
    case Kind::kTo:
      return "to";
    case Kind::kCc:
      return "cc";
    case Kind::kBcc:
      return "bcc";
    case Kind::kSubject:
      return "subject";
    case Kind::kHeader:
      return key.name;
    default:
      return {};
  }
}

StoredField stored_field(std::string_view name) {
  const auto number = stored_field_number(name);
  return number ? stored_field_at(*number) : nullptr;
}

std::optional<std::size_t> stored_field_number(std::string_view name) {
  for (std::size_t n = 0; n < std::size(kStored); ++n)
    if (ascii::iequals(kStored[n].first, name)) return n;
  return std::nullopt;
}

StoredField stored_field_at(std::size_t number) { return kStored[number].second; }

std::int64_t day_of(std::int64_t micros) {
  constexpr std::int64_t kDay = 86'400'000'000;
  return micros >= 0 ? micros / kDay : -((-micros + kDay - 1) / kDay);
}

bool is_sent(Kind kind) { return kind == Kind::kSentBefore || kind == Kind::kSentOn || kind == Kind::kSentSince; }

const mime::StoredHeaders* headers_of(const Candidate& candidate) {
  if (candidate.headers != nullptr || candidate.text == nullptr) return candidate.headers;
  return &candidate.text->headers();
}

std::optional<std::optional<std::int64_t>> looked_at_day(const SearchKey& key, const Candidate& candidate) {
  if (!is_sent(key.kind)) return std::optional(day_of(candidate.entry->internaldate));
  const auto* const headers = headers_of(candidate);
  if (headers == nullptr) return std::nullopt;
  if (!headers->sent) return std::optional<std::int64_t>();
  return std::optional<std::int64_t>(headers->sent->local_day());
}

std::int64_t days_off(const SearchKey& key, std::int64_t day) {
  if (key.kind == Kind::kBefore || key.kind == Kind::kSentBefore) return std::max<std::int64_t>(0, day - key.day + 1);
  if (key.kind == Kind::kOn || key.kind == Kind::kSentOn) return std::abs(day - key.day);
  return std::max<std::int64_t>(0, key.day - day);
}

}  // namespace quartet::imapd
