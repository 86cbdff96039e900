// The sessions of an agent through the control plane.
#include <grpcpp/create_channel.h>

#include "common/net/sessions.h"
#include "helpers.h"
#include "quartet/control/v1/session.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;

namespace {

struct Served : Running {
  net::Sessions list;
  std::unique_ptr<v1::SessionService::Stub> stub;

  Served() {
    sessions = &list;
    start();
    stub = v1::SessionService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~Served() { server.reset(); }
  v1::ListSessionsResponse ask(const v1::ListSessionsRequest& request,
                               grpc::StatusCode code = grpc::StatusCode::OK) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::ListSessionsResponse response;
    CHECK(stub->ListSessions(&context, request, &response).error_code() == code);
    return response;
  }
  std::uint64_t kick(const v1::KickRequest& request, grpc::StatusCode code = grpc::StatusCode::OK) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::KickResponse response;
    CHECK(stub->Kick(&context, request, &response).error_code() == code);
    return response.sessions();
  }
};

async::Task<void> two_sessions(Served& served) {
  auto [one, other] = net::make_pipe();
  const auto first = served.list.enter("smtp", *one);
  const auto second = served.list.enter("imap", *other);
  second.record().logged_in("ann@a.test");
  v1::ListSessionsRequest page;
  page.set_page_size(1);
  const auto begin = served.ask(page);
  REQUIRE(begin.session_size() == 1);
  CHECK(begin.session(0).protocol() == "smtp");
  page.set_page_token(begin.next_page_token());
  const auto rest = served.ask(page);
  REQUIRE(rest.session_size() == 1);
  CHECK(rest.session(0).login() == "ann@a.test");
  CHECK(rest.next_page_token().empty());

  v1::KickRequest kick;
  served.kick(kick, grpc::StatusCode::INVALID_ARGUMENT);
  kick.mutable_selector()->set_login("ANN@a.test");
  kick.set_dry_run(true);
  CHECK(served.kick(kick) == 1);
  CHECK_FALSE(second.record().is_to_end());
  kick.set_dry_run(false);
  CHECK(served.kick(kick) == 1);
  CHECK(second.record().is_to_end());
  CHECK_FALSE(first.record().is_to_end());
  kick.mutable_selector()->add_id(1);  // both conditions hold for none
  CHECK(served.kick(kick) == 0);
  const auto waited = co_await second.record().end_wish().wait(async::Deadline::after(std::chrono::seconds(20)));
  CHECK(waited == async::Wait::kReady);
}

}  // namespace

TEST_CASE("sessions are listed page by page, and ended by a condition", "[control]") {
  LogCapture log;
  Served served;
  async::Loop loop;
  loop.block_on(two_sessions(served));
  CHECK(served.ask({}).session_size() == 0);
  CHECK(log.text().find("\"verb\":\"kick\"") != std::string::npos);
  v1::ListSessionsRequest odd;
  odd.set_page_token("first");
  served.ask(odd, grpc::StatusCode::INVALID_ARGUMENT);
  odd.set_page_token("");
  odd.set_page_size(1001);
  served.ask(odd, grpc::StatusCode::INVALID_ARGUMENT);
}
