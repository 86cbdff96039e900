// What `dest probe` says to people.
#include <fmt/format.h>

#include "ctl/destination_text.h"
#include "ctl/values.h"

namespace quartet::ctl {
namespace {

using Response = control::v1::ProbeResponse;

std::string tls_text(const Response::Tls& tls) {
  return plain(tls.version()) + " " + plain(tls.cipher()) + ", certificate verified by " + plain(tls.trust()) +
         (tls.subject().empty() ? "" : ", " + plain(tls.subject()));
}

std::string what(const Response& response) {
  switch (response.phase()) {
    case Response::PHASE_ROUTE:
      return "route";
    case Response::PHASE_CONNECT:
      return "connect";
    case Response::PHASE_REPLY:
      return response.command().empty() ? "greeting" : plain(response.command());
    case Response::PHASE_TLS:
      return "tls";
    default:
      return "end";
  }
}

std::string text(const Response& response) {
  if (response.has_tls()) return tls_text(response.tls());
  if (response.code() != 0) return std::to_string(response.code()) + " " + plain(response.line(0));
  if (!response.failure().empty()) return "FAILED: " + plain(response.failure());
  if (response.phase() == Response::PHASE_CONNECT) return plain(response.host()) + " " + plain(response.text());
  return response.phase() == Response::PHASE_END ? "good" : plain(response.text());
}

}  // namespace

std::string probe_text(const Response& response) {
  const auto took = static_cast<double>(response.took().seconds()) * 1e3 + response.took().nanos() / 1e6;
  auto out = fmt::format("{:>9.1f} ms  {:<8}  {}\n", took, what(response), text(response));
  for (int i = 1; i < response.line_size(); ++i)
    out += fmt::format("{:>22}  {} {}\n", "", response.code(), plain(response.line(i)));
  return out;
}

}  // namespace quartet::ctl
