// What in a message the keys of SEARCH look at: its fields and its days.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/mime/digest.h"
#include "imapd/proto/search_key.h"
#include "imapd/search_match.h"

namespace quartet::imapd {

/// The name of the header field that a key looks at; "" for other keys.
std::string_view field_of(const SearchKey& key);

using StoredField = std::string_view mime::StoredHeaders::*;
/// Where the store keeps a field; null if it does not.
StoredField stored_field(std::string_view name);
/// The same by number.
std::optional<std::size_t> stored_field_number(std::string_view name);
StoredField stored_field_at(std::size_t number);

/// Null where nothing of the message has been read yet.
const mime::StoredHeaders* headers_of(const Candidate& candidate);

/// SENTBEFORE and its like.
bool is_sent(SearchKey::Kind kind);
/// Days since 1970-01-01, in UTC.
std::int64_t day_of(std::int64_t micros);
/// The day that a key about dates looks at; nullopt: it is not known yet. The inner nullopt: there is none.
std::optional<std::optional<std::int64_t>> looked_at_day(const SearchKey& key, const Candidate& candidate);
/// How many days a day is from those that the key means; 0 if it is one of them.
std::int64_t days_off(const SearchKey& key, std::int64_t day);

}  // namespace quartet::imapd
