// quartetctl queue retry, hold, release, reschedule, priority, tls, edit, requeue, reroute, expire, bounce, drop,
// transfer
#include <google/protobuf/util/time_util.h>
#include <grpcpp/client_context.h>

#include <ostream>

#include "common/base/ascii.h"
#include "common/base/duration.h"
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
  if (!counts.confirm_token().empty()) out << "To do it: the same with --confirm " << counts.confirm_token() << '\n';
}

int change(const Invocation& invocation, Request request, const std::string& done) {
  const auto& arguments = invocation.arguments;
  auto& change = *request.mutable_change();
  change.set_reason(arguments.value("reason").value_or(""));
  change.set_dry_run(arguments.has("dry-run"));
  const auto most = arguments.count("max-affected");
  if (!most) return usage_error(invocation, most.error());
  change.set_max_affected(most->value_or(0));
  const auto expected = arguments.count("expect");
  if (!expected) return usage_error(invocation, expected.error());
  if (*expected) change.set_expect_count(**expected);
  change.set_confirm_token(arguments.value("confirm").value_or(""));
  if (const auto wish = arguments.value("on-active")) {
    auto choice = v1::ChangeRequest::ON_ACTIVE_UNSPECIFIED;
    if (!v1::ChangeRequest::OnActive_Parse("ON_ACTIVE_" + ascii::upper(*wish), &choice) ||
        choice == v1::ChangeRequest::ON_ACTIVE_UNSPECIFIED)
      return usage_error(invocation, "--on-active: expected skip, wait or abort");
    change.set_on_active(choice);
  }
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

int expire(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_EXPIRE);
  request.mutable_change()->set_held_too(invocation.arguments.has("held-too"));
  return change(invocation, std::move(request), "expired");
}

int priority(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_SET_PRIORITY);
  const auto text = invocation.arguments.value("to").value_or("");
  const bool below = text.starts_with('-');
  const auto to = ascii::to_number<int>(std::string_view(text).substr(below ? 1 : 0));
  if (!to) return usage_error(invocation, "--to: expected a priority from -9 to 9");
  request.mutable_change()->set_priority(below ? -*to : *to);
  return change(invocation, std::move(request), "given the priority " + text);
}

int tls(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_SET_TLS);
  const auto to = invocation.arguments.value("to").value_or("");
  v1::ChangeRequest::Tls wish = v1::ChangeRequest::TLS_UNSPECIFIED;
  if (!v1::ChangeRequest::Tls_Parse("TLS_" + ascii::upper(to), &wish) || wish == v1::ChangeRequest::TLS_UNSPECIFIED)
    return usage_error(invocation, "--to: expected require, default or relax");
  request.mutable_change()->set_tls(wish);
  return change(invocation, std::move(request), "given TLS " + to);
}

/// The one of --at, --in, --later and --earlier that is given; the error says what is wrong with them.
std::string read_when(const Arguments& arguments, v1::ChangeRequest& request) {
  using google::protobuf::util::TimeUtil;
  int given = 0;
  for (const auto* option : {"at", "in", "later", "earlier"}) {
    const auto text = arguments.value(option);
    if (!text) continue;
    if (++given > 1) break;
    if (std::string_view(option) == "at") {
      if (!TimeUtil::FromString(*text, request.mutable_due()))
        return "--at: expected a time such as 2026-11-26T12:00:00Z";
      continue;
    }
    const auto length = parse_duration(*text);
    if (!length) return "--" + std::string(option) + ": expected a duration such as 90s, 2h or 1d12h";
    const auto sign = std::string_view(option) == "earlier" ? -1 : 1;
    auto& to = std::string_view(option) == "in" ? *request.mutable_due_in() : *request.mutable_due_later();
    to = TimeUtil::MillisecondsToDuration(sign * length->count());
  }
  return given == 1 ? "" : "when? Give one of --at, --in, --later and --earlier";
}

int edit(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_EDIT_ENVELOPE);
  auto& edit = *request.mutable_change()->mutable_edit();
  const auto& arguments = invocation.arguments;
  if (const auto sender = arguments.value("new-sender")) edit.set_sender(*sender == "<>" ? "" : *sender);
  for (auto& address : arguments.values("add-recipient")) edit.add_add_recipient(std::move(address));
  for (auto& address : arguments.values("remove-recipient")) edit.add_remove_recipient(std::move(address));
  for (auto& address : arguments.values("mark-delivered")) edit.add_mark_delivered(std::move(address));
  if (edit.ByteSizeLong() == 0)
    return usage_error(invocation, "what? Give --new-sender, --add-recipient, --remove-recipient or --mark-delivered");
  return change(invocation, std::move(request), "edited");
}

int transfer(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_TRANSFER);
  const auto to = invocation.arguments.value("to");
  if (!to || to->empty()) return usage_error(invocation, "--to: expected the name of a peer, see `node peers`");
  request.mutable_change()->set_target(*to);
  return change(invocation, std::move(request), "moved to " + *to);
}

int requeue(const Invocation& invocation) { return change_to<Request::VERB_REQUEUE>(invocation, "requeued"); }

int reschedule(const Invocation& invocation) {
  Request request;
  request.set_verb(Request::VERB_RESCHEDULE);
  if (const auto why = read_when(invocation.arguments, *request.mutable_change()); !why.empty())
    return usage_error(invocation, why);
  return change(invocation, std::move(request), "rescheduled");
}

}  // namespace

std::vector<Command> queue_change_commands() {
  constexpr std::size_t kMany = 10'000;
  const Option confirm = {"confirm", "TOKEN", "with --all: what a --dry-run of the same said"};
  const auto with = [](std::vector<Option> more) {
    auto options = selector_options();
    options.insert(options.end(), more.begin(), more.end());
    options.insert(options.end(), {{"reason", "TEXT", "why; for the agent's log, and kept by hold, bounce and drop"},
                                   {"dry-run", "", "only say what would happen"},
                                   {"max-affected", "N", "change nothing if more than N would be changed"},
                                   {"expect", "N", "change nothing unless exactly N would be changed"},
                                   {"on-active", "CHOICE",
                                    "those under delivery: skip them, wait until they are back, or change nothing if "
                                    "there is one (abort)",
                                    "skip wait abort"}});
    return options;
  };
  return {
      {"queue", "retry", "[ID...]", 0, kMany, "make recipients due at once", with({}), retry},
      {"queue", "hold", "[ID...]", 0, kMany, "keep recipients until they are released", with({}), hold},
      {"queue", "release", "[ID...]", 0, kMany, "end the hold of recipients", with({}), release},
      {"queue", "reschedule", "[ID...]", 0, kMany, "make recipients due at another time",
       with({{"at", "TIME", "at this time, such as 2026-11-26T12:00:00Z"},
             {"in", "TIME", "so long from now, such as 2h"},
             {"later", "TIME", "so much later than each is due now"},
             {"earlier", "TIME", "so much earlier"}}),
       reschedule},
      {"queue", "priority", "[ID...]", 0, kMany, "send messages before or after others",
       with({{"to", "N", "-9 to 9; 0 is the usual one"}}), priority},
      {"queue", "tls", "[ID...]", 0, kMany, "what messages demand of TLS on their way",
       with({{"to", "WISH",
              "require: verified, as with REQUIRETLS; relax: whatever there is; default: as the sender asked",
              "require default relax"}}),
       tls},
      {"queue", "reroute", "[ID...]", 0, kMany, "send recipients to another next hop than the tables say",
       with({{"to", "HOST[:PORT]", "by SMTP to this host; or mx; or default, for what the tables say again"}}),
       reroute},
      {"queue", "requeue", "[ID...]", 0, kMany, "send recipients through rewriting, aliases and routing again",
       with({}), requeue},
      {"queue", "edit", "[ID...]", 0, kMany, "change the envelopes of messages",
       with({{"new-sender", "ADDRESS", "their reverse-path from now on; \"<>\" is the null sender"},
             {"add-recipient", "ADDRESS", "somebody more; may be repeated"},
             {"remove-recipient", "ADDRESS", "who does not get them; may be repeated"},
             {"mark-delivered", "ADDRESS", "who has them already; may be repeated"},
             confirm}),
       edit},
      {"queue", "expire", "[ID...]", 0, kMany,
       "give recipients up as if their time were over, with a notice to the sender",
       with({{"held-too", "", "those on hold, too"}, confirm}), expire},
      {"queue", "bounce", "[ID...]", 0, kMany, "give recipients up now, with a notice to the sender",
       with({{"code", "CODE", "enhanced status code of the notice (default: 5.7.1)"}, confirm}), bounce},
      {"queue", "drop", "[ID...]", 0, kMany, "remove recipients without a notice to the sender", with({confirm}), drop},
      {"queue", "transfer", "[ID...]", 0, kMany, "move messages, as they are, into the queue of a peer",
       with({{"to", "PEER", "its name, such as mta@mx2.example; `node peers` has them"}, confirm}), transfer},
  };
}

}  // namespace quartet::ctl
