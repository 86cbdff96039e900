// What `dest explain` says to people.
#include "ctl/destination_text.h"

#include <fmt/format.h>

#include "common/base/time.h"
#include "ctl/json.h"
#include "ctl/values.h"

namespace quartet::ctl {
namespace {

using Response = control::v1::ExplainResponse;
using Host = Response::Host;

std::string line(std::string_view name, std::string_view text) { return fmt::format("{:<12}  {}\n", name, text); }

std::string reply_text(const control::v1::Reply& reply) {
  const auto code = reply.code() == 0 ? std::string() : std::to_string(reply.code()) + " ";
  return code + plain(reply.enhanced()) + " " + plain(reply.text());
}

std::string route_text(const Response& response) {
  const auto entry = "\"" + plain(response.entry()) + "\"";
  switch (response.table()) {
    case Response::TABLE_LINK:
      return "link " + entry;
    case Response::TABLE_TRANSPORT:
      return "transport table, entry " + entry;
    case Response::TABLE_LOCAL_DOMAIN:
      return "local domains, entry " + entry;
    case Response::TABLE_SENDER:
      return "the route of the sender";
    case Response::TABLE_SMART_HOST:
      return "smart host, as no table has it";
    case Response::TABLE_MX:
      return "MX records, as no table has it";
    default:
      return "unknown";
  }
}

std::string action_text(const Response& response) {
  switch (response.action()) {
    case Response::ACTION_HOSTS:
      return "to the hosts of the entry by " + response.protocol();
    case Response::ACTION_MX:
      return "to the MX hosts of the domain by " + response.protocol();
    case Response::ACTION_HOLD:
      return "held until it is released";
    case Response::ACTION_DISCARD:
      return "dropped without a notice";
    case Response::ACTION_ERROR:
      return "bounced: " + plain(response.error());
    case Response::ACTION_PIPE:
      return "to a program on that host";
    case Response::ACTION_BATCH:
      return "to a file in batch SMTP";
    default:
      return "unknown";
  }
}

std::string link_text(const Response::Link& link) {
  auto text = plain(link.name()) + ": ";
  if (link.attached()) return text + "its site is connected, mail goes over that connection";
  if (link.turned_only()) return text + "mail waits until its site connects and asks for it (ATRN)";
  if (link.on_request() && !link.running()) return text + "mail waits until its queue is started";
  return text + (link.running() ? "its queue is started" : "mail goes at once");
}

std::string name_text(const Response& response, const Response::Name& name) {
  std::string text;
  if (response.action() == Response::ACTION_MX && !response.mx_implicit())
    text += std::to_string(name.preference()) + " ";
  text += plain(name.name());
  if (!name.canonical_name().empty() && name.canonical_name() != name.name())
    text += " (alias of " + plain(name.canonical_name()) + ")";
  for (const auto& address : name.address()) text += " " + plain(address);
  text += name.authentic() ? ", signed" : ", not signed";
  return name.failure().empty() ? text : text + ": " + plain(name.failure());
}

std::string tls_text(const Host& host) {
  std::string text = "policy " + host.tls_policy() + ": ";
  switch (host.start_tls()) {
    case Host::START_TLS_IF_OFFERED:
      text += "TLS if offered";
      break;
    case Host::START_TLS_REQUIRED:
      text += "TLS required";
      break;
    default:
      return text + "no TLS";
  }
  if (host.proof() == Host::PROOF_AUTHORITY) text += ", certificate by a known authority for this name";
  if (host.proof() == Host::PROOF_DANE) text += ", certificate as TLSA says";
  if (host.proof() == Host::PROOF_NONE) text += ", any certificate";
  return text;
}

std::string host_text(const Host& host) {
  auto text = line("host", plain(host.name()) + " " + plain(host.address()));
  if (host.has_refused())
    text += line("  refused", reply_text(host.refused()));
  else
    text += line("  tls", tls_text(host));
  if (host.dane() != Host::DANE_UNSPECIFIED) {
    const auto& value = *Host::Dane_descriptor()->FindValueByNumber(host.dane());
    text += line("  dane", enum_name(value) + (host.dane_detail().empty() ? "" : ": " + plain(host.dane_detail())));
  }
  for (const auto& record : host.tlsa()) text += line("  tlsa", plain(record));
  if (host.sts() > Host::STS_NONE)
    text += line("  mta-sts", enum_name(*Host::Sts_descriptor()->FindValueByNumber(host.sts())));
  return text;
}

}  // namespace

std::string state_text(const control::v1::Destination& destination) {
  switch (destination.state()) {
    case control::v1::Destination::STATE_BACKOFF:
      return "backoff";
    case control::v1::Destination::STATE_SUSPENDED:
      return "SUSPENDED";
    default:
      return "open";
  }
}

std::string suspension_text(const control::v1::Suspension& suspension) {
  const auto until = WallTime(std::chrono::seconds(suspension.until().seconds()) +
                              std::chrono::microseconds(suspension.until().nanos() / 1000));
  return "until " + (suspension.has_until() ? to_rfc3339(until) : "resumed") + " by " + plain(suspension.who()) +
         (suspension.reason().empty() ? "" : ": " + plain(suspension.reason()));
}

std::string explain_text(const Response& response) {
  auto text = line("route", route_text(response)) + line("action", action_text(response));
  if (response.has_link()) text += line("link", link_text(response.link()));
  for (const auto& suspension : response.suspension())
    text += line("suspended", plain(suspension.destination()) + " " + suspension_text(suspension));
  if (response.action() == Response::ACTION_MX)
    text += line("mx", std::string(response.mx_implicit() ? "none, the domain itself" : "records") +
                           (response.mx_authentic() ? ", signed" : ", not signed"));
  for (const auto& name : response.name()) text += line("  name", name_text(response, name));
  if (response.has_failure()) text += line("failure", reply_text(response.failure()));
  for (const auto& host : response.host()) text += host_text(host);
  if (response.site().empty()) return text;
  text += line("site", plain(response.site()));
  if (!response.has_destination())
    return text +
           line("  state", fmt::format("not known at present, {} connections at most", response.most_connections()));
  const auto& site = response.destination();
  text += line("  state", fmt::format("{}, {} ready, {} connections, {} allowed, {} at most", state_text(site),
                                      site.ready(), site.connections(), site.allowed(), response.most_connections()));
  if (!site.last_failure().empty()) text += line("  failed", plain(site.last_failure()));
  return text;
}

}  // namespace quartet::ctl
