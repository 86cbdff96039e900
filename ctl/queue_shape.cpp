// quartetctl queue shape
#include <fmt/format.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <ostream>

#include "ctl/calls.h"
#include "ctl/json.h"
#include "ctl/queue.h"
#include "ctl/scope.h"
#include "ctl/selector.h"
#include "ctl/table.h"
#include "ctl/values.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Request = v1::ShapeQueueRequest;

bool read_by(const std::string& text, Request& request) {
  if (text == "domain") {
    request.set_by(Request::BY_RECIPIENT_DOMAIN);
  } else if (text == "sender") {
    request.set_by(Request::BY_SENDER);
  } else if (text == "sender-domain") {
    request.set_by(Request::BY_SENDER_DOMAIN);
  } else if (text == "code") {
    request.set_by(Request::BY_LAST_CODE);
  } else {
    return false;
  }
  return true;
}

std::string label(Request::By by, const std::string& name) {
  if (by == Request::BY_SENDER) return "<" + plain(name) + ">";
  if (by == Request::BY_LAST_CODE && name == "0") return "none";
  return name.empty() ? "<>" : plain(name);
}

std::string shape_text(Request::By by, const v1::ShapeQueueResponse& response) {
  std::vector<Table::Column> columns = {{by == Request::BY_LAST_CODE       ? "CODE"
                                         : by == Request::BY_SENDER        ? "SENDER"
                                         : by == Request::BY_SENDER_DOMAIN ? "SENDER DOMAIN"
                                                                           : "DOMAIN"},
                                        {"TOTAL", true}};
  std::int64_t last = 0;
  for (const auto& limit : response.younger_than())
    columns.push_back({std::to_string(last = limit.seconds() / 60), true});
  columns.push_back({fmt::format("{}+", last), true});
  Table table(std::move(columns));
  const auto add = [&](std::string name, const v1::ShapeQueueResponse::Group& group) {
    std::vector<std::string> cells = {std::move(name), std::to_string(group.total())};
    for (const auto recipients : group.recipients()) cells.push_back(std::to_string(recipients));
    table.add(std::move(cells));
  };
  add("TOTAL", response.total());
  for (const auto& group : response.group()) add(label(by, group.name()), group);
  auto text = table.text();
  if (const auto listed = static_cast<std::uint64_t>(response.group_size()); listed < response.all_groups())
    text += fmt::format("and {} more, with less\n", response.all_groups() - listed);
  return text;
}

int shape(const Invocation& invocation) {
  Request request;
  if (!read_by(invocation.arguments.value("by").value_or("domain"), request))
    return usage_error(invocation, "--by: expected domain, sender, sender-domain or code");
  const auto limit = invocation.arguments.count("limit");
  if (!limit) return usage_error(invocation, limit.error());
  request.set_groups(static_cast<std::uint32_t>(std::min<std::uint64_t>(limit->value_or(0), 1000)));
  const auto begun = begin_queue_call(invocation);
  if (!begun.stub) return begun.code;
  *request.mutable_selector() = begun.selector;
  v1::ShapeQueueResponse response;
  const auto status = ask(invocation, request, response, [&begun](auto& context, const auto& asked, auto& answer) {
    return begun.stub->ShapeQueue(&context, asked, &answer);
  });
  if (!status.ok()) return report(status, invocation);
  invocation.out << (invocation.json ? to_json(response) + "\n" : shape_text(request.by(), response));
  v1::AskPeersRequest others;
  *others.mutable_shape_queue() = request;
  return print_scope(invocation, std::move(others), [&request](const v1::AskPeersResponse& other) {
    return shape_text(request.by(), other.shape_queue());
  });
}

}  // namespace

std::vector<Command> queue_shape_commands() {
  auto options = selector_options();
  options.push_back({"by", "GROUP", "domain (of recipients; the default), sender, sender-domain or code",
                     "domain sender sender-domain code"});
  options.push_back({"limit", "N", "at most N groups (default: 20)"});
  options.push_back(kScopeOption);
  return {{"queue", "shape", "[ID...]", 0, 10'000, "recipients by group and by age in minutes: who has old mail",
           std::move(options), shape}};
}

}  // namespace quartet::ctl
