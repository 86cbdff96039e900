// Extensions that change how and when a message is sent on, in both roles.
#include "common/smtp/extensions.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "common/smtp/outbound.h"
#include "common/smtp/server_machine.h"

using namespace quartet;
using namespace quartet::smtp;

namespace {

const Offered kAll{.require_tls = true, .priority = true, .future_release = true, .deliver_by = true};

std::expected<MailParameters, Reply> mail(const std::string& parameters, const Offered& offered = kAll) {
  return parse_mail("FROM:<a@b.test> " + parameters, offered);
}
int code(const std::string& parameters, const Offered& offered = kAll) {
  const auto parsed = mail(parameters, offered);
  return parsed ? 250 : parsed.error().code;
}

/// The lines of the answer to EHLO.
std::vector<std::string> offers(ServerMachine& machine) {
  return std::get<ServerMachine::Hello>(machine.on_command({Verb::kEhlo, "c.test"})).reply.lines;
}
bool has(const std::vector<std::string>& lines, std::string_view wanted) {
  return std::ranges::find(lines, wanted) != lines.end();
}

std::string mail_line(const OutboundTransaction& transaction, const Capabilities& offered) {
  return mail_command(transaction, offered, Prepared());
}

}  // namespace

TEST_CASE("REQUIRETLS (RFC 8689 section 2)", "[smtp]") {
  CHECK(mail("REQUIRETLS")->require_tls);
  CHECK(mail("requiretls")->require_tls);
  CHECK_FALSE(mail("")->require_tls);
  CHECK(code("REQUIRETLS=YES") == 501);
  CHECK(code("REQUIRETLS", {}) == 555);

  ServerFeatures features;
  features.require_tls = true;
  ServerMachine machine(features);
  CHECK_FALSE(has(offers(machine), "REQUIRETLS"));
  machine.set_secure();
  CHECK(has(offers(machine), "REQUIRETLS"));
  ServerMachine local(features);
  local.set_within_host();
  CHECK(has(offers(local), "REQUIRETLS"));
  ServerMachine without({});
  without.set_secure();
  CHECK_FALSE(has(offers(without), "REQUIRETLS"));
}

TEST_CASE("a message that requires TLS goes to nobody who does not offer it", "[smtp]") {
  OutboundTransaction out;
  out.require_tls = GENERATE(RequireTls::kNo, RequireTls::kWhereOffered, RequireTls::kAlways);
  Prepared prepared;
  const auto refused = prepare(out, {}, prepared);
  CHECK(refused.has_value() == (out.require_tls != RequireTls::kAlways));
  if (!refused) CHECK(refused.error().enhanced == "5.7.30");
  Capabilities offered;
  CHECK_FALSE(mail_line(out, offered).contains("REQUIRETLS"));
  offered.require_tls = true;
  CHECK(prepare(out, offered, prepared).has_value());
  CHECK(mail_line(out, offered).contains(" REQUIRETLS") == (out.require_tls != RequireTls::kNo));
}

TEST_CASE("MT-PRIORITY (RFC 6710 section 6)", "[smtp]") {
  CHECK(parse_priority("0") == 0);
  CHECK(parse_priority("9") == 9);
  CHECK(parse_priority("-9") == -9);
  for (const char* bad : {"", "-", "-0", "+1", "10", "-10", "01", "x", "--1"}) {
    INFO(bad);
    CHECK_FALSE(parse_priority(bad));
    CHECK(code(std::string("MT-PRIORITY=") + bad) == 501);
  }
  CHECK(mail("mt-priority=-3")->priority == -3);
  CHECK(code("MT-PRIORITY=1", {}) == 555);

  ServerFeatures features;
  features.priority = true;
  ServerMachine machine(features);
  CHECK(has(offers(machine), "MT-PRIORITY"));
  OutboundTransaction out;
  out.priority = -4;
  CHECK_FALSE(mail_line(out, {}).contains("MT-PRIORITY"));
  Capabilities offered;
  offered.priority = true;
  CHECK(mail_line(out, offered).contains(" MT-PRIORITY=-4\r\n"));
  out.priority = 0;
  CHECK_FALSE(mail_line(out, offered).contains("MT-PRIORITY"));
}

TEST_CASE("HOLDFOR and HOLDUNTIL (RFC 4865 section 4)", "[smtp]") {
  CHECK(mail("HOLDFOR=1")->hold_for == std::chrono::seconds(1));
  CHECK(mail("HOLDFOR=999999999")->hold_for == std::chrono::seconds(999'999'999));
  CHECK(mail("HOLDUNTIL=2026-11-26T12:00:00Z")->hold_until == from_micros(1'795'694'400'000'000));
  for (const char* bad : {"HOLDFOR=0", "HOLDFOR=", "HOLDFOR", "HOLDFOR=-1", "HOLDFOR=01", "HOLDFOR=1234567890",
                          "HOLDFOR=1 HOLDUNTIL=2026-11-26T12:00:00Z", "HOLDUNTIL=2026-11-26T12:00:00Z HOLDFOR=1",
                          "HOLDUNTIL=2026-11-26T12:00:00+01:00", "HOLDUNTIL=tomorrow", "HOLDUNTIL"}) {
    INFO(bad);
    CHECK(code(bad) == 501);
  }
  CHECK(code("HOLDFOR=1", {}) == 555);
  CHECK(code("HOLDUNTIL=2026-11-26T12:00:00Z", {}) == 555);

  ServerFeatures features;
  features.future_release = FutureRelease{86'400, from_micros(1'795'694'400'999'999)};
  ServerMachine machine(features);
  CHECK(has(offers(machine), "FUTURERELEASE 86400 2026-11-26T12:00:00Z"));
}

TEST_CASE("BY (RFC 2852 section 4)", "[smtp]") {
  CHECK(parse_deliver_by("120;R") == DeliverBy{120, false, false});
  CHECK(parse_deliver_by("+120;rt") == DeliverBy{120, false, true});
  CHECK(parse_deliver_by("-5;N") == DeliverBy{-5, true, false});
  CHECK(parse_deliver_by("0;nT") == DeliverBy{0, true, true});
  CHECK(parse_deliver_by("999999999;N") == DeliverBy{999'999'999, true, false});
  for (const char* bad : {"", "120", ";R", "120;", "120;X", "120;RX", "120;RTT", "1234567890;R", "0;R", "-1;R", "--1;N",
                          "1.5;N", "120; R"}) {
    INFO(bad);
    CHECK_FALSE(parse_deliver_by(bad));
    CHECK(code(std::string("BY=") + bad) >= 501);
  }
  for (const DeliverBy by : {DeliverBy{1, false, true}, DeliverBy{-999'999'999, true, false}})
    CHECK(parse_deliver_by(to_string(by)) == by);
  CHECK(code("BY=120;R", {}) == 555);

  ServerFeatures features;
  features.deliver_by = OfferDeliverBy();
  ServerMachine machine(features);
  CHECK(has(offers(machine), "DELIVERBY"));
  features.deliver_by->least_seconds = 30;
  ServerMachine least(features);
  CHECK(has(offers(least), "DELIVERBY 30"));
}

TEST_CASE("a message that must come back in time goes only to who brings it back", "[smtp]") {
  OutboundTransaction out;
  out.by = DeliverBy{60, false, false};
  Prepared prepared;
  CHECK(prepare(out, {}, prepared).error().enhanced == "5.3.3");
  Capabilities offered;
  offered.deliver_by = true;
  CHECK(prepare(out, offered, prepared).has_value());
  CHECK(mail_line(out, offered).contains(" BY=60;R\r\n"));
  offered.deliver_by_least = 61;
  CHECK(prepare(out, offered, prepared).error().enhanced == "5.4.7");
  out.by->notify = true;
  CHECK(prepare(out, offered, prepared).has_value());
  CHECK(prepare(out, {}, prepared).has_value());
  CHECK_FALSE(mail_line(out, {}).contains("BY="));
}

TEST_CASE("what a server offers of them", "[smtp]") {
  Reply ehlo(250, "", "mx.test");
  ehlo.lines.insert(ehlo.lines.end(), {"REQUIRETLS", "mt-priority MIXER", "DELIVERBY 240"});
  const auto offered = parse_capabilities(ehlo);
  CHECK(offered.require_tls);
  CHECK(offered.priority);
  CHECK(offered.deliver_by);
  CHECK(offered.deliver_by_least == 240);
}
