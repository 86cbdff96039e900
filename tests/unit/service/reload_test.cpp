#include "common/service/reload.h"

#include <catch2/catch.hpp>

#include "quartet/config/v1/mta.pb.h"

using namespace quartet;
using namespace quartet::service;
using Names = std::vector<std::string>;

namespace {

config::v1::Mta usual() {
  config::v1::Mta out;
  out.mutable_agent()->set_hostname("mx.a.test");
  out.mutable_sending()->mutable_dns()->add_server("192.0.2.53");
  out.add_trusted("192.0.2.0/24");
  return out;
}

}  // namespace

TEST_CASE("what differs between two configurations is told by name", "[reload]") {
  auto changed = usual();
  CHECK(differences(usual(), changed).empty());
  changed.mutable_sending()->mutable_dns()->add_server("192.0.2.54");
  changed.mutable_sending()->set_mta_sts(true);
  changed.add_trusted("unix");
  CHECK(differences(usual(), changed) == Names{"trusted", "sending.dns.server", "sending.mta_sts"});
  // What comes or goes as a whole is named as a whole.
  changed = usual();
  changed.clear_sending();
  CHECK(differences(usual(), changed) == Names{"sending"});
}

TEST_CASE("what takes a restart is told apart", "[reload]") {
  static constexpr std::string_view kAtStart[] = {"spool", "sending.dns"};
  auto changed = usual();
  changed.set_spool("/elsewhere");
  changed.mutable_sending()->mutable_dns()->set_trusted(true);
  changed.mutable_sending()->set_ca("/ca.pem");
  changed.mutable_agent()->mutable_control()->set_socket("/socket");
  changed.mutable_agent()->set_drain_seconds(7);
  const auto reloaded = compare(usual(), usual(), changed, kAtStart);
  CHECK(reloaded.faults.empty());
  CHECK(reloaded.ignored == Names{"agent.control", "spool", "sending.dns.trusted"});
  CHECK(reloaded.changed == Names{"agent.drain_seconds", "sending.ca"});
  // The same again changes nothing, and still waits.
  const auto again = compare(usual(), changed, changed, kAtStart);
  CHECK(again.changed.empty());
  CHECK(again.ignored == reloaded.ignored);
  // All of a message that has only a part of this kind.
  changed = usual();
  changed.clear_sending();
  CHECK(compare(usual(), usual(), changed, kAtStart).ignored == Names{"sending"});
}
