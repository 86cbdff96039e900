#include "common/service/queue.h"

#include <fmt/format.h>

#include "common/log/log.h"
#include "common/service/call_on.h"

namespace quartet::service {
namespace {

async::Task<void> run_relay(relay::Relay& relay, std::promise<void>& ended) {
  co_await relay.run();
  ended.set_value();
}

void report(const spool::OpenReport& report) {
  log::info("spool.opened", {{"messages", report.messages},
                             {"recipients", report.recipients},
                             {"replayed", report.replayed_records},
                             {"checkpoint", report.checkpoint_used}});
  for (const auto& damage : report.damage)
    log::error("spool.damaged", {{"segment", fmt::format("{:016x}", damage.segment)},
                                 {"offset", damage.offset},
                                 {"bytes", damage.length},
                                 {"what", damage.what}});
  if (report.lost_bodies != 0) log::error("spool.bodies_lost", {{"messages", report.lost_bodies}});
}

}  // namespace

std::expected<std::unique_ptr<Queue>, std::string> Queue::open(const std::filesystem::path& directory,
                                                               relay::Options options,
                                                               std::shared_ptr<const relay::Router> router,
                                                               async::Loop* loop) {
  spool::Options spool_options;
  spool_options.directory = directory;
  auto spool = spool::Spool::open(std::move(spool_options));
  if (!spool) {
    const bool taken = spool.error().code == spool::ErrorCode::kInUse;
    return std::unexpected(
        fmt::format("spool {}: {}", directory.string(), taken ? "another process uses it" : spool.error().detail));
  }
  report((*spool)->open_report());
  std::unique_ptr<Queue> queue(new Queue);
  if (loop == nullptr) queue->thread_ = std::make_unique<async::LoopThreads>(1);
  queue->loop_ = loop != nullptr ? loop : &(*queue->thread_)[0];
  queue->spool_ = *std::move(spool);
  options.directory = directory;
  queue->relay_ = std::make_unique<relay::Relay>(std::move(options), std::move(router), *queue->spool_);
  return queue;
}

Queue::~Queue() { stop(std::chrono::seconds(0)); }

void Queue::start() {
  running_ = std::make_unique<async::TaskGroup>();
  call_on(*loop_, [this] { running_->spawn(run_relay(*relay_, ended_)); });
}

void Queue::wind_down(std::chrono::seconds grace) {
  if (running_) relay_->stop(grace);
}

void Queue::stop(std::chrono::seconds grace) {
  if (!spool_) return;
  if (running_) {
    relay_->stop(grace);
    ended_.get_future().wait();
    // A turn of the loop later the task itself is gone.
    call_on(*loop_, [this] { running_.reset(); });
  }
  relay_.reset();
  spool_->close();
  spool_.reset();
}

std::string Queue::trouble() const {
  const auto fault = spool_->fault();
  return fault ? fmt::format("the spool takes no mail: {}", fault->detail) : std::string();
}

}  // namespace quartet::service
