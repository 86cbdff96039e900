// ATRN (RFC 2645 section 5.2.1): which mail a login may have over a connection that it turns around.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/relay/relay.h"
#include "common/relay/route.h"
#include "common/smtp/reply.h"
#include "common/smtp/server_session.h"
#include "mta/etrn.h"

namespace quartet::mta {

struct AtrnAnswer {
  smtp::Reply reply;
  std::optional<relay::Turn> turn;  // with a positive reply; without a peer
};

/// Relay::waiting_for.
using Waiting = std::function<std::optional<std::uint64_t>(const std::vector<std::string>& domains)>;
/// Relay::may_turn.
using MayTurn = std::function<relay::StartAnswer(const std::string& link)>;

/// `domains` as parse_atrn() gives them: none stands for all that the login may have now. One that it may not have
/// refuses the whole.
AtrnAnswer answer_atrn(const std::vector<std::string>& domains, const std::string& login, const relay::Router& router,
                       const LinkRights& rights, const Waiting& waiting, const MayTurn& may_turn);

/// Whether a link has a password of its own for the user of `claim`, and the claim has it or proves it; nullopt: the
/// directory has to say.
std::optional<bool> check_link_password(const LinkRights& rights, const sasl::Claim& claim);

}  // namespace quartet::mta
