#include "common/service/listener_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace quartet::service {

Status ListenerSet::open(const Listener& listener, std::vector<Open>& opened) {
  auto acceptor = std::make_unique<Acceptor>(loops_, options_, serve_);
  if (auto bound = acceptor->bind({listener.spec}); !bound) return bound;
  opened.push_back({listener, std::move(acceptor)});
  return {};
}

Status ListenerSet::set(const std::vector<Listener>& wanted) {
  const auto among = [](const auto& listeners, const std::string& source) {
    return std::ranges::any_of(listeners, [&source](const auto& one) { return one.source == source; });
  };
  std::vector<Listener> now;
  for (const auto& one : open_) now.push_back(one.listener);
  const auto taken = [&now](const Listener& listener) {
    return std::ranges::any_of(now, [&listener](const auto& one) { return one.spec.address == listener.spec.address; });
  };
  std::vector<Open> opened;
  std::vector<const Listener*> later;  // their addresses have to be given up first
  for (const auto& listener : wanted) {
    if (among(now, listener.source)) continue;
    if (taken(listener)) {
      later.push_back(&listener);
    } else if (auto bound = open(listener, opened); !bound) {
      return bound;
    }
  }
  const auto gone = std::ranges::partition(open_, [&](const Open& one) { return among(wanted, one.listener.source); });
  for (auto& one : gone) {
    one.acceptor->stop_accepting();
    closed_.push_back(std::move(one.acceptor));
  }
  open_.erase(gone.begin(), gone.end());
  Status status;
  for (const auto* listener : later) {
    if (auto bound = open(*listener, opened); !bound) status = std::move(bound);
  }
  if (status) std::ranges::move(opened, std::back_inserter(open_));
  std::erase_if(closed_, [](const auto& acceptor) { return acceptor->sessions() == 0; });
  return status;
}

void ListenerSet::start() {
  for (auto& one : open_)
    if (!std::exchange(one.started, true)) one.acceptor->start();
}

std::vector<std::string> ListenerSet::socket_files() const {
  std::vector<std::string> files;
  for (const auto& one : open_) std::ranges::copy(one.acceptor->socket_files(), std::back_inserter(files));
  return files;
}

void ListenerSet::drain(std::chrono::seconds grace) {
  draining_ = true;
  const auto end = std::chrono::steady_clock::now() + grace;
  const auto left = [end] {
    const auto time = std::chrono::ceil<std::chrono::seconds>(end - std::chrono::steady_clock::now());
    return std::max(time, std::chrono::seconds(0));
  };
  for (const auto& one : open_) one.acceptor->stop_accepting();
  for (const auto& acceptor : closed_) acceptor->drain(left());
  for (const auto& one : open_) one.acceptor->drain(left());
  closed_.clear();
  open_.clear();
}

}  // namespace quartet::service
