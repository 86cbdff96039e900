#include "common/service/program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/async/task_group.h"
#include "common/config/shown.h"
#include "common/control/server.h"
#include "common/directory/rewrite.h"
#include "common/log/log.h"
#include "common/service/directory_watch.h"
#include "common/service/figures.h"
#include "common/service/grants.h"
#include "common/service/process.h"
#include "common/service/settings.h"
#include "common/service/site_depths.h"
#include "common/service/status_server.h"
#include "common/store/store.h"

namespace quartet::service {
namespace {

enum Exit { kEnded = 0, kNotStarted = 1, kBadUsage = 2 };

constexpr std::chrono::seconds kDefaultGrace{20};
constexpr std::chrono::milliseconds kControlGrace{1000};

struct CommandLine {
  std::string config;
  bool check = false;
  bool help = false;
  bool version = false;
  const Program::Action* action = nullptr;
};

std::expected<CommandLine, std::string> parse(const Program& program, int argc, char** argv) {
  CommandLine line;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto action = std::ranges::find(program.actions, word, &Program::Action::option);
    if (word == "--config" || word == "-c") {
      if (++i == argc) return std::unexpected(fmt::format("{} needs a file", word));
      line.config = argv[i];
    } else if (word.starts_with("--config=")) {
      line.config = word.substr(9);
    } else if (word == "--check") {
      line.check = true;
    } else if (word == "--help" || word == "-h") {
      line.help = true;
    } else if (word == "--version") {
      line.version = true;
    } else if (action != program.actions.end()) {
      line.action = &*action;
    } else {
      return std::unexpected(fmt::format("unknown option {}", word));
    }
  }
  if (line.config.empty() && !line.help && !line.version) return std::unexpected("--config FILE is required");
  return line;
}

std::string help(const Program& program) {
  std::string text = fmt::format(
      "{}\n\nUsage: {} --config FILE [OPTION]\n\n"
      "  --config FILE   configuration, protobuf text\n"
      "  --check         find every fault in the configuration, then end\n"
      "  --help          this\n"
      "  --version       the version\n",
      program.summary, program.name);
  for (const auto& action : program.actions) text += fmt::format("  {:<14}  {}\n", action.option, action.help);
  return text +
         "\nSIGHUP reads the configuration again and keeps sessions; SIGTERM and SIGINT let them end, a second one "
         "does "
         "not wait.\nExit code: 0 ended as asked, 1 could not start, 2 options or configuration are wrong.\n";
}

void print(const std::vector<config::Error>& errors) {
  for (const auto& error : errors) fmt::print(stderr, "{}\n", config::to_string(error));
}

log::Options log_options(const Program& program, const v1::Log& settings) {
  log::Options options;
  options.agent = program.name;
  constexpr log::Level kLevels[] = {log::Level::kInfo, log::Level::kDebug, log::Level::kInfo, log::Level::kWarn,
                                    log::Level::kError};
  if (v1::Log::Level_IsValid(settings.level())) options.level = kLevels[settings.level()];
  const bool for_people = settings.format() == v1::Log::LOGFMT ||
                          (settings.format() == v1::Log::FORMAT_UNSPECIFIED && isatty(STDOUT_FILENO) == 1);
  options.format = for_people ? log::Format::kLogfmt : log::Format::kJson;
  return options;
}

/// What health checks, metrics and the control plane are told; the agent is asked no more once it ends.
class Health {
 public:
  explicit Health(Agent& agent) : agent_(agent), hostname_(service::hostname(agent.settings())) {
    if (agent.spool() != nullptr && agent.relay() != nullptr)
      depths_ = std::make_unique<SiteDepths>(*agent.spool(), *agent.relay());
  }
  std::string hostname() const {
    const std::lock_guard lock(mutex_);
    return hostname_;
  }
  void set_hostname(std::string hostname) {
    const std::lock_guard lock(mutex_);
    hostname_ = std::move(hostname);
  }
  std::string trouble() const {
    const std::lock_guard lock(mutex_);
    return draining_ ? "draining" : agent_.trouble();
  }
  /// The queue's figures stay as they were once the agent ends.
  void collect() const {
    const std::lock_guard lock(mutex_);
    show_ready(!draining_ && agent_.trouble().empty());
    if (!draining_ && agent_.spool() != nullptr) show_queue(*agent_.spool());
    if (depths_) depths_->refresh();
  }
  void set_draining() {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    depths_.reset();
  }

 private:
  Agent& agent_;
  mutable std::mutex mutex_;
  std::string hostname_;
  std::unique_ptr<SiteDepths> depths_;  // null: no queue
  bool draining_ = false;
};

/// What others ask of the agent that only the main thread does, which SIGUSR1 tells of it.
class MainTasks {
 public:
  using Task = std::move_only_function<void()>;

  void add(Task task) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    waiting_.push_back(std::move(task));
    kill(getpid(), SIGUSR1);
  }
  void run() {
    for (auto& task : take()) task();
  }
  /// Destroys those that wait.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_.clear();
  }

 private:
  std::vector<Task> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

  std::mutex mutex_;
  std::vector<Task> waiting_;
  bool closed_ = false;
};

/// Signals come to the main thread alone, by sigwait(): blocked here before any other thread begins.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
  }
  int wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
    return signal;
  }
  /// From here on one that ends the process does so at once: nothing that was promised is lost by that.
  void let_through() const {
    auto ending = set_;
    sigdelset(&ending, SIGHUP);
    sigdelset(&ending, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
  }

 private:
  sigset_t set_;
};

control::ReloadResult reload(const Program& program, Agent& agent, const std::string& path) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  notify_manager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000LL + now.tv_nsec / 1000));
  auto reloaded = agent.reload(path);
  control::ReloadResult result{{}, std::move(reloaded.changed), std::move(reloaded.ignored)};
  for (const auto& fault : reloaded.faults) {
    result.faults.push_back(config::to_string(fault));
    log::error("reload.fault", {{"at", result.faults.back()}});
  }
  for (const auto& field : result.ignored)
    log::warn("reload.ignored", {{"field", field}, {"reason", "takes effect at the next start"}});
  if (result.faults.empty()) {
    log::configure(log_options(program, agent.settings().log()));
    log::info("reload.done", {{"config", path}, {"changed", fmt::format("{}", fmt::join(result.changed, " "))}});
  } else {
    log::error("reload.refused", {{"config", path}, {"faults", result.faults.size()}});
  }
  notify_manager("READY=1");
  return result;
}

control::ConfigPreview preview(const Agent& agent, const config::Input& input) {
  const auto found = agent.preview(input);
  control::ConfigPreview out;
  for (const auto& fault : found.reloaded.faults) out.faults.push_back(config::to_string(fault));
  const auto add = [&](const std::string& setting, const google::protobuf::Message& before, bool at_start) {
    const auto text = [&setting](const auto& from) {
      return config::shown(from, setting, config::Lines::kOne).value_or("");
    };
    out.changes.push_back({setting, text(before), text(*found.next), at_start});
  };
  for (const auto& setting : found.reloaded.changed) add(setting, *found.now, false);
  for (const auto& setting : found.reloaded.ignored) add(setting, *found.started, true);
  return out;
}

/// What the control plane asks of a running agent, on the main thread.
struct Running {
  const Program& program;
  Agent& agent;
  const std::string& path;
  Health& health;
  MainTasks& tasks;
  std::uint64_t announced = 0;  // changes of the directory that have been read
  std::string watched{};        // its file
  std::unique_ptr<DirectoryWatch> watch{};

  control::ReloadResult reload() {
    const auto now = directory::announced(agent.directory_file());
    auto result = service::reload(program, agent, path);
    if (result.faults.empty()) announced = now;
    health.set_hostname(hostname(agent.settings()));
    watch_directory();
    return result;
  }
  void watch_directory() {
    const auto file = agent.directory_file();
    if (file == watched) return;
    watch.reset();
    watched = file;
    if (file.empty()) return;
    auto begun = DirectoryWatch::start(file, [this] { tasks.add([this] { on_announcement(); }); });
    if (begun)
      watch = *std::move(begun);
    else
      log::warn("directory.not_watched", {{"file", file}, {"error", begun.error()}});
  }
  /// The first fault; then everything is as it was.
  std::string reread_directory() {
    const auto file = agent.directory_file();
    const auto now = directory::announced(file);
    // Not the configuration file: somebody may be in the midst of changing that.
    const auto reloaded = agent.reload(config::Input(path, config::written(agent.configuration())));
    for (const auto& fault : reloaded.faults) log::error("reload.fault", {{"at", config::to_string(fault)}});
    if (!reloaded.faults.empty()) return config::to_string(reloaded.faults.front());
    announced = now;
    log::info("directory.read", {{"file", file}});
    return {};
  }
  /// Another process has changed it, unless that was this one itself.
  void on_announcement() {
    if (directory::announced(agent.directory_file()) != announced) (void)reread_directory();
  }
};

control::TakeHints taking_hints(store::Store* store) {
  if (store == nullptr) return {};
  return [store](std::span<const control::StoreHint> hints) {
    std::vector<store::MailboxRef> refs;
    for (const auto& hint : hints) refs.push_back({hint.shard, hint.account, hint.mailbox});
    store->take_hints(refs);
  };
}

std::function<std::shared_ptr<void>(control::TakeHints)> following_hints(store::Store* store) {
  if (store == nullptr) return {};
  return [store](control::TakeHints take) {
    return store->follow_hints([take = std::move(take)](std::span<const store::MailboxRef> refs) {
      std::vector<control::StoreHint> hints;
      for (const auto& ref : refs) hints.push_back({ref.shard, ref.account, ref.mailbox});
      take(hints);
    });
  };
}

control::Subject subject_of(Running& running) {
  auto& agent = running.agent;
  return {.agent = running.program.name,
          .hostname = [&running] { return running.health.hostname(); },
          .spool = agent.spool(),
          .relay = agent.relay(),
          .trouble = [&running] { return running.health.trouble(); },
          .upstreams = agent.upstreams(),
          .sessions = agent.sessions(),
          .reload =
              [&running](auto done) {
                running.tasks.add([&running, done = std::move(done)]() mutable { done(running.reload()); });
              },
          .rewrite = [&agent](const auto& message, const auto& claims) { return agent.rewrite(message, claims); },
          .drain = [] { kill(getpid(), SIGTERM); },
          .preview =
              [&running](std::optional<std::string> text, auto done) {
                running.tasks.add([&running, text = std::move(text), done = std::move(done)]() mutable {
                  done(preview(running.agent, text ? config::Input(running.path, *std::move(text)) : running.path));
                });
              },
          .shown =
              [&running](std::string setting, auto done) {
                running.tasks.add([&running, setting = std::move(setting), done = std::move(done)]() mutable {
                  done(config::shown(running.agent.configuration(), setting, config::Lines::kMany));
                });
              },
          .explain = [&agent](const control::RecipientQuestion& question) { return agent.explain(question); },
          .follow_hints = following_hints(agent.shared_store()),
          .take_hints = taking_hints(agent.shared_store()),
          .store = agent.store(),
          .directory = [&agent] { return agent.directory(); },
          .directory_file = [&agent] { return agent.directory_file(); },
          .reread_directory =
              [&running](auto done) {
                running.tasks.add([&running, done = std::move(done)]() mutable { done(running.reread_directory()); });
              },
          .last_login = [&agent](const std::string& account) { return agent.last_login(account); },
          .forget_account = [&agent](const std::string& account) { return agent.forget_account(account); }};
}

std::expected<std::unique_ptr<control::Server>, std::string> start_control(Running& running) {
  const auto& settings = running.agent.settings().control();
  if (settings.socket().empty() && settings.address().empty()) return nullptr;
  control::Options options;
  options.socket = settings.socket();
  // check_agent() has seen that it is octal.
  if (!settings.socket_mode().empty())
    options.socket_mode = static_cast<unsigned>(std::stoul(settings.socket_mode(), nullptr, 8));
  options.address = settings.address();
  options.certificate = settings.tls().certificate();
  options.key = settings.tls().key();
  options.client_ca = settings.client_ca();
  options.grants = grants(settings);
  options.peer_ca = settings.peer_ca().empty() ? settings.client_ca() : settings.peer_ca();
  for (const auto& peer : settings.peer()) options.peers.push_back({peer.name(), peer.address(), peer.next()});
  return control::Server::start(options, subject_of(running));
}

int not_started(Agent& agent, const std::string& error, Health* health = nullptr) {
  log::error("start.failed", {{"error", error}});
  if (health != nullptr) health->set_draining();
  agent.drain(std::chrono::seconds(0));
  return kNotStarted;
}

std::size_t thread_count(const v1::Agent& settings) {
  return settings.threads() != 0 ? settings.threads() : std::max(1U, std::thread::hardware_concurrency());
}

/// From a good configuration to the end of the process.
int serve(const Program& program, Agent& agent, const std::string& path, const Signals& signals) {
  const auto announced = directory::announced(agent.directory_file());
  async::LoopThreads loops(thread_count(agent.settings()));
  if (const auto bound = agent.bind(loops); !bound) return not_started(agent, bound.error());
  if (const auto handed = hand_over(agent.belongings(), agent.settings().user()); !handed)
    return not_started(agent, handed.error());
  if (const auto became = become(agent.settings().user()); !became) return not_started(agent, became.error());
  if (const auto started = agent.start(); !started) return not_started(agent, started.error());

  Health health(agent);
  StatusServer status(loops, [&health] { return health.trouble(); }, [&health] { health.collect(); });
  show_build(program.name);
  if (const auto& address = agent.settings().metrics(); !address.empty()) {
    // The address was parsed by check_agent().
    if (const auto started = status.start(*net::Address::parse(address)); !started)
      return not_started(agent, started.error(), &health);
  }
  MainTasks tasks;
  Running running{program, agent, path, health, tasks};
  running.announced = announced;
  running.watch_directory();
  // What changed while the agent started.
  running.on_announcement();
  auto control = start_control(running);
  if (!control) return not_started(agent, control.error(), &health);

  log::info("started", {{"version", QUARTET_VERSION}, {"config", path}, {"threads", loops.size()}});
  notify_manager("READY=1");
  int signal = signals.wait();
  for (; signal == SIGHUP || signal == SIGUSR1; signal = signals.wait()) {
    if (signal == SIGHUP) running.reload();
    tasks.run();
  }

  log::info("draining", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  notify_manager("STOPPING=1");
  signals.let_through();
  // Whoever asks for health learns first, then the agent ends; the control plane refers to what the agent owns.
  health.set_draining();
  tasks.close();
  if (*control) (*control)->stop(kControlGrace);
  control->reset();
  const auto seconds = agent.settings().drain_seconds();
  agent.drain(seconds != 0 ? std::chrono::seconds(seconds) : kDefaultGrace);
  status.stop();
  log::info("ended");
  return kEnded;
}

}  // namespace

int run(const Program& program, int argc, char** argv) {
  const auto line = parse(program, argc, argv);
  if (!line) {
    fmt::print(stderr, "{}: {}; see --help\n", program.name, line.error());
    return kBadUsage;
  }
  if (line->help) {
    fmt::print("{}", help(program));
    return kEnded;
  }
  if (line->version) {
    fmt::print("{} (Quartet) {}\n", program.name, QUARTET_VERSION);
    return kEnded;
  }
  if (line->action != nullptr) return line->action->run(line->config);

  const Signals signals;
  auto agent = program.load(line->config);
  if (!agent) {
    print(agent.error());
    return kBadUsage;
  }
  if (line->check) {
    fmt::print("{}: no faults\n", line->config);
    return kEnded;
  }
  log::configure(log_options(program, (*agent)->settings().log()));
  async::TaskGroup::set_exception_handler(
      [](const std::string& text) { log::error("internal.error", {{"what", text}}); });
  raise_file_limit();
  const int code = serve(program, **agent, line->config, signals);
  log::flush();
  return code;
}

}  // namespace quartet::service
