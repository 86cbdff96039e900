#include "common/service/token_settings.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "common/journal/files.h"

namespace quartet::service {
namespace {

constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::size_t kMostOctets = 1 << 20;

/// RFC 7628 section 3.2.2; "schemes" is for clients of XOAUTH2.
std::string refusal(const v1::OAuth& source) {
  oauth::Object object;
  auto& fields = *object.mutable_fields();
  fields["schemes"].set_string_value("bearer");
  if (!source.scope().empty()) fields["scope"].set_string_value(source.scope());
  if (!source.configuration().empty()) fields["openid-configuration"].set_string_value(source.configuration());
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(object, &json);
  return json.substr(1, json.size() - 2);  // without its braces
}

std::optional<https::Url> url_of(Checker& checker, const v1::OAuth& source, std::string_view field,
                                 const std::string& text) {
  auto url = https::parse_url(text);
  if (!url) checker.fault(source, field, "expected \"https://host[:port]/path\"");
  return url;
}

void read_keys(Checker& checker, const v1::OAuth& source, TokenOptions& out) {
  checker.require(source, "issuer", source.issuer());
  if (source.audience().empty()) checker.fault(source, "audience", "at least one is required");
  if (!source.keys().starts_with('/')) {
    out.keys_url = url_of(checker, source, "keys", source.keys());
    return;
  }
  const auto text = journal::read_whole(source.keys());
  if (!text) return checker.fault(source, "keys", text.error().detail);
  auto keys = oauth::parse_key_set(*text);
  if (!keys) return checker.fault(source, "keys", fmt::format("{}: {}", source.keys(), keys.error()));
  out.keys = std::make_shared<const oauth::KeySet>(*std::move(keys));
}

}  // namespace

std::shared_ptr<Tokens> read_tokens(Checker& checker, bool wanted, const v1::OAuth& source) {
  if (!wanted) return nullptr;
  TokenOptions out;
  const bool by_keys = !source.keys().empty();
  if (by_keys == !source.introspection().empty())
    checker.fault(source, "keys", "either `keys` or `introspection` is required");
  else if (by_keys)
    read_keys(checker, source, out);
  else
    out.introspection = url_of(checker, source, "introspection", source.introspection());
  out.client_id = source.client_id();
  out.client_secret = source.client_secret();
  out.rules.issuer = source.issuer();
  out.rules.audiences.assign(source.audience().begin(), source.audience().end());
  out.rules.scope = source.scope();
  out.rules.account_claim = source.account_claim();
  if (out.rules.account_claim.empty()) out.rules.account_claim = by_keys ? "email" : "username";
  out.rules.needs_end = by_keys;
  out.https = {.ca = source.ca(), .timeout = kPatience, .most = kMostOctets};
  if (source.fetch_seconds() != 0) out.fetch_pause = std::chrono::seconds(source.fetch_seconds());
  out.refusal = refusal(source);
  if (!out.keys && !out.keys_url && !out.introspection) return nullptr;
  return std::make_shared<Tokens>(std::move(out));
}

}  // namespace quartet::service
