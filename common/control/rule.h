// Standing rules between the words of the control plane and those of the relay.
#pragma once
#include <expected>
#include <string>

#include "common/relay/relay.h"
#include "quartet/control/v1/rule.pb.h"

namespace quartet::control {

/// Why no rule can have this selector, as what follows its name: ".id: ..."; empty: one can, if to_filter() takes it.
std::string why_no_rule(const v1::Selector& selector);

/// The error says which field makes no sense.
std::expected<relay::Rule, std::string> make_rule(const v1::CreateRuleRequest& request, const std::string& who,
                                                  relay::Relay& relay);

/// What is to be done with what is queued and not held when the rule is made.
v1::ChangeQueueRequest change_of(const relay::Rule& rule);

void fill(v1::Rule& to, const relay::Rule& rule);

}  // namespace quartet::control
