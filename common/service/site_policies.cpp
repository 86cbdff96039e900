#include "common/service/site_policies.h"

#include "common/base/ascii.h"
#include "common/mime/idna.h"

namespace quartet::service {
namespace {

std::optional<relay::Rate> read_rate(Checker& checker, const v1::SitePolicy& source, std::string_view field,
                                     const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto rate = relay::parse_rate(text);
  if (rate) return *rate;
  checker.fault(source, field, rate.error());
  return std::nullopt;
}

void read_limits(Checker& checker, const v1::SitePolicy& source, relay::SitePolicy& out) {
  auto& concurrency = out.limits.concurrency;
  if (source.connections() != 0) concurrency.maximum = source.connections();
  if (source.initial_connections() > concurrency.maximum)
    checker.fault(source, "initial_connections", "more than connections");
  if (source.initial_connections() != 0) concurrency.initial = source.initial_connections();
  concurrency.initial = std::min(concurrency.initial, concurrency.maximum);
  if (source.recipients_per_transaction() != 0)
    out.limits.recipients_per_transaction = source.recipients_per_transaction();
  if (source.messages_per_connection() != 0) out.messages_per_connection = source.messages_per_connection();
  out.message_rate = read_rate(checker, source, "message_rate", source.message_rate());
  out.connection_rate = read_rate(checker, source, "connection_rate", source.connection_rate());
}

relay::SitePolicy read_policy(Checker& checker, const v1::SitePolicy& source, relay::SitePolicy out) {
  out.match = mime::ascii_domain(source.match());
  if (!is_domain_pattern(out.match)) checker.fault(source, "match", "expected \"domain\" or \".domain\"");
  read_limits(checker, source, out);
  out.retry = retry_schedule(checker, source.retry(), std::move(out.retry));
  if (source.retry().delay_notice_seconds() != 0)
    checker.fault(source.retry(), "delay_notice_seconds", "is the same for all sites: set it in sending.retry");
  if (source.source_address_size() != 0)
    out.source_addresses = source_addresses(checker, source, source.source_address());
  out.families = families(source.families(), out.families);
  return out;
}

}  // namespace

relay::RetrySchedule retry_schedule(Checker& checker, const v1::Retry& retry, relay::RetrySchedule usual) {
  auto out = std::move(usual);
  if (retry.delay_seconds_size() != 0) out.delays.clear();
  for (int i = 0; i < retry.delay_seconds_size(); ++i) {
    if (retry.delay_seconds(i) == 0) checker.fault(retry, "delay_seconds", "at least 1", i);
    out.delays.emplace_back(std::max(1U, retry.delay_seconds(i)));
  }
  if (retry.lifetime_seconds() != 0) out.lifetime = std::chrono::seconds(retry.lifetime_seconds());
  if (retry.bounce_lifetime_seconds() != 0) out.bounce_lifetime = std::chrono::seconds(retry.bounce_lifetime_seconds());
  return out;
}

dns::Families families(v1::Dns::Families families, dns::Families otherwise) {
  switch (families) {
    case v1::Dns::PREFER_IPV6:
      return dns::Families::kPreferIpv6;
    case v1::Dns::PREFER_IPV4:
      return dns::Families::kPreferIpv4;
    case v1::Dns::IPV4_ONLY:
      return dns::Families::kIpv4Only;
    case v1::Dns::IPV6_ONLY:
      return dns::Families::kIpv6Only;
    default:
      return otherwise;
  }
}

std::vector<net::Address> source_addresses(Checker& checker, const google::protobuf::Message& owner,
                                           const google::protobuf::RepeatedPtrField<std::string>& values) {
  std::vector<net::Address> out;
  for (int i = 0; i < values.size(); ++i) {
    auto address = net::Address::from_ip(values[i], 0);
    if (address)
      out.push_back(*std::move(address));
    else
      checker.fault(owner, "source_address", address.error(), i);
  }
  return out;
}

decltype(relay::RoutingTable::site_policies) site_policies(Checker& checker, const v1::Sending& sending,
                                                           const relay::Options& options) {
  decltype(relay::RoutingTable::site_policies) out;
  const auto usual = relay::usual_policy(options);
  for (const auto& source : sending.site_policy()) {
    auto policy = std::make_shared<const relay::SitePolicy>(read_policy(checker, source, usual));
    const auto match = policy->match;
    if (!out.try_emplace(match, std::move(policy)).second) checker.fault(source, "match", "has a policy already");
  }
  return out;
}

}  // namespace quartet::service
