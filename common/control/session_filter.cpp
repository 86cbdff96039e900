#include "common/control/session_filter.h"

#include <iterator>
#include <utility>

#include "common/base/ascii.h"

namespace quartet::control {
namespace {

constexpr std::size_t kMostBefore = 50;  // lines of a session
constexpr std::size_t kMostSessions = 10'000;

bool begins(std::string_view command, std::string_view verb) { return ascii::istarts_with(command, verb); }

}  // namespace

std::expected<SessionFilter, std::string> SessionFilter::make(const v1::TraceSessionsRequest& request) {
  if (!v1::TraceSessionsRequest::Role_IsValid(request.role()))
    return std::unexpected("role: " + std::to_string(request.role()) + " is none");
  SessionFilter filter;
  filter.wanted_ = request;
  filter.address_ = ascii::lower(request.address());
  if (!request.peer().empty()) {
    auto network = net::Network::parse(request.peer());
    if (!network) return std::unexpected("peer: " + network.error());
    filter.network_ = *std::move(network);
  }
  return filter;
}

bool SessionFilter::of_interest(const v1::SessionLine& line, const net::Address& peer) const {
  if (wanted_.role() != v1::TraceSessionsRequest::ROLE_UNSPECIFIED &&
      line.server() != (wanted_.role() == v1::TraceSessionsRequest::ROLE_SERVER))
    return false;
  if (network_ && !network_->contains(peer)) return false;
  return wanted_.host().empty() || ascii::iequals(line.host(), wanted_.host());
}

/// Whether MAIL or RCPT names the address, or one of the domain.
bool SessionFilter::has_address(std::string_view command) const {
  const auto open = command.find('<');
  const auto close = command.find('>', open);
  if (open == std::string_view::npos || close == std::string_view::npos) return false;
  const auto path = ascii::lower(command.substr(open + 1, close - open - 1));
  if (path == address_) return true;
  return !address_.contains('@') && path.ends_with("@" + address_);
}

std::vector<v1::SessionLine> SessionFilter::take(v1::SessionLine line, const net::Address& peer) {
  if (line.last()) {
    const auto session = sessions_.extract(line.session());
    const bool told = !session.empty() && session.mapped().shown;
    return told ? std::vector{std::move(line)} : std::vector<v1::SessionLine>();
  }
  if (!of_interest(line, peer)) return {};
  // Those whose end was not seen, as nobody looked on then, must not add up.
  if (sessions_.size() >= kMostSessions && !sessions_.contains(line.session())) sessions_.erase(sessions_.begin());
  return decide(sessions_[line.session()], std::move(line));
}

std::vector<v1::SessionLine> SessionFilter::decide(Session& session, v1::SessionLine line) const {
  const bool command = line.ours() != line.server();
  if (address_.empty()) {
    session.shown = true;
  } else if (command && begins(line.text(), "MAIL ")) {
    // Of the transaction before it.
    if (session.shown) session.before.clear();
    session.shown = has_address(line.text());
  } else if (command && begins(line.text(), "RCPT ") && !session.shown) {
    session.shown = has_address(line.text());
  }
  session.before.push_back(std::move(line));
  if (!session.shown) {
    if (session.before.size() > kMostBefore) session.before.pop_front();
    return {};
  }
  return {std::make_move_iterator(session.before.begin()),
          std::make_move_iterator(std::exchange(session.before, {}).end())};
}

}  // namespace quartet::control
