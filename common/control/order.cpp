#include "common/control/order.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "common/base/ascii.h"
#include "common/control/convert.h"
#include "common/relay/relay.h"

namespace quartet::control {
namespace {

using google::protobuf::util::TimeUtil;
using grpc::Status;
using grpc::StatusCode;
using Request = v1::ChangeQueueRequest;

constexpr std::size_t kLongestReason = 1000;
constexpr std::size_t kShownEdit = 1000;
constexpr auto kFarthest = std::chrono::hours(24 * 366);
constexpr int kMostUrgent = 9;  // RFC 6710 section 2; the least urgent has as much below zero

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

std::optional<spool::Verb> to_verb(ChangeVerb verb) {
  switch (verb) {
    case Request::VERB_RETRY_NOW:
      return spool::Verb::kRetry;
    case Request::VERB_DROP:
      return spool::Verb::kDrop;
    case Request::VERB_HOLD:
      return spool::Verb::kHold;
    case Request::VERB_RELEASE:
      return spool::Verb::kRelease;
    case Request::VERB_BOUNCE:
      return spool::Verb::kBounce;
    case Request::VERB_REROUTE:
      return spool::Verb::kReroute;
    case Request::VERB_EXPIRE:
      return spool::Verb::kExpire;
    case Request::VERB_RESCHEDULE:
      return spool::Verb::kReschedule;
    case Request::VERB_SET_PRIORITY:
      return spool::Verb::kPriority;
    case Request::VERB_SET_TLS:
      return spool::Verb::kTls;
    default:
      return std::nullopt;
  }
}

/// RFC 3463 section 2: the class of a failure, and two numbers of up to three digits.
bool is_permanent_status(std::string_view text) {
  if (!text.starts_with("5.")) return false;
  text.remove_prefix(2);
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  const auto number = [](std::string_view digits) {
    return !digits.empty() && digits.size() <= 3 && std::ranges::all_of(digits, ascii::is_digit);
  };
  return number(text.substr(0, dot)) && number(text.substr(dot + 1));
}

bool has_controls(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_time(const google::protobuf::Timestamp& time) {
  return time.seconds() >= TimeUtil::kTimestampMinSeconds && time.seconds() <= TimeUtil::kTimestampMaxSeconds &&
         time.nanos() >= 0 && time.nanos() < 1'000'000'000;
}

/// The first field that is given and belongs to another verb; empty: there is none.
std::string misplaced(ChangeVerb verb, const v1::ChangeRequest& request) {
  struct Field {
    bool given;
    ChangeVerb verb;
    const char* text;
  };
  const Field fields[] = {
      {!request.status().empty(), Request::VERB_BOUNCE, "status: only a bounce has one"},
      {!request.next_hop().empty(), Request::VERB_REROUTE, "next_hop: only a reroute has one"},
      {request.has_priority(), Request::VERB_SET_PRIORITY, "priority: only SetPriority has one"},
      {request.tls() != v1::ChangeRequest::TLS_UNSPECIFIED, Request::VERB_SET_TLS, "tls: only SetTls has it"},
      {request.when_case() != v1::ChangeRequest::WHEN_NOT_SET, Request::VERB_RESCHEDULE,
       "due, due_in, due_later: only Reschedule has one of them"},
      {request.held_too(), Request::VERB_EXPIRE, "held_too: only Expire has it"},
      {!request.target().empty(), Request::VERB_TRANSFER, "target: only Transfer has one"},
      {request.has_edit(), Request::VERB_EDIT_ENVELOPE, "edit: only EditEnvelope has one"},
  };
  for (const auto& field : fields)
    if (field.given && field.verb != verb) return field.text;
  return {};
}

Status to_bounce(const v1::ChangeRequest& request, spool::Order& order) {
  const auto status = request.status().empty() ? std::string("5.7.1") : request.status();
  if (!is_permanent_status(status)) return invalid("status: expected an enhanced status code such as 5.7.1");
  if (request.reason().empty()) return invalid("reason: the sender must be told one");
  if (has_controls(request.reason())) return invalid("reason: control characters");
  order.reply = {550, status, request.reason(), ""};
  return Status::OK;
}

Status to_expiry(const v1::ChangeRequest& request, spool::Order& order) {
  if (has_controls(request.reason())) return invalid("reason: control characters");
  order.reason = request.reason().empty() ? "given up by an operator" : request.reason();
  order.held_too = request.held_too();
  return Status::OK;
}

Status to_reroute(const v1::ChangeRequest& request, relay::Relay& relay, spool::Order& order) {
  const auto& to = request.next_hop();
  if (to.empty()) return invalid("next_hop: expected host, host:port, mx or default");
  if (to == "default") return Status::OK;
  if (!relay.router()->ordered(to)) return invalid("next_hop: expected host, host:port, mx or default");
  order.next_hop = to;
  return Status::OK;
}

Status to_reschedule(const v1::ChangeRequest& request, spool::Order& order) {
  const auto span = [](const google::protobuf::Duration& duration) -> std::optional<std::chrono::microseconds> {
    const auto seconds = std::chrono::seconds(duration.seconds());
    if (seconds > kFarthest || seconds < -kFarthest || duration.nanos() <= -1'000'000'000 ||
        duration.nanos() >= 1'000'000'000)
      return std::nullopt;
    return seconds + std::chrono::microseconds(duration.nanos() / 1000);
  };
  const auto now = wall_now();
  switch (request.when_case()) {
    case v1::ChangeRequest::kDue: {
      if (!is_time(request.due())) return invalid("due: not a time");
      const auto due = from_micros(TimeUtil::TimestampToMicroseconds(request.due()));
      if (due - now > kFarthest) return invalid("due: more than a year ahead");
      order.due = std::max(due, now);
      return Status::OK;
    }
    case v1::ChangeRequest::kDueIn: {
      const auto in = span(request.due_in());
      if (!in || in->count() < 0) return invalid("due_in: expected a duration from 0 to a year");
      order.due = now + *in;
      return Status::OK;
    }
    case v1::ChangeRequest::kDueLater: {
      const auto later = span(request.due_later());
      if (!later || later->count() == 0) return invalid("due_later: expected a duration other than 0, up to a year");
      order.later = *later;
      return Status::OK;
    }
    default:
      return invalid("due, due_in, due_later: one of them is needed");
  }
}

Status to_priority(const v1::ChangeRequest& request, spool::Order& order) {
  if (!request.has_priority() || request.priority() > kMostUrgent || request.priority() < -kMostUrgent)
    return invalid("priority: expected -9 to 9");
  order.priority = static_cast<std::int8_t>(request.priority());
  return Status::OK;
}

Status to_tls(const v1::ChangeRequest& request, spool::Order& order) {
  switch (request.tls()) {
    case v1::ChangeRequest::TLS_DEFAULT:
      order.tls = spool::TlsWish::kDefault;
      return Status::OK;
    case v1::ChangeRequest::TLS_REQUIRE:
      order.tls = spool::TlsWish::kRequired;
      return Status::OK;
    case v1::ChangeRequest::TLS_RELAX:
      order.tls = spool::TlsWish::kOptional;
      return Status::OK;
    default:
      return invalid("tls: expected TLS_DEFAULT, TLS_REQUIRE or TLS_RELAX");
  }
}

}  // namespace

const char* name_of(ChangeVerb verb) {
  switch (verb) {
    case Request::VERB_RETRY_NOW:
      return "retry";
    case Request::VERB_DROP:
      return "drop";
    case Request::VERB_HOLD:
      return "hold";
    case Request::VERB_RELEASE:
      return "release";
    case Request::VERB_BOUNCE:
      return "bounce";
    case Request::VERB_REROUTE:
      return "reroute";
    case Request::VERB_EXPIRE:
      return "expire";
    case Request::VERB_RESCHEDULE:
      return "reschedule";
    case Request::VERB_SET_PRIORITY:
      return "priority";
    case Request::VERB_SET_TLS:
      return "tls";
    case Request::VERB_EDIT_ENVELOPE:
      return "edit";
    case Request::VERB_REQUEUE:
      return "requeue";
    case Request::VERB_TRANSFER:
      return "transfer";
    default:
      return "";
  }
}

Status check_fields(ChangeVerb verb, const v1::ChangeRequest& request) {
  if (request.reason().size() > kLongestReason) return invalid("reason: longer than 1000 octets");
  if (auto text = misplaced(verb, request); !text.empty()) return invalid(std::move(text));
  return Status::OK;
}

Status to_order(ChangeVerb given, const v1::ChangeRequest& request, relay::Relay* relay, spool::Order& order) {
  const auto verb = to_verb(given);
  if (!verb) return invalid("verb: none is given");
  order = {.verb = *verb};
  if (auto status = check_fields(given, request); !status.ok()) return status;
  const bool relays = given == Request::VERB_BOUNCE || given == Request::VERB_EXPIRE || given == Request::VERB_REROUTE;
  if (relays && relay == nullptr) return {StatusCode::FAILED_PRECONDITION, "this agent does not relay"};
  switch (given) {
    case Request::VERB_BOUNCE:
      return to_bounce(request, order);
    case Request::VERB_EXPIRE:
      return to_expiry(request, order);
    case Request::VERB_REROUTE:
      return to_reroute(request, *relay, order);
    case Request::VERB_RESCHEDULE:
      return to_reschedule(request, order);
    case Request::VERB_SET_PRIORITY:
      return to_priority(request, order);
    case Request::VERB_SET_TLS:
      return to_tls(request, order);
    default:
      order.reason = request.reason();
      return Status::OK;
  }
}

std::string detail_of(const v1::ChangeRequest& request) {
  if (request.has_edit()) return utf8(request.edit().ShortDebugString(), kShownEdit);
  if (request.has_priority()) return "priority=" + std::to_string(request.priority());
  if (request.tls() != v1::ChangeRequest::TLS_UNSPECIFIED && v1::ChangeRequest::Tls_IsValid(request.tls()))
    return "tls=" + ascii::lower(v1::ChangeRequest::Tls_Name(request.tls()).substr(std::string_view("TLS_").size()));
  if (request.held_too()) return "held_too";
  if (!request.target().empty()) return "target=" + utf8(request.target(), kShownEdit);
  switch (request.when_case()) {
    case v1::ChangeRequest::kDue:
      return is_time(request.due()) ? "due=" + TimeUtil::ToString(request.due()) : "";
    case v1::ChangeRequest::kDueIn:
      return "due_in=" + std::to_string(request.due_in().seconds()) + "s";
    case v1::ChangeRequest::kDueLater:
      return "due_later=" + std::to_string(request.due_later().seconds()) + "s";
    default:
      return {};
  }
}

}  // namespace quartet::control
