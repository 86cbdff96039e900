// The mta as the frame of a daemon runs it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/net/sessions.h"
#include "common/service/acceptor.h"
#include "common/service/agent.h"
#include "common/service/current.h"
#include "common/service/intake.h"
#include "common/service/listener_set.h"
#include "common/service/login_guard.h"
#include "common/service/passwords.h"
#include "common/service/queue.h"
#include "mta/settings.h"
#include "mta/upstreams.h"

namespace quartet::mta {

class Agent final : public service::Agent {
 public:
  static std::expected<std::unique_ptr<service::Agent>, std::vector<config::Error>> load(const std::string& path);
  explicit Agent(SettingsPtr settings);

  const config::v1::Agent& settings() const override { return latest_->config.agent(); }
  const google::protobuf::Message& configuration() const override { return latest_->config; }
  service::Status bind(async::LoopThreads& loops) override;
  service::Belongings belongings() const override;
  service::Status start() override;
  service::Reloaded reload(const config::Input& input) override;
  service::Preview preview(const config::Input& input) const override;
  std::optional<control::RecipientAnswer> explain(const control::RecipientQuestion& question) const override;
  void drain(std::chrono::seconds grace) override;
  std::string trouble() const override { return queue_->trouble(); }
  spool::Spool* spool() override { return &queue_->spool(); }
  relay::Relay* relay() override { return &queue_->relay(); }
  relay::Upstreams* upstreams() override { return upstreams_.get(); }
  net::Sessions* sessions() override { return &sessions_; }
  directory::DirectoryPtr directory() const override { return current_.get()->directory; }
  std::string directory_file() const override { return current_.get()->config.directory(); }
  spool::Replacement rewrite(const spool::Message& message, const std::vector<spool::Claim>& claims) override;

 private:
  async::Task<void> serve_odmr(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener);
  service::Acceptor::Options acceptor_options();
  async::Task<Asked> ask(const Upstream& upstream, Upstreams::Progress& progress);
  async::Task<smtp::SessionEnd> serve_turned(std::unique_ptr<net::Stream> stream, const Upstream& upstream,
                                             Upstreams::Progress& progress);
  async::Task<void> serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener);

  const SettingsPtr first_;             // as the agent was started
  SettingsPtr latest_;                  // main thread only
  service::Current<Settings> current_;  // the same for sessions
  service::ByteBudget budget_;
  net::Sessions sessions_;
  std::unique_ptr<async::LoopThreads> relay_thread_;  // of the relay, and of the connections that are turned around
  std::unique_ptr<service::Passwords> passwords_;
  std::unique_ptr<service::LoginGuard> guard_;
  std::unique_ptr<service::Queue> queue_;
  service::IntakeOptions intake_;
  std::unique_ptr<service::Acceptor> acceptor_;
  std::unique_ptr<service::ListenerSet> odmr_;
  std::unique_ptr<Upstreams> upstreams_;
  std::unique_ptr<relay::RecipientVerifier> verifier_;
};

}  // namespace quartet::mta
