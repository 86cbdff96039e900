// Accounts through the control plane.
#include <grpcpp/create_channel.h>

#include "helpers.h"
#include "quartet/control/v1/directory.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;

namespace {

constexpr const char* kPeople =
    "domain { name: \"a.test\" }  # ours\n"
    "domain { name: \"b.test\" }\n"
    "account { login: \"ann@a.test\" address: \"anna@b.test\" password_hash: \"$y$j9T$x$secret\" }\n"
    "account { login: \"bob@a.test\" }\n"
    "alias { address: \"all@a.test\" target: \"ann@a.test\" sender: \"bob@a.test\" }\n";

struct Served : Running {
  std::unique_ptr<v1::DirectoryService::Stub> stub;

  Served() {
    people = (directory.path() / "people").string();
    std::ofstream(people) << kPeople;
    start();
    stub = v1::DirectoryService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~Served() { server.reset(); }

  template <typename Request, typename Response>
  Response ask(grpc::Status (v1::DirectoryService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
               const Request& request, StatusCode code = StatusCode::OK) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    Response response;
    const auto status = (stub.get()->*method)(&context, request, &response);
    INFO(status.error_message());
    CHECK(status.error_code() == code);
    return response;
  }
  v1::Account show(const std::string& login, StatusCode code = StatusCode::OK) const {
    v1::GetAccountRequest request;
    request.set_login(login);
    return ask(&v1::DirectoryService::Stub::GetAccount, request, code).account();
  }
  v1::Account update(const v1::UpdateAccountRequest& request, StatusCode code = StatusCode::OK) const {
    return ask(&v1::DirectoryService::Stub::UpdateAccount, request, code).account();
  }
  std::string file() const {
    std::ifstream in(people);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

}  // namespace

TEST_CASE("accounts are listed in pages, and by domain", "[control]") {
  const Served served;
  v1::ListAccountsRequest request;
  request.set_page_size(1);
  const auto first = served.ask(&v1::DirectoryService::Stub::ListAccounts, request);
  REQUIRE(first.account_size() == 1);
  CHECK(first.account(0).login() == "ann@a.test");
  request.set_page_token(first.next_page_token());
  const auto second = served.ask(&v1::DirectoryService::Stub::ListAccounts, request);
  REQUIRE(second.account_size() == 1);
  CHECK(second.account(0).login() == "bob@a.test");
  CHECK(second.next_page_token().empty());
  request.Clear();
  request.set_domain("B.test");
  CHECK(served.ask(&v1::DirectoryService::Stub::ListAccounts, request).account_size() == 1);
  request.set_domain("test");
  CHECK(served.ask(&v1::DirectoryService::Stub::ListAccounts, request).account_size() == 0);
  request.set_page_size(1001);
  served.ask(&v1::DirectoryService::Stub::ListAccounts, request, StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("an agent without a store says so, and not that it cannot be reached", "[control]") {
  const Served served;
  v1::ListAccountsRequest request;
  request.set_left_over(true);
  served.ask(&v1::DirectoryService::Stub::ListAccounts, request, StatusCode::UNIMPLEMENTED);
}

TEST_CASE("an account is made, changed and removed, and no secret is told", "[control]") {
  const LogCapture log;
  const Served served;
  v1::AddAccountRequest add;
  add.set_login("Cy@a.test");
  add.add_address("cyrus@b.test");
  add.mutable_secret()->set_password_hash("$y$j9T$x$cysecret");
  add.set_quota_bytes(5000);
  add.set_reason("a new colleague");
  const auto added = served.ask(&v1::DirectoryService::Stub::AddAccount, add);
  CHECK(added.account().login() == "cy@a.test");
  CHECK(added.account().has_password());
  CHECK(added.account().enabled());
  CHECK(added.not_in_use().empty());
  CHECK_FALSE(added.account().has_usage());  // no store
  served.ask(&v1::DirectoryService::Stub::AddAccount, add, StatusCode::ALREADY_EXISTS);

  v1::UpdateAccountRequest update;
  update.set_login("cyrus@b.test");
  update.set_enabled(false);
  update.set_quota_messages(7);
  update.add_add_address("c@a.test");
  update.add_remove_address("CYRUS@b.test");
  const auto changed = served.update(update);
  CHECK_FALSE(changed.enabled());
  CHECK(changed.quota_bytes() == 5000);
  CHECK(changed.quota_messages() == 7);
  REQUIRE(changed.address_size() == 1);
  CHECK(changed.address(0) == "c@a.test");
  served.show("cyrus@b.test", StatusCode::NOT_FOUND);

  v1::RemoveAccountRequest remove;
  remove.set_login("cy@a.test");
  CHECK(served.ask(&v1::DirectoryService::Stub::RemoveAccount, remove).account().login() == "cy@a.test");
  CHECK(served.file() == kPeople);
  served.ask(&v1::DirectoryService::Stub::RemoveAccount, remove, StatusCode::NOT_FOUND);
  remove.set_login("bob@a.test");
  served.ask(&v1::DirectoryService::Stub::RemoveAccount, remove, StatusCode::INVALID_ARGUMENT);

  const auto text = log.text();
  CHECK(text.find("\"verb\":\"account_add\"") != std::string::npos);
  CHECK(text.find("a new colleague") != std::string::npos);
  CHECK(text.find("disable quota_messages=7 +c@a.test -CYRUS@b.test") != std::string::npos);
  CHECK(text.find("control.refused") != std::string::npos);
  CHECK(text.find("cysecret") == std::string::npos);
}

TEST_CASE("what an account may not become", "[control]") {
  Served served;
  v1::UpdateAccountRequest update;
  update.set_login("ann@a.test");
  update.mutable_secret()->set_password_hash("pencil");  // in clear
  served.update(update, StatusCode::INVALID_ARGUMENT);
  update.Clear();
  update.set_login("ann@a.test");
  update.add_remove_address("nobody@a.test");
  served.update(update, StatusCode::INVALID_ARGUMENT);
  update.Clear();
  update.set_login("ann@a.test");
  update.add_add_address("all@a.test");
  served.update(update, StatusCode::INVALID_ARGUMENT);
  update.set_reason(std::string(1001, 'x'));
  served.update(update, StatusCode::INVALID_ARGUMENT);
  update.Clear();
  served.update(update, StatusCode::INVALID_ARGUMENT);  // whose?
  update.set_login("eve@a.test");
  served.update(update, StatusCode::NOT_FOUND);
  CHECK(served.file() == kPeople);
  std::filesystem::remove(served.people);
  update.set_login("ann@a.test");
  update.set_enabled(false);
  served.update(update, StatusCode::FAILED_PRECONDITION);
  CHECK(served.show("ann@a.test").enabled());
}
