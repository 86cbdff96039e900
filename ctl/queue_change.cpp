// quartetctl queue retry, hold, release, reroute, bounce, drop
#include <grpcpp/client_context.h>

#include <ostream>

#include "ctl/client.h"
#include "ctl/json.h"
#include "ctl/progress.h"
#include "ctl/queue.h"
#include "ctl/selector.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Request = v1::ChangeQueueRequest;

void print_counts(std::ostream& out, const v1::ChangeResponse& counts, const std::string& done) {
  out << counts.changed() << " recipients " << (counts.dry_run() ? "would be " : "") << done;
  if (counts.pending() != 0) out << ", " << counts.pending() << " under delivery wait for it";
  if (counts.skipped() != 0) out << ", " << counts.skipped() << " skipped";
  out << '\n';
}

int change(const Invocation& invocation, Request request, const std::string& done) {
  const auto& arguments = invocation.arguments;
  auto& change = *request.mutable_change();
  change.set_reason(arguments.value("reason").value_or(""));
  change.set_dry_run(arguments.has("dry-run"));
  const auto most = arguments.count("max-affected");
  if (!most) return usage_error(invocation, most.error());
  change.set_max_affected(most->value_or(0));
  grpc::ClientContext context;
  const Interrupt interrupt(context);
  const auto begun = begin_queue_call(invocation);
  if (!begun.stub) return begun.code;
  if (!says_which(begun.selector)) return usage_error(invocation, "which recipients? Give a condition, or --all");
  *change.mutable_selector() = begun.selector;
  set_stream_deadline(context, invocation);
  const auto stream = begun.stub->ChangeQueue(&context, request);
  v1::ChangeQueueResponse response;
  {
    Progress progress(invocation.err, Progress::on_terminal(invocation.err));
    while (stream->Read(&response)) progress.show(response.done(), response.matched());
  }
  const auto status = stream->Finish();
  if (status.ok()) {
    if (invocation.json) {
      invocation.out << to_json(response.counts()) << '\n';
    } else {
      print_counts(invocation.out, response.counts(), done);
    }
    return kOk;
  }
  const int code = interrupt.happened() ? kFailed : report(status, invocation);
  if (response.done() != 0) {
    invocation.err << "ended at " << response.done() << " of " << response.matched() << " that matched; until then ";
    print_counts(invocation.err, response.counts(), done);
  }
  return code;
}

template <Request::Verb verb>
int change_to(const Invocation& invocation, const char* done) {
  Request request;
  request.set_verb(verb);
  return change(invocation, std::move(request), done);
}

int retry(const Invocation& invocation) { return change_to<Request::VERB_RETRY_NOW>(invocation, "due now"); }
int drop(const Invocation& invocation) { return change_to<Request::VERB_DROP>(invocation, "dropped"); }
int hold(const Invocation& invocation) { return change_to<Request::VERB_HOLD>(invocation, "held"); }
int release(const Invocation& invocation) { return change_to<Request::VERB_RELEASE>(invocation, "released"); }

int bounce(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_BOUNCE);
  if (!invocation.arguments.has("reason")) return usage_error(invocation, "--reason: what is the sender to be told?");
  request.mutable_change()->set_status(invocation.arguments.value("code").value_or(""));
  return change(invocation, std::move(request), "bounced");
}

int reroute(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_REROUTE);
  const auto to = invocation.arguments.value("to");
  if (!to) return usage_error(invocation, "--to: expected host, host:port, mx or default");
  request.mutable_change()->set_next_hop(*to);
  return change(invocation, std::move(request), "rerouted");
}

}  // namespace

std::vector<Command> queue_change_commands() {
  constexpr std::size_t kMany = 10'000;
  const auto with = [](std::vector<Option> more) {
    auto options = selector_options();
    options.insert(options.end(), more.begin(), more.end());
    options.insert(options.end(), {{"reason", "TEXT", "why; for the agent's log, and kept by hold, bounce and drop"},
                                   {"dry-run", "", "only say what would happen"},
                                   {"max-affected", "N", "change nothing if more than N would be changed"}});
    return options;
  };
  return {
      {"queue", "retry", "[ID...]", 0, kMany, "make recipients due at once", with({}), retry},
      {"queue", "hold", "[ID...]", 0, kMany, "keep recipients until they are released", with({}), hold},
      {"queue", "release", "[ID...]", 0, kMany, "end the hold of recipients", with({}), release},
      {"queue", "reroute", "[ID...]", 0, kMany, "send recipients to another next hop than the tables say",
       with({{"to", "HOST[:PORT]", "by SMTP to this host; or mx; or default, for what the tables say again"}}),
       reroute},
      {"queue", "bounce", "[ID...]", 0, kMany, "give recipients up now, with a notice to the sender",
       with({{"code", "CODE", "enhanced status code of the notice (default: 5.7.1)"}}), bounce},
      {"queue", "drop", "[ID...]", 0, kMany, "remove recipients without a notice to the sender", with({}), drop},
  };
}

}  // namespace quartet::ctl
