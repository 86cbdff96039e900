// The control planes of other agents, asked on behalf of those who ask ours.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/control/server.h"
#include "quartet/control/v1/peer.grpc.pb.h"
#include "quartet/control/v1/queue.pb.h"

namespace quartet::control {

class Peers {
 public:
  /// `self` is our own name, "mta@mx.a.example". Certificates are read at each connection.
  Peers(const Options& options, std::function<std::string()> self);

  std::string self() const { return self_(); }
  const std::vector<PeerOptions>& all() const { return options_.peers; }

  /// False: there is no use in more answers.
  using Take = std::function<bool(v1::AskPeersResponse)>;
  using Done = std::move_only_function<void()>;
  /// On a thread of ours, `take` gets answer after answer; then `done` is called.
  void ask(v1::AskPeersRequest request, Take take, Done done);
  /// Puts a message with its content into the queue of a peer, and waits for its answer, so not on a loop. NOT_FOUND:
  /// no peer has this name.
  grpc::Status import_message(std::string_view peer, const v1::GetMessageResponse& message, std::string_view content,
                              std::string_view reason) const;
  bool knows(std::string_view peer) const;
  /// Nobody is asked any more, and who is being asked is not waited for.
  void stop();

 private:
  struct Question {
    v1::AskPeersRequest request;
    std::chrono::milliseconds patience;
    std::set<std::string> visited;  // lower case
    Take take;
  };
  void run(Question& question) const;
  const PeerOptions* find(std::string_view name) const;
  bool wanted(const Question& question, const PeerOptions& peer) const;
  /// Whether more is wanted.
  bool ask_itself(Question& question, const PeerOptions& peer, grpc::Channel& channel) const;
  bool ask_behind(Question& question, const PeerOptions& peer, const std::shared_ptr<grpc::Channel>& channel) const;

  /// The context of a call to a peer, which stop() cancels.
  class Call;

  const Options options_;
  const std::function<std::string()> self_;
  mutable std::mutex mutex_;
  mutable std::set<grpc::ClientContext*> calls_;  // under way
  bool stopped_ = false;
  async::ThreadPool pool_;
};

}  // namespace quartet::control
