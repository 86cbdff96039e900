#include "common/smtp/srs.h"

#include <algorithm>

#include "common/base/ascii.h"
#include "common/base/encoding.h"
#include "common/crypto/digest.h"

namespace quartet::smtp {
namespace {

constexpr std::size_t kMostMailbox = 254;  // of a path of 256 octets, without its brackets
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr unsigned kDays = 1024;  // that two characters count before they begin anew

struct Parts {
  std::string_view local;
  std::string_view domain;
};

std::optional<Parts> split(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == address.size()) return std::nullopt;
  return Parts{address.substr(0, at), address.substr(at + 1)};
}

/// What follows the tag and its separator, which may be any of three; nullopt if there is no such tag.
std::optional<std::string_view> behind_tag(std::string_view local, std::string_view tag) {
  if (local.size() <= tag.size() || !ascii::istarts_with(local, tag)) return std::nullopt;
  if (std::string_view("=-+").find(local[tag.size()]) == std::string_view::npos) return std::nullopt;
  return local.substr(tag.size() + 1);
}

/// Takes the text before the next '='; nullopt if there is none, or nothing before or behind it.
std::optional<std::string_view> take_field(std::string_view& rest) {
  const auto end = rest.find('=');
  if (end == std::string_view::npos || end == 0 || end + 1 == rest.size()) return std::nullopt;
  const auto field = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return field;
}

unsigned day_of(WallTime time) {
  const auto days = std::chrono::duration_cast<std::chrono::hours>(time.time_since_epoch()).count() / 24;
  return static_cast<unsigned>(days % kDays);
}

std::string stamp_of(WallTime time) {
  const auto day = day_of(time);
  return {kBase32[day / 32], kBase32[day % 32]};
}

/// Days since; nullopt if it is no date.
std::optional<unsigned> age_of(std::string_view stamp, WallTime now) {
  if (stamp.size() != 2) return std::nullopt;
  const auto upper = ascii::upper(stamp);
  const auto high = kBase32.find(upper[0]);
  const auto low = kBase32.find(upper[1]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return (day_of(now) + kDays - static_cast<unsigned>(high * 32 + low)) % kDays;
}

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const auto part : parts) out += part;
  return out;
}

}  // namespace

std::string Srs::hash(std::string_view secret, std::string_view data) const {
  return base64_encode(crypto::hmac(crypto::Digest::kSha1, secret, ascii::lower(data))).substr(0, options_.hash_length);
}

/// Without regard to case: there are hosts that change it in local parts.
bool Srs::verify(std::string_view text, std::string_view data) const {
  return std::ranges::any_of(options_.secrets,
                             [&](const auto& secret) { return ascii::iequals(text, hash(secret, data)); });
}

std::optional<std::string> Srs::forward(std::string_view sender, WallTime now) const {
  const auto parts = split(sender);
  if (!parts || ascii::iequals(parts->domain, options_.domain) || parts->local.starts_with('"')) return std::nullopt;
  if (parts->domain.contains('=')) return std::nullopt;  // no domain has it, and it could not be told apart
  const auto& secret = options_.secrets.front();
  std::string out;
  if (auto rest = behind_tag(parts->local, "SRS1")) {
    // Made by the one before us: the first forwarder stays, and only the hash becomes ours.
    const auto theirs = take_field(*rest);
    const auto host = theirs ? take_field(*rest) : std::nullopt;
    if (!host) return std::nullopt;
    out = joined({"SRS1=", hash(secret, joined({*host, *rest})), "=", *host, "=", *rest});
  } else if (behind_tag(parts->local, "SRS0")) {
    const auto with_separator = parts->local.substr(4);
    out = joined(
        {"SRS1=", hash(secret, joined({parts->domain, with_separator})), "=", parts->domain, "=", with_separator});
  } else {
    const auto stamp = stamp_of(now);
    out = joined({"SRS0=", hash(secret, joined({stamp, parts->domain, parts->local})), "=", stamp, "=", parts->domain,
                  "=", parts->local});
  }
  out += "@" + options_.domain;
  if (out.size() > kMostMailbox) return std::nullopt;
  return out;
}

bool Srs::is_ours(std::string_view address) const {
  const auto parts = split(address);
  return parts && ascii::iequals(parts->domain, options_.domain) &&
         (behind_tag(parts->local, "SRS0") || behind_tag(parts->local, "SRS1"));
}

std::expected<std::string, Srs::Error> Srs::reverse(std::string_view address, WallTime now) const {
  const auto parts = split(address);
  if (!parts) return std::unexpected(Error::kMalformed);
  if (auto rest = behind_tag(parts->local, "SRS1")) {
    const auto text = take_field(*rest);
    const auto host = text ? take_field(*rest) : std::nullopt;
    if (!host) return std::unexpected(Error::kMalformed);
    if (!verify(*text, joined({*host, *rest}))) return std::unexpected(Error::kForged);
    return joined({"SRS0", *rest, "@", *host});
  }
  auto rest = behind_tag(parts->local, "SRS0");
  const auto text = rest ? take_field(*rest) : std::nullopt;
  const auto stamp = text ? take_field(*rest) : std::nullopt;
  const auto host = stamp ? take_field(*rest) : std::nullopt;
  if (!host) return std::unexpected(Error::kMalformed);
  const auto age = age_of(*stamp, now);
  if (!age) return std::unexpected(Error::kMalformed);
  if (!verify(*text, joined({*stamp, *host, *rest}))) return std::unexpected(Error::kForged);
  if (*age > options_.max_age_days) return std::unexpected(Error::kExpired);
  return joined({*rest, "@", *host});
}

}  // namespace quartet::smtp
