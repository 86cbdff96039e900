#include "common/control/session_filter.h"

#include <catch2/catch.hpp>

using namespace quartet;
using namespace quartet::control;

namespace {

v1::TraceSessionsRequest wanted(const std::string& address) {
  v1::TraceSessionsRequest request;
  request.set_address(address);
  return request;
}

struct Watched {
  explicit Watched(const v1::TraceSessionsRequest& request) : filter(*SessionFilter::make(request)) {}

  /// What is shown when this is said: the texts, with spaces between.
  std::string say(std::uint64_t session, bool server, bool ours, const std::string& text, bool last = false) {
    v1::SessionLine line;
    line.set_session(session);
    line.set_server(server);
    line.set_ours(ours);
    line.set_text(text);
    line.set_host(server ? "" : "mx.b.test");
    line.set_last(last);
    std::string out;
    for (const auto& each : filter.take(std::move(line), peer)) out += (out.empty() ? "" : "|") + each.text();
    return out;
  }
  /// A client of ours says it.
  std::string client(const std::string& text) { return say(1, true, false, text); }
  std::string server(const std::string& text) { return say(1, true, true, text); }

  SessionFilter filter;
  net::Address peer = *net::Address::parse("192.0.2.7:4000");
};

}  // namespace

TEST_CASE("without wishes every line is shown", "[session_filter]") {
  Watched all({});
  CHECK(all.server("220 hi") == "220 hi");
  CHECK(all.client("EHLO x") == "EHLO x");
  CHECK(all.say(2, false, true, "QUIT") == "QUIT");
}

TEST_CASE("a transaction of the address is shown with what came before it", "[session_filter]") {
  Watched ann(wanted("Ann@a.test"));
  CHECK(ann.server("220 hi").empty());
  CHECK(ann.client("MAIL FROM:<x@y.test>").empty());
  CHECK(ann.server("250 ok").empty());
  CHECK(ann.client("RCPT TO:<ANN@a.test> NOTIFY=NEVER") ==
        "220 hi|MAIL FROM:<x@y.test>|250 ok|RCPT TO:<ANN@a.test> NOTIFY=NEVER");
  CHECK(ann.server("250 ok") == "250 ok");
  // The next transaction is another matter, until it turns out to be one of hers.
  CHECK(ann.client("MAIL FROM:<x@y.test>").empty());
  CHECK(ann.client("RCPT TO:<bob@a.test>").empty());
  CHECK(ann.client("MAIL FROM:<ann@a.test>").ends_with("MAIL FROM:<ann@a.test>"));
  CHECK(ann.say(1, true, false, "", true).empty());
}

TEST_CASE("a domain stands for its addresses, and replies are no commands", "[session_filter]") {
  Watched domain(wanted("a.test"));
  CHECK(domain.client("RCPT TO:<x@sub.a.test>").empty());
  CHECK(domain.server("250 RCPT TO:<x@a.test>").empty());
  CHECK(domain.client("RCPT TO:<x@a.test>").ends_with("RCPT TO:<x@a.test>"));
  // As a client it is we who say it.
  CHECK(domain.say(2, false, false, "MAIL FROM:<x@a.test>").empty());
  CHECK(domain.say(2, false, true, "MAIL FROM:<x@a.test>").ends_with("MAIL FROM:<x@a.test>"));
}

TEST_CASE("of a session that is not shown only the latest lines are kept", "[session_filter]") {
  Watched ann(wanted("ann@a.test"));
  for (int i = 0; i < 200; ++i) ann.client("NOOP " + std::to_string(i));
  const auto shown = ann.client("MAIL FROM:<ann@a.test>");
  CHECK(shown.starts_with("NOOP 150|"));
}

TEST_CASE("sessions by role, peer and host", "[session_filter]") {
  v1::TraceSessionsRequest request;
  request.set_role(v1::TraceSessionsRequest::ROLE_CLIENT);
  request.set_peer("192.0.2.0/24");
  request.set_host("MX.b.test");
  Watched some(request);
  CHECK(some.client("NOOP").empty());
  CHECK(some.say(2, false, true, "NOOP") == "NOOP");
  some.peer = *net::Address::parse("198.51.100.1:25");
  CHECK(some.say(3, false, true, "NOOP").empty());
  request.set_peer("nowhere");
  CHECK_FALSE(SessionFilter::make(request).has_value());
}

TEST_CASE("a role that there is not is refused", "[session_filter]") {
  v1::TraceSessionsRequest request;
  request.set_role(static_cast<v1::TraceSessionsRequest::Role>(9));
  CHECK_FALSE(SessionFilter::make(request).has_value());
}
