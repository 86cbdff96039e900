// Mailboxes and quota through the control plane.
#include <grpcpp/create_channel.h>

#include "common/async/loop.h"
#include "common/control/message_choice.h"
#include "common/store/store.h"
#include "helpers.h"
#include "quartet/control/v1/mailbox.grpc.pb.h"

using namespace quartet;
using namespace quartet::control;
using namespace quartet::control::test;
using grpc::StatusCode;
using Stub = v1::MailboxService::Stub;

namespace {

struct Served : Running {
  std::unique_ptr<store::Store> mailboxes;
  std::unique_ptr<Stub> stub;

  Served() {
    people = (directory.path() / "people").string();
    std::ofstream(people) << "domain { name: \"a.test\" }\n"
                             "account { login: \"ann@a.test\" address: \"anna@a.test\" }\n"
                             "account { login: \"bob@a.test\" }\n";
    store::Options options;
    options.directory = (directory.path() / "store").string();
    options.shards = 2;
    mailboxes = *store::open_store(std::move(options));
    store = mailboxes.get();
    start();
    stub = v1::MailboxService::NewStub(grpc::CreateChannel(target(), grpc::InsecureChannelCredentials()));
  }
  ~Served() { server.reset(); }

  template <typename Request, typename Response>
  Response ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*), const Request& request,
               StatusCode code = StatusCode::OK) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    Response response;
    const auto status = (stub.get()->*method)(&context, request, &response);
    INFO(status.error_message());
    CHECK(status.error_code() == code);
    return response;
  }
  void create(const std::string& account, const std::string& name, StatusCode code = StatusCode::OK) const {
    v1::CreateMailboxRequest request;
    request.set_account(account);
    request.set_name(name);
    ask(&Stub::CreateMailbox, request, code);
  }
  std::vector<std::string> names(const std::string& account, const std::string& below = "") const {
    v1::ListMailboxesRequest request;
    request.set_account(account);
    request.set_name(below);
    request.set_page_size(2);
    std::vector<std::string> out;
    do {
      const auto page = ask(&Stub::ListMailboxes, request);
      for (const auto& mailbox : page.mailbox()) out.push_back(mailbox.name());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return out;
  }
  void deliver(const std::string& mailbox, std::chrono::hours age, std::uint64_t flags,
               std::vector<std::string> keywords = {}) const {
    store::DeliveryTarget target;
    target.account = "ann@a.test";
    target.mailbox = mailbox;
    target.flags = flags;
    target.keywords = std::move(keywords);
    async::Loop loop;
    const auto stored = loop.block_on(mailboxes->deliver(
        {target}, std::make_shared<const std::string>("Subject: x\r\n\r\ntext\r\n"), wall_now() - age));
    REQUIRE(stored.front().has_value());
  }
  v1::Mailbox inbox() const {
    v1::ListMailboxesRequest request;
    request.set_account("ann@a.test");
    request.set_name("inbox");
    return ask(&Stub::ListMailboxes, request).mailbox(0);
  }
};

}  // namespace

TEST_CASE("mailboxes are made, listed, renamed and removed", "[control]") {
  const LogCapture log;
  const Served served;
  served.create("anna@a.test", "Work/2026");
  served.create("ann@a.test", "Work", StatusCode::ALREADY_EXISTS);
  served.create("ann@a.test", "a//b", StatusCode::INVALID_ARGUMENT);
  served.create("eve@a.test", "Work", StatusCode::NOT_FOUND);
  served.create("ann@a.test", "Worker");
  CHECK(served.names("ann@a.test") == std::vector<std::string>{"INBOX", "Work", "Work/2026", "Worker"});
  CHECK(served.names("ann@a.test", "Work") == std::vector<std::string>{"Work", "Work/2026"});

  v1::RenameMailboxRequest rename;
  rename.set_account("ann@a.test");
  rename.set_from("Work");
  rename.set_to("Old");
  served.ask(&Stub::RenameMailbox, rename);
  served.ask(&Stub::RenameMailbox, rename, StatusCode::NOT_FOUND);
  CHECK(served.names("ann@a.test") == std::vector<std::string>{"INBOX", "Old", "Old/2026", "Worker"});

  v1::SubscribeMailboxRequest subscribe;
  subscribe.set_account("ann@a.test");
  subscribe.set_name("Ghost");
  subscribe.set_subscribed(true);
  served.ask(&Stub::SubscribeMailbox, subscribe);
  CHECK(served.names("ann@a.test", "Ghost").size() == 1);
  subscribe.set_subscribed(false);
  served.ask(&Stub::SubscribeMailbox, subscribe);
  CHECK(served.names("ann@a.test", "Ghost").empty());

  served.deliver("Old/2026", std::chrono::hours(1), 0);
  v1::DeleteMailboxRequest remove;
  remove.set_account("ann@a.test");
  remove.set_name("Old/2026");
  remove.set_dry_run(true);
  remove.set_reason("spring");
  CHECK(served.ask(&Stub::DeleteMailbox, remove).messages() == 1);
  remove.set_dry_run(false);
  CHECK(served.ask(&Stub::DeleteMailbox, remove).messages() == 1);
  served.ask(&Stub::DeleteMailbox, remove, StatusCode::NOT_FOUND);
  remove.set_name("INBOX");
  served.ask(&Stub::DeleteMailbox, remove, StatusCode::FAILED_PRECONDITION);
  CHECK(log.text().find("\"verb\":\"mailbox_delete\"") != std::string::npos);
  CHECK(log.text().find("spring") != std::string::npos);
}

TEST_CASE("access control lists", "[control]") {
  const Served served;
  v1::SetMailboxAclRequest set;
  set.set_account("ann@a.test");
  set.set_name("INBOX");
  set.set_identifier("Bob@a.test");
  const auto rights = [&](const std::string& letters, StatusCode code = StatusCode::OK) {
    set.set_rights(letters);
    const auto response = served.ask(&Stub::SetMailboxAcl, set, code);
    return response.entry().empty() ? "" : response.entry(0).identifier() + " " + response.entry(0).rights();
  };
  CHECK(rights("lr") == "bob@a.test lr");
  CHECK(rights("+sw") == "bob@a.test lrsw");
  CHECK(rights("-w") == "bob@a.test lrs");
  rights("lrz", StatusCode::INVALID_ARGUMENT);
  v1::GetMailboxAclRequest get;
  get.set_account("ann@a.test");
  get.set_name("INBOX");
  CHECK(served.ask(&Stub::GetMailboxAcl, get).entry_size() == 1);
  CHECK(rights("") == "");
  set.set_identifier("");
  rights("l", StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("messages are removed and moved by age, flags, size and UID", "[control]") {
  const Served served;
  using std::chrono::hours;
  served.deliver("INBOX", hours(100), store::flag::kSeen);
  served.deliver("INBOX", hours(50), store::flag::kSeen | store::flag::kFlagged);
  served.deliver("INBOX", hours(10), 0, {"$Junk"});
  served.deliver("INBOX", hours(1), 0);
  v1::ExpungeMessagesRequest request;
  request.set_account("ann@a.test");
  request.set_name("INBOX");
  request.set_dry_run(true);
  const auto count = [&](const std::function<void(v1::MessageSelector&)>& condition) {
    request.mutable_selector()->Clear();
    condition(*request.mutable_selector());
    return served.ask(&Stub::ExpungeMessages, request).messages();
  };
  CHECK(count([](auto& s) { s.set_all(true); }) == 4);
  CHECK(count([](auto& s) { s.mutable_older_than()->set_seconds(48 * 3600); }) == 2);
  CHECK(count([](auto& s) { s.mutable_newer_than()->set_seconds(48 * 3600); }) == 2);
  CHECK(count([](auto& s) { s.add_flag("\\seen"); }) == 2);
  CHECK(count([](auto& s) { s.add_flag("\\Seen"), s.add_no_flag("\\Flagged"); }) == 1);
  CHECK(count([](auto& s) { s.add_flag("$junk"); }) == 1);
  CHECK(count([](auto& s) { s.add_no_flag("$JUNK"); }) == 3);
  CHECK(count([](auto& s) { s.add_flag("$Unknown"); }) == 0);
  CHECK(count([](auto& s) { s.add_no_flag("$Unknown"); }) == 4);
  CHECK(count([](auto& s) { s.set_larger_than(1); }) == 4);
  CHECK(count([](auto& s) { s.set_larger_than(20); }) == 0);
  CHECK(count([](auto& s) { s.add_uid(4), s.add_uid(2), s.add_uid(9); }) == 2);
  CHECK(served.inbox().messages() == 4);

  request.mutable_selector()->Clear();
  served.ask(&Stub::ExpungeMessages, request, StatusCode::INVALID_ARGUMENT);  // which?
  request.mutable_selector()->add_flag("\\Odd");
  served.ask(&Stub::ExpungeMessages, request, StatusCode::INVALID_ARGUMENT);
  request.mutable_selector()->Clear();
  request.mutable_selector()->add_no_flag("Flagged");  // as a shell leaves it of \Flagged
  served.ask(&Stub::ExpungeMessages, request, StatusCode::INVALID_ARGUMENT);
  request.set_dry_run(false);
  request.mutable_selector()->Clear();
  request.mutable_selector()->add_flag("\\Seen");
  request.set_max_affected(1);
  served.ask(&Stub::ExpungeMessages, request, StatusCode::FAILED_PRECONDITION);
  CHECK(served.inbox().messages() == 4);
  request.set_max_affected(2);
  CHECK(served.ask(&Stub::ExpungeMessages, request).messages() == 2);
  CHECK(served.inbox().messages() == 2);

  served.create("bob@a.test", "From Ann");
  v1::MoveMessagesRequest move;
  move.set_account("ann@a.test");
  move.set_name("INBOX");
  move.set_to_account("bob@a.test");
  move.set_to("Nowhere");
  move.mutable_selector()->add_flag("$Junk");
  served.ask(&Stub::MoveMessages, move, StatusCode::NOT_FOUND);
  move.set_to("From Ann");
  CHECK(served.ask(&Stub::MoveMessages, move).messages() == 1);
  CHECK(served.inbox().messages() == 1);
  move.set_to_account("");
  move.set_to("INBOX");
  served.ask(&Stub::MoveMessages, move, StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("quota of mailboxes is set and shown, and counted anew", "[control]") {
  const Served served;
  served.create("ann@a.test", "Small");
  v1::SetMailboxQuotaRequest set;
  set.set_account("ann@a.test");
  set.set_name("Small");
  set.set_messages(3);
  CHECK(served.ask(&Stub::SetMailboxQuota, set).quota().messages_limit() == 3);
  set.clear_messages();
  set.set_bytes(1000);
  CHECK(served.ask(&Stub::SetMailboxQuota, set).quota().messages_limit() == 3);
  served.deliver("Small", std::chrono::hours(0), 0);
  v1::GetQuotaRequest get;
  get.set_account("ann@a.test");
  const auto quota = served.ask(&Stub::GetQuota, get);
  CHECK(quota.account().messages() == 1);
  REQUIRE(quota.mailbox_size() == 1);
  CHECK(quota.mailbox(0).name() == "Small");
  CHECK(quota.mailbox(0).quota().messages() == 1);
  CHECK(quota.mailbox(0).quota().bytes_limit() == 1000);
  v1::RecountQuotaRequest recount;
  recount.set_account("ann@a.test");
  const auto counted = served.ask(&Stub::RecountQuota, recount);
  CHECK(counted.wrong() == 0);
  CHECK(counted.account().messages() == 1);
}
