// The list of sessions: what they say of themselves, and how one is asked to end.
#include "common/net/sessions.h"

#include <catch2/catch.hpp>
#include <thread>

using namespace quartet;
using namespace quartet::net;

namespace {

async::Task<void> live(Sessions& sessions) {
  auto [one, other] = make_pipe();
  const auto first = sessions.enter("smtp", *one);
  {
    const auto second = sessions.enter("imap", *other);
    REQUIRE(sessions.list().size() == 2);
    CHECK(sessions.list()[1].protocol == "imap");
  }
  first.record().command("EHLO");
  first.record().hello("client.test");
  first.record().logged_in("ann@a.test");
  first.record().secured({.version = "TLSv1.3", .cipher = "X", .server_name = {}, .peer_subject = {}});
  first.record().message_taken();
  const auto list = sessions.list();
  REQUIRE(list.size() == 1);
  CHECK(list[0].id == 1);
  CHECK(list[0].last_command == "EHLO");
  CHECK(list[0].last_command_at >= list[0].since);
  CHECK(list[0].hello == "client.test");
  CHECK(list[0].login == "ann@a.test");
  CHECK(list[0].tls == "TLSv1.3 X");
  CHECK(list[0].messages == 1);
  first.record().passed_on(*Address::from_ip("192.0.2.7", 4000), "bob@a.test");
  CHECK(sessions.list()[0].peer.to_string() == "192.0.2.7:4000");
  CHECK(sessions.list()[0].login == "bob@a.test");
  CHECK(sessions.list()[0].hello.empty());
  const auto third = sessions.enter("smtp", *other);
  CHECK(sessions.list()[1].id == 3);  // an id is not used again
  co_return;
}

async::Task<void> end_one(Sessions& sessions) {
  auto [one, other] = make_pipe();
  const auto place = sessions.enter("smtp", *one);
  CHECK_FALSE(place.record().is_to_end());
  // From another thread, as an operator's wish comes.
  std::thread([&sessions] {
    CHECK_FALSE(sessions.end(77));
    CHECK(sessions.end(1));
    CHECK(sessions.end(1));
  }).join();
  const auto waited = co_await place.record().end_wish().wait(async::Deadline::after(std::chrono::seconds(20)));
  CHECK(waited == async::Wait::kReady);
  CHECK(place.record().is_to_end());
  CHECK(sessions.list()[0].ending);
}

}  // namespace

TEST_CASE("sessions are listed while they live", "[net]") {
  Sessions sessions;
  async::Loop loop;
  loop.block_on(live(sessions));
  CHECK(sessions.list().empty());
}

TEST_CASE("a session is asked to end, and that wakes it", "[net]") {
  Sessions sessions;
  async::Loop loop;
  loop.block_on(end_one(sessions));
  CHECK_FALSE(sessions.end(1));
}
