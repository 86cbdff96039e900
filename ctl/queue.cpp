// quartetctl queue ...
#include "ctl/queue.h"

#include <fmt/format.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>
#include <vector>

#include "common/base/ascii.h"
#include "ctl/calls.h"
#include "ctl/json.h"
#include "ctl/queue_text.h"
#include "ctl/scope.h"
#include "ctl/selector.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
constexpr std::uint32_t kPage = 500;

std::string count_text(const v1::CountMessagesResponse& response) {
  auto text = fmt::format("{} recipients match\nqueue: {}\n", response.matched(), counts_text(response.queue()));
  for (const auto& domain : response.top_domain())
    text += fmt::format("{}\t{}\n", domain.recipients(), domain.domain());
  return text;
}

/// What peers have of a list, each page by page.
int list_of_peers(const Invocation& invocation, const v1::ListMessagesRequest& first, std::uint64_t limit) {
  std::vector<std::pair<std::string, std::string>> further;  // names, and tokens of the pages that follow
  std::map<std::string, std::uint64_t> listed;
  v1::AskPeersRequest request;
  *request.mutable_list_messages() = first;
  for (;;) {
    const int code = print_scope(invocation, request, [&](const v1::AskPeersResponse& response) {
      const auto& page = response.list_messages();
      auto& count = listed[response.name()];
      count += static_cast<std::uint64_t>(page.entry_size());
      if (!page.next_page_token().empty() && count < limit)
        further.emplace_back(response.name(), page.next_page_token());
      return page.entry_size() == 0 ? std::string() : entries_text(page.entry(), wall_now());
    });
    if (code != kOk || further.empty()) return code;
    request.set_only(further.back().first);
    request.mutable_list_messages()->set_page_token(further.back().second);
    further.pop_back();
  }
}

/// Page after page; a JSON array in all.
int list(const Invocation& invocation) {
  const auto limit = invocation.arguments.count("limit");
  if (!limit) return usage_error(invocation, limit.error());
  auto left = limit->value_or(~0ull);
  const auto begun = begin_queue_call(invocation);
  if (!begun.stub) return begun.code;
  v1::ListMessagesRequest request;
  *request.mutable_selector() = begun.selector;
  bool first = true;
  const auto fit = [&] { request.set_page_size(static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kPage))); };
  fit();
  const auto status = each_page<v1::ListMessagesResponse>(invocation, request, lister(begun), [&](const auto& page) {
    left -= static_cast<std::uint64_t>(page.entry_size());
    fit();
    if (invocation.json) {
      for (const auto& entry : page.entry()) {
        invocation.out << (first ? "[" : ",\n ") << to_json(entry);
        first = false;
      }
    } else if (page.entry_size() != 0) {
      invocation.out << entries_text(page.entry(), wall_now());
    }
    return left != 0;
  });
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) invocation.out << (first ? "[]\n" : "]\n");
  // On the standard error, so that a pipe gets whole lists and nothing else.
  if (!invocation.json && !request.page_token().empty()) invocation.err << "there are more: --limit cut the list\n";
  request.clear_page_token();
  request.set_page_size(static_cast<std::uint32_t>(std::min<std::uint64_t>(limit->value_or(kPage), kPage)));
  return list_of_peers(invocation, request, limit->value_or(~0ull));
}

int count(const Invocation& invocation) {
  v1::CountMessagesRequest request;
  if (const auto domains = invocation.arguments.value("domains")) {
    const auto number = ascii::to_number<std::uint32_t>(*domains);
    if (!number) return usage_error(invocation, "--domains: expected a number");
    request.set_top_domains(*number);
  }
  const auto begun = begin_queue_call(invocation);
  if (!begun.stub) return begun.code;
  *request.mutable_selector() = begun.selector;
  v1::CountMessagesResponse response;
  const auto status = ask(invocation, request, response, [&begun](auto& context, const auto& asked, auto& answer) {
    return begun.stub->CountMessages(&context, asked, &answer);
  });
  if (!status.ok()) return report(status, invocation);
  invocation.out << (invocation.json ? to_json(response) + "\n" : count_text(response));
  v1::AskPeersRequest others;
  *others.mutable_count_messages() = request;
  return print_scope(invocation, std::move(others),
                     [](const v1::AskPeersResponse& other) { return count_text(other.count_messages()); });
}

int show(const Invocation& invocation) {
  v1::GetMessageRequest request;
  const auto& id = invocation.arguments.operands().front();
  request.set_id(id.substr(0, id.find('.')));
  if (invocation.arguments.has("header")) request.set_content(v1::GetMessageRequest::CONTENT_HEADER);
  if (invocation.arguments.has("content")) request.set_content(v1::GetMessageRequest::CONTENT_ALL);
  const auto channel = connect(invocation);
  if (!channel) return usage_error(invocation, channel.error());
  const auto stub = v1::QueueService::NewStub(*channel);
  grpc::ClientContext context;
  set_deadline(context, invocation);
  v1::GetMessageResponse response;
  const auto status = stub->GetMessage(&context, request, &response);
  if (!status.ok()) return report(status, invocation);
  if (invocation.json) {
    invocation.out << to_json(response) << '\n';
    return kOk;
  }
  invocation.out << message_text(response, wall_now());
  if (request.content() != v1::GetMessageRequest::CONTENT_NONE) invocation.out << '\n' << response.content();
  if (response.content_truncated()) invocation.err << "the content was cut: it is longer than a response may be\n";
  return kOk;
}

void print_events(const Invocation& invocation, const v1::WatchQueueResponse& response) {
  for (const auto& event : response.event())
    invocation.out << (invocation.json ? to_json(event) : event_text(event)) << '\n';
  if (response.lost() != 0) {
    if (invocation.json) {
      invocation.out << "{\"kind\":\"lost\",\"lost\":" << response.lost() << "}\n";
    } else {
      invocation.out << response.lost() << " events were left out: this program was too slow\n";
    }
  }
  invocation.out.flush();
}

int watch(const Invocation& invocation) {
  grpc::ClientContext context;
  const Interrupt interrupt(context);
  const auto begun = begin_queue_call(invocation);
  if (!begun.stub) return begun.code;
  v1::WatchQueueRequest request;
  *request.mutable_selector() = begun.selector;
  set_stream_deadline(context, invocation);
  const auto stream = begun.stub->WatchQueue(&context, request);
  v1::WatchQueueResponse response;
  while (stream->Read(&response)) print_events(invocation, response);
  const auto status = stream->Finish();
  if (interrupt.happened()) return kOk;
  // The user said how long to watch.
  if (invocation.timeout && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return kOk;
  return report(status, invocation);
}

std::vector<Option> with(std::vector<Option> options, std::vector<Option> more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

}  // namespace

QueueCall begin_queue_call(const Invocation& invocation) {
  QueueCall call;
  auto selector = read_selector(invocation.arguments);
  if (!selector) {
    call.code = usage_error(invocation, selector.error());
    return call;
  }
  call.selector = std::move(*selector);
  auto stub = queue_stub(invocation);
  if (!stub) {
    call.code = usage_error(invocation, stub.error());
    return call;
  }
  call.stub = *std::move(stub);
  return call;
}

std::expected<std::unique_ptr<v1::QueueService::Stub>, std::string> queue_stub(const Invocation& invocation) {
  const auto channel = connect(invocation);
  if (!channel) return std::unexpected(channel.error());
  return v1::QueueService::NewStub(*channel);
}

std::vector<Command> queue_commands() {
  constexpr std::size_t kMany = 10'000;
  std::vector<Command> commands = {
      {"queue", "list", "[ID...]", 0, kMany, "recipients in the queue, in order of acceptance",
       with(selector_options(), {{"limit", "N", "at most N recipients"}, kScopeOption}), list},
      {"queue", "count", "[ID...]", 0, kMany, "how many recipients match",
       with(selector_options(), {{"domains", "N", "also the N recipient domains with the most mail"}, kScopeOption}),
       count},
      {"queue",
       "show",
       "ID",
       1,
       1,
       "one message: envelope, recipients, content",
       {{"header", "", "with its header section"}, {"content", "", "with all its content"}},
       show},
      {"queue",
       "watch",
       "[ID...]",
       0,
       kMany,
       "events as they happen, until Ctrl-C or --timeout",
       event_selector_options(),
       watch,
       true,
       {},
       Command::Several::kNo},
  };
  for (const auto& more :
       {queue_shape_commands(), queue_export_commands(), queue_import_commands(), queue_change_commands()})
    commands.insert(commands.end(), more.begin(), more.end());
  return commands;
}

}  // namespace quartet::ctl
