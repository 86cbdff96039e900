#include <algorithm>
#include <optional>

#include "common/control/audit.h"
#include "common/control/convert.h"
#include "common/control/deferred.h"
#include "common/control/explain.h"
#include "common/control/operation.h"
#include "common/control/rule.h"
#include "common/control/services.h"
#include "common/relay/relay.h"
#include "quartet/control/v1/rule.grpc.pb.h"

namespace quartet::control {
namespace {

using grpc::Status;
using grpc::StatusCode;
using relay::Rule;

constexpr std::size_t kLongestReason = 1000;
constexpr std::size_t kEntries = 10, kMostEntries = 1000;
constexpr std::size_t kListedText = 2000;

Status invalid(std::string text) { return {StatusCode::INVALID_ARGUMENT, std::move(text)}; }

class RuleService final : public v1::RuleService::CallbackService {
 public:
  RuleService(const Subject& subject, Calls& calls, Operations& operations)
      : relay_(*subject.relay), means_{*subject.spool, subject.relay, operations}, calls_(calls) {}

  grpc::ServerUnaryReactor* CreateRule(grpc::CallbackServerContext* context, const v1::CreateRuleRequest* request,
                                       v1::CreateRuleResponse* response) override {
    auto call = Deferred<v1::CreateRuleResponse>::begin(context, calls_, Role::kOperator, response);
    call->submit([this, call, request = *request, who = peer_of(*context)] { create(call, request, who); });
    return call->reactor();
  }

  grpc::ServerUnaryReactor* ListRules(grpc::CallbackServerContext* context, const v1::ListRulesRequest*,
                                      v1::ListRulesResponse* response) override {
    return answer(context, calls_, Role::kObserver, [this, response] {
      for (const auto& rule : relay_.rules()) fill(*response->add_rule(), rule);
      for (const auto& suspension : relay_.suspensions()) fill(*response->add_suspension(), suspension);
      return Status::OK;
    });
  }

  grpc::ServerUnaryReactor* CancelRule(grpc::CallbackServerContext* context, const v1::CancelRuleRequest* request,
                                       v1::CancelRuleResponse* response) override {
    auto call = Deferred<v1::CancelRuleResponse>::begin(context, calls_, Role::kOperator, response);
    call->submit([this, call, request = *request, who = peer_of(*context)] { cancel(call, request, who); });
    return call->reactor();
  }

  grpc::ServerUnaryReactor* TestRule(grpc::CallbackServerContext* context, const v1::TestRuleRequest* request,
                                     v1::TestRuleResponse* response) override {
    return answer(context, calls_, Role::kObserver, [=, this] { return test(*request, *response); });
  }

 private:
  template <typename Response>
  using Call = std::shared_ptr<Deferred<Response>>;

  void create(const Call<v1::CreateRuleResponse>& call, const v1::CreateRuleRequest& request, const std::string& who) {
    const auto selector = request.selector().ShortDebugString();
    const auto refused = [&](Status status) {
      audit({.verb = "rule_add",
             .peer = who,
             .selector = selector,
             .reason = request.reason(),
             .refused = status.error_message()});
      call->end(std::move(status));
    };
    auto rule = make_rule(request, who, relay_);
    if (!rule) return refused(invalid(std::move(rule.error())));
    if (request.dry_run() || request.max_affected() != 0) {
      auto foreseen = change_of(*rule);
      foreseen.mutable_change()->set_dry_run(true);
      foreseen.mutable_change()->set_max_affected(request.max_affected());
      Operation guard(means_, foreseen.verb(), foreseen.change(), who);
      if (auto status = guard.begin(); !status.ok()) return call->end(std::move(status));
      guard.step();
      if (request.dry_run()) {
        return call->finish([&](auto& response) {
          *response.mutable_counts() = guard.counts();
          return Status::OK;
        });
      }
    }
    if (auto added = relay_.add_rule(*rule); !added)
      return refused({StatusCode::RESOURCE_EXHAUSTED, "the disk does not take the rule: " + utf8(added.error())});
    audit({.verb = "rule_add",
           .peer = who,
           .selector = selector,
           .reason = request.reason(),
           .next_hop = rule->next_hop,
           .rule = rule->id,
           .changed = 1});
    if (rule->kind == Rule::Kind::kThrottle) {
      return call->finish([&](auto& response) {
        fill(*response.mutable_rule(), *rule);
        return Status::OK;
      });
    }
    relay_.settle([this, call, who, rule = *std::move(rule)] {
      call->submit([this, call, who, rule] {
        auto change = change_of(rule);
        auto sweep = std::make_unique<Operation>(means_, change.verb(), change.change(), who, rule.id);
        if (const auto status = sweep->begin(); !status.ok()) {
          // Who hears only of a refusal makes another rule.
          return call->end({status.error_code(),
                            "rule " + rule.id + " holds, but what is queued is as it was: " + status.error_message()});
        }
        carry_out(call, rule, std::move(sweep));
      });
    });
  }

  /// A step at a time, so that long ones leave the pool to others in between.
  template <typename Response>
  void carry_out(const Call<Response>& call, const Rule& rule, std::unique_ptr<Operation> operation) {
    if (operation->step()) {
      call->submit([this, call, rule, operation = std::move(operation)]() mutable {
        carry_out(call, rule, std::move(operation));
      });
      return;
    }
    const auto counts = operation->counts();
    const auto done = operation->status().ok();
    operation.reset();  // which says in the log what was done, before the caller knows
    const auto record = means_.operations.find(counts.operation());
    ended(rule, done);
    call->finish([&](Response& response) {
      fill(*response.mutable_rule(), rule);
      if (record) *response.mutable_operation() = record->get();
      if constexpr (requires { response.mutable_counts(); }) *response.mutable_counts() = counts;
      return Status::OK;
    });
  }

  /// A sweep may have held what was released before it came to it, or the other way round.
  void ended(const Rule& rule, bool done) {
    const auto rules = relay_.rules();
    const auto known = std::ranges::find(rules, rule.id, &Rule::id);
    if (known == rules.end()) {
      spool::Filter filter;
      filter.rule = rule.id;
      if (rule.kind == Rule::Kind::kHold && !rule.ending) means_.spool.release(filter);
    } else if (known->ending && done) {
      (void)relay_.forget_rule(rule.id);  // else the relay does so at its next start
    }
  }

  void cancel(const Call<v1::CancelRuleResponse>& call, const v1::CancelRuleRequest& request, const std::string& who) {
    const auto say = [&](const std::string& refused) {
      audit({.verb = "rule_cancel",
             .peer = who,
             .selector = {},
             .reason = request.reason(),
             .rule = request.id(),
             .changed = refused.empty() ? 1u : 0u,
             .refused = refused});
    };
    const auto refused = [&](Status status) {
      say(status.error_message());
      call->end(std::move(status));
    };
    if (request.reason().size() > kLongestReason) return refused(invalid("reason: longer than 1000 octets"));
    auto found = relay_.end_rule(request.id());
    if (!found)
      return refused({StatusCode::RESOURCE_EXHAUSTED, "the disk does not take the change: " + utf8(found.error())});
    if (!*found) return refused({StatusCode::NOT_FOUND, "no such rule"});
    say({});
    auto rule = std::move(**found);
    rule.ending = true;
    relay_.settle([this, call, request, who, rule = std::move(rule)] {
      call->submit([this, call, request, who, rule] { release(call, request, rule, who); });
    });
  }

  void release(const Call<v1::CancelRuleResponse>& call, const v1::CancelRuleRequest& request, const Rule& rule,
               const std::string& who) {
    if (rule.kind != Rule::Kind::kHold || request.keep()) {
      if (const auto forgotten = relay_.forget_rule(rule.id); !forgotten)
        return call->end(
            {StatusCode::RESOURCE_EXHAUSTED, "the disk does not take the change: " + utf8(forgotten.error())});
      return call->finish([&](auto& response) {
        fill(*response.mutable_rule(), rule);
        return Status::OK;
      });
    }
    v1::ChangeRequest change;
    change.mutable_selector()->set_rule(rule.id);
    change.set_reason(request.reason());
    auto operation =
        std::make_unique<Operation>(means_, v1::ChangeQueueRequest::VERB_RELEASE, std::move(change), who, rule.id);
    if (auto status = operation->begin(); !status.ok()) return call->end(std::move(status));
    carry_out(call, rule, std::move(operation));
  }

  Status test(const v1::TestRuleRequest& request, v1::TestRuleResponse& response) const {
    if (auto why = why_no_rule(request.selector()); !why.empty()) return invalid("selector" + why);
    const auto filter = to_filter(request.selector(), wall_now());
    if (!filter) return invalid("selector." + filter.error());
    response.set_matched(means_.spool.count(*filter));
    const auto most = request.entries() == 0 ? kEntries : std::min<std::size_t>(request.entries(), kMostEntries);
    const auto page = means_.spool.list(*filter, most);
    if (!page) return {StatusCode::UNAVAILABLE, utf8(page.error().detail)};
    for (const auto& entry : page->entries) fill(*response.add_entry(), entry, kListedText);
    return Status::OK;
  }

  relay::Relay& relay_;
  const Operation::Means means_;
  Calls& calls_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_rule_service(const Subject& subject, Calls& calls, Operations& operations) {
  return std::make_shared<RuleService>(subject, calls, operations);
}

}  // namespace quartet::control
