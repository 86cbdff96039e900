#include "ctl/sendmail/queues.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <sysexits.h>

#include <ostream>

#include "common/base/ascii.h"
#include "common/base/time.h"
#include "ctl/client.h"
#include "ctl/values.h"
#include "quartet/control/v1/queue.grpc.pb.h"

namespace quartet::sendmail {
namespace {

namespace v1 = control::v1;
using Stub = v1::QueueService::Stub;

constexpr std::uint32_t kPage = 500;

/// Calls `ask` for each control plane; the worst code of them.
template <typename Ask>
int for_each_queue(const Settings& settings, std::ostream& out, std::ostream& err, Ask ask) {
  if (settings.controls.empty()) {
    err << "sendmail: which agent's queue? Set QUARTET_TARGET, or `control` in the configuration\n";
    return EX_CONFIG;
  }
  int code = EX_OK;
  const ctl::Arguments none;
  for (const auto& target : settings.controls) {
    const ctl::Invocation invocation{
        none, out, err, target, settings.control_ca, settings.control_certificate, settings.control_key, false, {}};
    const auto channel = ctl::connect(invocation);
    if (!channel) {
      err << "sendmail: " << channel.error() << '\n';
      code = EX_UNAVAILABLE;
    } else if (ask(*v1::QueueService::NewStub(*channel), invocation) != ctl::kOk) {
      code = EX_UNAVAILABLE;
    }
  }
  return code;
}

int list(Stub& stub, const ctl::Invocation& invocation, std::vector<v1::QueueEntry>& entries) {
  v1::ListMessagesRequest request;
  request.set_page_size(kPage);
  do {
    grpc::ClientContext context;
    ctl::set_deadline(context, invocation);
    v1::ListMessagesResponse response;
    const auto status = stub.ListMessages(&context, request, &response);
    if (!status.ok()) return ctl::report(status, invocation);
    entries.insert(entries.end(), response.entry().begin(), response.entry().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return ctl::kOk;
}

int retry(Stub& stub, const ctl::Invocation& invocation) {
  v1::ChangeRequest request;
  request.mutable_selector()->set_all(true);
  request.set_reason("sendmail -q");
  grpc::ClientContext context;
  ctl::set_deadline(context, invocation);
  v1::ChangeResponse response;
  return ctl::report(stub.RetryNow(&context, request, &response), invocation);
}

/// "Tue Nov 24 13:05:09" of RFC 5322's "Tue, 24 Nov 2026 13:05:09 +0000", whose day may have one digit.
std::string arrival(const v1::QueueEntry& entry) {
  const auto date = to_rfc5322(from_micros(entry.received().seconds() * 1'000'000));
  const auto words = ascii::split(date, ' ');
  return fmt::format("{} {} {:>2} {}", words[0].substr(0, 3), words[2], words[1], words[4]);
}

char mark(const v1::QueueEntry& entry) {
  if (entry.state() == v1::STATE_ACTIVE) return '*';
  return entry.state() == v1::STATE_HELD ? '!' : ' ';
}

}  // namespace

std::string mailq_text(const std::vector<v1::QueueEntry>& entries) {
  if (entries.empty()) return "Mail queue is empty\n";
  std::string out = fmt::format("{:<27} {:>8} {:<19} {}\n", "-Queue ID-", "--Size--", "---Arrival (UTC)---",
                                "-Sender/Recipient-------");
  std::uint64_t octets = 0;
  std::size_t messages = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    if (i == 0 || entries[i - 1].message_id() != entry.message_id()) {
      out += fmt::format("{}{}{} {:>8} {:<19} {}\n", i == 0 ? "" : "\n", entry.message_id(), mark(entry), entry.size(),
                         arrival(entry), entry.sender().empty() ? "MAILER-DAEMON" : ctl::plain(entry.sender()));
      octets += entry.size();
      ++messages;
    }
    if (entry.last().code() != 0 || !entry.last().text().empty())
      out += fmt::format("{:>30}({} {} {})\n", "", entry.last().code(), ctl::plain(entry.last().enhanced()),
                         ctl::plain(entry.last().text()));
    out += fmt::format("{:>57}{}\n", "", ctl::plain(entry.recipient()));
  }
  return out +
         fmt::format("\n-- {} Kbytes in {} Request{}.\n", (octets + 1023) / 1024, messages, messages == 1 ? "" : "s");
}

int list_queues(const Settings& settings, std::ostream& out, std::ostream& err) {
  std::vector<v1::QueueEntry> entries;
  const auto code = for_each_queue(settings, out, err, [&](Stub& stub, const ctl::Invocation& invocation) {
    return list(stub, invocation, entries);
  });
  if (code == EX_OK || !entries.empty()) out << mailq_text(entries);
  return code;
}

int retry_queues(const Settings& settings, std::ostream& err) { return for_each_queue(settings, err, err, retry); }

}  // namespace quartet::sendmail
