// quartetctl top
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <ostream>
#include <thread>
#include <tuple>

#include "common/base/duration.h"
#include "common/base/time.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/terminal.h"
#include "ctl/top_frame.h"
#include "quartet/control/v1/destination.grpc.pb.h"
#include "quartet/control/v1/node.grpc.pb.h"
#include "quartet/control/v1/queue.grpc.pb.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;

constexpr auto kPatience = std::chrono::seconds(3);
constexpr auto kAgain = std::chrono::seconds(1);

/// The events of an agent's queue, counted on a thread of their own; after a break the watch begins anew.
class EventCounter {
 public:
  explicit EventCounter(std::shared_ptr<grpc::Channel> channel)
      : stub_(v1::QueueService::NewStub(channel)), thread_([this] { run(); }) {}
  ~EventCounter() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (context_) context_->TryCancel();
    }
    wake_.notify_all();
    thread_.join();
  }

  struct Counts {
    std::uint64_t accepted = 0, delivered = 0, deferred = 0, failed = 0, lost = 0;
  };
  Counts take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(counts_, {});
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      context_ = std::make_unique<grpc::ClientContext>();
      lock.unlock();
      const auto stream = stub_->WatchQueue(context_.get(), {});
      v1::WatchQueueResponse response;
      while (stream->Read(&response)) count(response);
      (void)stream->Finish();
      lock.lock();
      wake_.wait_for(lock, kAgain, [this] { return stopping_; });
    }
  }

  void count(const v1::WatchQueueResponse& response) {
    const std::lock_guard lock(mutex_);
    counts_.lost += response.lost();
    for (const auto& event : response.event()) {
      if (event.kind() == v1::QueueEvent::KIND_ENQUEUED) ++counts_.accepted;
      if (event.kind() == v1::QueueEvent::KIND_DELIVERED) ++counts_.delivered;
      if (event.kind() == v1::QueueEvent::KIND_DEFERRED) ++counts_.deferred;
      if (event.kind() == v1::QueueEvent::KIND_BOUNCED || event.kind() == v1::QueueEvent::KIND_EXPIRED)
        ++counts_.failed;
    }
  }

  std::unique_ptr<v1::QueueService::Stub> stub_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::unique_ptr<grpc::ClientContext> context_;
  Counts counts_;
  std::thread thread_;
};

/// An agent that is looked at.
class Watched {
 public:
  Watched(std::string name, std::shared_ptr<grpc::Channel> channel)
      : channel_(std::move(channel)), events_(channel_), taken_(std::chrono::steady_clock::now()) {
    agent_.name = std::move(name);
  }

  const TopAgent& look() {
    const auto now = std::chrono::steady_clock::now();
    const auto seconds = std::max(std::chrono::duration<double>(now - std::exchange(taken_, now)).count(), 0.001);
    const auto counts = events_.take();
    agent_.rates = {static_cast<double>(counts.accepted) / seconds, static_cast<double>(counts.delivered) / seconds,
                    static_cast<double>(counts.deferred) / seconds, static_cast<double>(counts.failed) / seconds};
    agent_.lost = counts.lost;
    agent_.error.clear();
    if (const auto status = ask_node(); !status.ok()) agent_.error = status.error_message();
    if (agent_.error.empty()) ask_sites();
    agent_.remember();
    return agent_;
  }

 private:
  grpc::Status ask_node() {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::GetStatusResponse response;
    auto status = v1::NodeService::NewStub(channel_)->GetStatus(&context, {}, &response);
    if (!status.ok()) return status;
    agent_.state = response.agent() + "@" + response.hostname() + " " +
                   (response.trouble().empty() ? "ready" : "not ready: " + response.trouble());
    const auto& queue = response.queue();
    agent_.messages = queue.messages();
    agent_.queued = queue.queued();
    agent_.active = queue.active();
    agent_.deferred = queue.deferred();
    agent_.held = queue.held();
    return status;
  }

  /// All sites; none of an agent that does not relay.
  void ask_sites() {
    agent_.sites.clear();
    const auto stub = v1::DestinationService::NewStub(channel_);
    v1::ListDestinationsRequest request;
    do {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + kPatience);
      v1::ListDestinationsResponse response;
      if (!stub->ListDestinations(&context, request, &response).ok()) break;
      for (const auto& one : response.destination())
        agent_.sites.push_back({one.site(), one.state() == v1::Destination::STATE_BACKOFF, one.ready(),
                                one.connections(), one.last_failure()});
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    std::ranges::sort(agent_.sites, std::ranges::greater(), [](const TopSite& site) {
      return std::tuple(site.ready, site.connections, std::string_view(site.site));
    });
  }

  std::shared_ptr<grpc::Channel> channel_;
  TopAgent agent_;
  EventCounter events_;
  std::chrono::steady_clock::time_point taken_;
};

using Agents = std::vector<std::unique_ptr<Watched>>;

std::expected<Agents, std::string> open_agents(const Invocation& invocation) {
  auto contexts = invocation.contexts;
  if (contexts.empty())
    contexts.push_back({invocation.target, invocation.target, invocation.ca, invocation.certificate, invocation.key});
  Agents agents;
  for (const auto& context : contexts) {
    auto one = invocation;
    go_to(one, context);
    auto channel = connect(one);
    if (!channel) return std::unexpected(channel.error());
    agents.push_back(std::make_unique<Watched>(context.name, *std::move(channel)));
  }
  return agents;
}

/// The time until the next look, in which 'q' or a signal may come. False: it is enough.
class Pause {
 public:
  Pause(std::optional<Terminal>& terminal, const Interrupt& interrupt, std::chrono::milliseconds interval)
      : terminal_(terminal), interrupt_(interrupt), interval_(interval) {}

  bool wait() {
    const auto until = std::chrono::steady_clock::now() + interval_;
    for (auto now = until - interval_; now < until; now = std::chrono::steady_clock::now()) {
      const auto moment =
          std::min(std::chrono::ceil<std::chrono::milliseconds>(until - now), std::chrono::milliseconds(100));
      if (interrupt_.happened()) return false;
      if (!terminal_) {
        std::this_thread::sleep_for(moment);
      } else if (terminal_->key(moment) == 'q') {
        return false;
      }
    }
    return true;
  }

 private:
  std::optional<Terminal>& terminal_;
  const Interrupt& interrupt_;
  std::chrono::milliseconds interval_;
};

/// Whether any agent answered.
bool show(const Invocation& invocation, std::optional<Terminal>& terminal, Agents& agents) {
  const auto time = to_rfc3339(wall_now());
  std::vector<TopAgent> seen;
  for (const auto& agent : agents) seen.push_back(agent->look());
  const bool answered = std::ranges::any_of(seen, [](const TopAgent& agent) { return agent.error.empty(); });
  if (terminal) {
    const auto size = terminal->size();
    terminal->draw(top_screen(seen, time, size.width, size.height, speaks_utf8()));
    return answered;
  }
  for (const auto& agent : seen)
    invocation.out << (invocation.json ? top_json(agent, time) : top_line(agent, time)) << '\n';
  invocation.out.flush();
  return answered;
}

int top(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto interval = parse_duration(arguments.value("interval").value_or("1s"));
  if (!interval || *interval < std::chrono::milliseconds(100))
    return usage_error(invocation, "--interval: expected a duration from 100ms");
  const auto count = arguments.count("count");
  if (!count) return usage_error(invocation, count.error());
  auto left = *count;
  grpc::ClientContext unused;
  const Interrupt interrupt(unused);  // before gRPC has threads
  auto agents = open_agents(invocation);
  if (!agents) return usage_error(invocation, agents.error());
  auto terminal = invocation.json || left ? std::optional<Terminal>() : Terminal::open();
  Pause pause(terminal, interrupt, *interval);
  bool answered = true;
  // The first look has nothing to count from.
  while (pause.wait()) {
    answered = show(invocation, terminal, *agents);
    if (left && --*left == 0) break;
  }
  return answered ? kOk : kUnreachable;
}

}  // namespace

std::vector<Command> top_commands() {
  return {{"top",
           "",
           "",
           0,
           0,
           "rates, queues and sites as they change, on the whole screen; q quits",
           {{"interval", "TIME", "look so often (default: 1s)"},
            {"count", "N", "N times, a line for each agent instead of a screen"}},
           top,
           true,
           {},
           Command::Several::kItself}};
}

}  // namespace quartet::ctl
