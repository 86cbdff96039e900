// What a server offers, from its answer to EHLO (RFC 5321 section 4.1.1.1).
#include "common/base/ascii.h"
#include "common/smtp/client_session.h"

namespace quartet::smtp {
namespace {

/// "RCPTMAX=100 MAILMAX=10" (RFC 9422 section 4).
void take_limits(Capabilities& capabilities, const std::vector<std::string_view>& words) {
  for (const auto word : words) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const auto value = ascii::to_number(word.substr(equals + 1));
    if (!value) continue;
    if (ascii::iequals(word.substr(0, equals), "RCPTMAX")) capabilities.recipients_limit = *value;
    if (ascii::iequals(word.substr(0, equals), "RCPTDOMAINMAX")) capabilities.domains_limit = *value;
    if (ascii::iequals(word.substr(0, equals), "MAILMAX")) capabilities.transactions_limit = *value;
  }
}

}  // namespace

Capabilities parse_capabilities(const Reply& ehlo) {
  Capabilities capabilities;
  capabilities.esmtp = true;
  for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {
    const auto words = ascii::split(ehlo.lines[i], ' ');
    const auto keyword = ascii::upper(words[0]);
    if (keyword == "PIPELINING") capabilities.pipelining = true;
    if (keyword == "8BITMIME") capabilities.eight_bit = true;
    if (keyword == "CHUNKING") capabilities.chunking = true;
    if (keyword == "BINARYMIME") capabilities.binary = true;
    if (keyword == "SMTPUTF8") capabilities.smtputf8 = true;
    if (keyword == "DSN") capabilities.dsn = true;
    if (keyword == "STARTTLS") capabilities.starttls = true;
    if (keyword == "ETRN") capabilities.etrn = true;
    if (keyword == "ATRN") capabilities.atrn = true;
    if (keyword == "XTRACE") capabilities.trace = true;
    if (keyword == "REQUIRETLS") capabilities.require_tls = true;
    if (keyword == "MT-PRIORITY") capabilities.priority = true;
    if (keyword == "DELIVERBY") {
      capabilities.deliver_by = true;
      if (words.size() > 1) capabilities.deliver_by_least = ascii::to_number<std::int32_t>(words[1]).value_or(0);
    }
    if (keyword == "SIZE") {
      capabilities.size = true;
      if (words.size() > 1) capabilities.size_limit = ascii::to_number(words[1]).value_or(0);
    }
    if (keyword == "LIMITS") take_limits(capabilities, words);
    if (keyword == "AUTH") {
      for (std::size_t k = 1; k < words.size(); ++k) capabilities.mechanisms.push_back(ascii::upper(words[k]));
    }
  }
  return capabilities;
}

}  // namespace quartet::smtp
