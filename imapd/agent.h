// The imapd as the frame of a daemon runs it: settings, the store, listeners, and what all sessions share.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/net/sessions.h"
#include "common/service/acceptor.h"
#include "common/service/additional_stores.h"
#include "common/service/agent.h"
#include "common/service/byte_budget.h"
#include "common/service/current.h"
#include "common/service/last_logins.h"
#include "common/service/passwords.h"
#include "common/service/tally.h"
#include "common/store/store.h"
#include "imapd/column_cache.h"
#include "imapd/maildrops.h"
#include "imapd/settings.h"
#include "imapd/text_index.h"
#include "imapd/text_indexer.h"

namespace quartet::imapd {

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
  void drain(std::chrono::seconds grace) override;
  store::Store* shared_store() override { return service::shares_store(first_->config) ? store_.get() : nullptr; }
  net::Sessions* sessions() override { return &connected_; }
  store::Store* store() override { return store_.get(); }
  directory::DirectoryPtr directory() const override { return settings_.get()->directory; }
  std::string directory_file() const override { return settings_.get()->config.directory(); }
  std::optional<WallTime> last_login(const std::string& account) const override { return logins_.last(account); }

 private:
  enum class Protocol { kImap, kPop3 };
  std::unique_ptr<service::Acceptor> make_acceptor(async::LoopThreads& loops, Protocol protocol);
  async::Task<void> serve(std::unique_ptr<net::Stream> stream, const service::ListenerSpec& listener,
                          Protocol protocol);
  async::Task<std::expected<std::string, service::LoginFailure>> authenticate(sasl::Claim claim);
  store::Options store_options() const;

  const SettingsPtr first_;  // as the agent was started; what a restart alone can change is taken from here
  SettingsPtr latest_;       // main thread only
  service::Current<Settings> settings_;
  service::Passwords passwords_;
  std::unique_ptr<service::LoginGuard> guard_;
  std::unique_ptr<Maildrops> maildrops_;
  service::Tally sessions_;   // by account
  service::Tally strangers_;  // connections that have not logged in, by client address
  service::ByteBudget budget_;
  ColumnCache columns_;
  net::Sessions connected_;
  service::LastLogins logins_;
  std::unique_ptr<async::ThreadPool> workers_;
  const std::shared_ptr<store::Patience> patience_ = std::make_shared<store::Patience>();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<TextIndex> texts_;  // null: not wanted
  std::unique_ptr<TextIndexer> indexer_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<service::Acceptor> acceptor_;
  std::unique_ptr<service::Acceptor> pop3_;  // null: no such listener
};

}  // namespace quartet::imapd
