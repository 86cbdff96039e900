// The msa as the frame of a daemon runs it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "common/net/sessions.h"
#include "common/service/acceptor.h"
#include "common/service/agent.h"
#include "common/service/current.h"
#include "common/service/intake.h"
#include "common/service/login_guard.h"
#include "common/service/passwords.h"
#include "common/service/queue.h"
#include "common/spool/hand_off.h"
#include "msa/settings.h"

namespace quartet::msa {

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
  std::string trouble() const override;
  spool::Spool* spool() override { return queue_ ? &queue_->spool() : nullptr; }
  relay::Relay* relay() override { return queue_ ? &queue_->relay() : nullptr; }
  net::Sessions* sessions() override { return &sessions_; }
  directory::DirectoryPtr directory() const override { return current_.get()->directory; }
  std::string directory_file() const override { return current_.get()->config.directory(); }

 private:
  service::Status open_queue();
  async::Task<void> serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener);

  const SettingsPtr first_;             // as the agent was started
  SettingsPtr latest_;                  // main thread only
  service::Current<Settings> current_;  // the same for sessions
  service::ByteBudget budget_;
  net::Sessions sessions_;
  service::Passwords passwords_;
  std::unique_ptr<service::LoginGuard> guard_;
  std::unique_ptr<service::Queue> queue_;     // with smart_host
  std::unique_ptr<spool::HandOff> hand_off_;  // with shared_spool
  service::IntakeOptions intake_;
  std::unique_ptr<service::Acceptor> acceptor_;
};

}  // namespace quartet::msa
