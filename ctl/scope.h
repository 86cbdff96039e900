// --scope: the same question to the agents that the one who is asked knows as its peers.
#pragma once
#include <functional>
#include <string_view>

#include "ctl/command.h"
#include "quartet/control/v1/peer.pb.h"

namespace quartet::ctl {

inline constexpr Option kScopeOption = {
    "scope", "SCOPE", "also what its peers say: role (the same kind of agent) or chain (where mail goes on to)",
    "role chain"};

/// Whether it is missing or makes sense.
bool scope_is_good(const Invocation& invocation);

/// Without --scope nothing, kOk. Else `request` has the question, and `take` gets each answer; who gives none is named
/// on the standard error, and the exit code is kUnreachable.
int ask_scope(const Invocation& invocation, control::v1::AskPeersRequest request,
              const std::function<void(const control::v1::AskPeersResponse&)>& take);

/// The same, printed: as JSON, one object for each answer, or as `text_of` says it below the name of the agent.
int print_scope(const Invocation& invocation, control::v1::AskPeersRequest request,
                const std::function<std::string(const control::v1::AskPeersResponse&)>& text_of);

/// One of these answers.
void print_answer(const Invocation& invocation, const control::v1::AskPeersResponse& response, std::string_view text);

}  // namespace quartet::ctl
