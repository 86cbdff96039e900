// The mda as the frame of a daemon runs it: settings, the store, the queue of what is sent on, listeners.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/net/sessions.h"
#include "common/service/acceptor.h"
#include "common/service/additional_stores.h"
#include "common/service/agent.h"
#include "common/service/current.h"
#include "common/service/passwords.h"
#include "common/service/queue.h"
#include "common/store/store.h"
#include "mda/filter.h"
#include "mda/managesieve_session.h"
#include "mda/settings.h"

namespace quartet::mda {

class Agent : public service::Agent {
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
  store::Store* shared_store() override { return service::shares_store(first_->config) ? store_.get() : nullptr; }
  net::Sessions* sessions() override { return &sessions_; }
  store::Store* store() override { return store_.get(); }
  service::Status forget_account(const std::string& login) override;
  directory::DirectoryPtr directory() const override { return settings_.get()->tables.directory; }
  std::string directory_file() const override { return settings_.get()->config.directory(); }

 private:
  async::Task<void> serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener);
  async::Task<void> serve_scripts(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener);
  async::Task<std::expected<std::string, service::LoginFailure>> authenticate(sasl::Claim claim);
  store::Options store_options() const;

  const SettingsPtr first_;  // as the agent was started
  SettingsPtr latest_;       // main thread only
  service::Current<Settings> settings_;
  service::ByteBudget budget_;
  net::Sessions sessions_;
  std::unique_ptr<async::ThreadPool> files_;
  const std::shared_ptr<store::Patience> patience_ = std::make_shared<store::Patience>();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<service::Queue> queue_;
  service::RecentFault store_fault_;
  std::unique_ptr<Filters> filters_;
  Reservations reservations_;
  std::unique_ptr<SessionServices> services_;
  std::unique_ptr<service::Acceptor> acceptor_;
  service::Passwords passwords_;
  std::unique_ptr<service::LoginGuard> guard_;
  std::unique_ptr<ManageSieveServices> managesieve_;
  std::unique_ptr<service::Acceptor> managesieve_acceptor_;  // null without listeners for it
};

}  // namespace quartet::mda
