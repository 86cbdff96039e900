#include "common/control/server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "common/control/calls.h"
#include "common/control/hints.h"
#include "common/control/operations.h"
#include "common/control/peers.h"
#include "common/control/services.h"
#include "common/control/tcp_socket.h"
#include "common/control/unix_socket.h"
#include "common/log/log.h"
#include "common/spool/spool.h"
#include "common/tls/server_context.h"

namespace quartet::control {
namespace {

/// How soon health follows `trouble`, and how often streams that follow something look at it.
constexpr std::chrono::milliseconds kTick{250};
/// Calls of reflection, and those that did not end in their grace, are cut after this.
constexpr std::chrono::milliseconds kForOthers{50};
/// Certificates are read again this often.
constexpr unsigned kReadCertificatesSeconds = 60;
constexpr int kLargestRequest = 1 << 20;

using FromOutside = grpc::ServerBuilder::experimental_type::ExternalConnectionType;

constexpr const char* kQueueService = "quartet.control.v1.QueueService";
constexpr const char* kOperationService = "quartet.control.v1.OperationService";
constexpr const char* kRemoteQueueService = "quartet.control.v1.RemoteQueueService";
constexpr const char* kDestinationService = "quartet.control.v1.DestinationService";
constexpr const char* kRuleService = "quartet.control.v1.RuleService";
constexpr const char* kSessionService = "quartet.control.v1.SessionService";
constexpr const char* kTraceService = "quartet.control.v1.TraceService";
constexpr const char* kNodeService = "quartet.control.v1.NodeService";
constexpr const char* kPeerService = "quartet.control.v1.PeerService";
constexpr const char* kHintService = "quartet.control.v1.HintService";
constexpr const char* kConfigService = "quartet.control.v1.ConfigService";
constexpr const char* kDirectoryService = "quartet.control.v1.DirectoryService";
constexpr const char* kMailboxService = "quartet.control.v1.MailboxService";

void log_grpc(gpr_log_func_args* line) {
  if (line->severity == GPR_LOG_SEVERITY_ERROR) log::warn("control.grpc", {{"text", line->message}});
}

/// What gRPC has once for the whole process.
void prepare_grpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(log_grpc);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

/// Only who shows a certificate of `client_ca` gets in. gRPC is silent about bad files, so our own TLS reads them
/// first; then it reads them itself, again and again, so that a new certificate needs no restart.
std::expected<std::shared_ptr<grpc::ServerCredentials>, std::string> credentials(const Options& options) {
  if (options.certificate.empty() || options.key.empty() || options.client_ca.empty())
    return std::unexpected("control plane at " + options.address +
                           ": needs a certificate, its key and the authority of its clients");
  const auto checked = tls::ServerContext::load({options.certificate, options.key, options.client_ca, true});
  if (!checked) return std::unexpected("control plane at " + options.address + ": " + checked.error());
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          options.key, options.certificate, options.client_ca, kReadCertificatesSeconds));
  tls.watch_root_certs();
  tls.watch_identity_key_cert_pairs();
  tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(tls);
}

void set_limits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kLargestRequest);
  // Who connects and shows no certificate is not kept for the two minutes that gRPC gives him.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100);
  // A peer that is gone without a word is noticed within a minute and a half.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  // Only reflection still uses threads of its own.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
}

}  // namespace

class Server::Impl {
 public:
  Impl(Subject subject, std::vector<Grant> grants) : subject_(std::move(subject)), calls_(Access(std::move(grants))) {
    if (subject_.spool != nullptr) operations_ = std::make_unique<Operations>(subject_.spool->directory());
  }
  ~Impl() { stop(std::chrono::milliseconds(0)); }

  std::expected<void, std::string> start(const Options& options);
  void stop(std::chrono::milliseconds grace);
  const std::string& address() const { return address_; }

 private:
  void add_services(grpc::ServerBuilder& builder);
  void log_trouble();
  void run_ticks();

  Subject subject_;
  std::string address_;
  std::unique_ptr<Operations>
      operations_;  // null: there is no queue. Outlives the calls, which may be in the midst of one
  Calls calls_;
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<HintFollower> followed_;
  std::vector<std::shared_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> accepted_;  // gives gRPC those of `tcp_socket_`
  std::unique_ptr<TcpSocket> tcp_socket_;
  std::unique_ptr<UnixSocket> socket_;
  std::string trouble_;

  std::mutex mutex_;  // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread ticker_;
  std::mutex stop_mutex_;  // one stop() at a time
};

void Server::Impl::add_services(grpc::ServerBuilder& builder) {
  std::vector<std::string> names;
  const auto add = [&](const char* name, std::shared_ptr<grpc::Service> service) {
    builder.RegisterService(service.get());
    services_.push_back(std::move(service));
    names.push_back(name);
  };
  add(kNodeService, make_node_service(subject_, calls_));
  add(kConfigService, make_config_service(subject_, calls_));
  add(kPeerService, make_peer_service(*peers_, calls_));
  add(kTraceService, make_trace_service(subject_, calls_));
  if (operations_) add(kQueueService, make_queue_service(subject_, calls_, *operations_, *peers_));
  if (operations_) add(kOperationService, make_operation_service(calls_, *operations_));
  if (operations_ && subject_.relay != nullptr) add(kRuleService, make_rule_service(subject_, calls_, *operations_));
  if (subject_.relay != nullptr) add(kRemoteQueueService, make_remote_queue_service(subject_, calls_));
  if (subject_.relay != nullptr) add(kDestinationService, make_destination_service(subject_, calls_));
  if (subject_.sessions != nullptr) add(kSessionService, make_session_service(subject_, calls_));
  if (subject_.follow_hints) add(kHintService, make_hint_service(subject_, calls_));
  if (subject_.directory && subject_.directory() != nullptr)
    add(kDirectoryService, make_directory_service(subject_, calls_));
  if (subject_.store != nullptr) add(kMailboxService, make_mailbox_service(subject_, calls_));
  services_.push_back(make_health_service(subject_, calls_, std::move(names)));
  builder.RegisterService(services_.back().get());
}

std::expected<void, std::string> Server::Impl::start(const Options& options) {
  if (options.socket.empty() && options.address.empty())
    return std::unexpected("control plane: neither a socket nor an address is given");
  prepare_grpc();
  peers_ = std::make_unique<Peers>(options, [this] { return subject_.agent + "@" + subject_.hostname(); });
  grpc::ServerBuilder builder;
  set_limits(builder);
  add_services(builder);
  if (!options.address.empty()) {
    auto tls = credentials(options);
    if (!tls) return std::unexpected(std::move(tls.error()));
    auto socket = TcpSocket::open(options.address);
    if (!socket) return std::unexpected("control plane: " + socket.error());
    tcp_socket_ = std::move(*socket);
    accepted_ = builder.experimental().AddExternalConnectionAcceptor(FromOutside::FROM_FD, *tls);
  }
  if (!options.socket.empty()) {
    auto socket = UnixSocket::open(options.socket, options.socket_mode);
    if (!socket) return std::unexpected("control plane: " + socket.error());
    socket_ = std::move(*socket);
  }
  server_ = builder.BuildAndStart();
  if (!server_) return std::unexpected("control plane: gRPC does not start");
  if (tcp_socket_) {
    address_ = tcp_socket_->address();
    tcp_socket_->start([this](int descriptor) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = descriptor;
      accepted_->HandleNewConnection(&connection);
    });
  }
  if (socket_) socket_->start([this](int descriptor) { grpc::AddInsecureChannelFromFd(server_.get(), descriptor); });
  ticker_ = std::thread([this] { run_ticks(); });
  if (subject_.take_hints) followed_ = std::make_unique<HintFollower>(options, subject_.take_hints);
  return {};
}

/// What health says, for those who read the log.
void Server::Impl::log_trouble() {
  auto trouble = subject_.trouble ? subject_.trouble() : std::string();
  if (trouble == trouble_) return;
  if (trouble.empty()) {
    log::info("control.ready");
  } else {
    log::warn("control.not_ready", {{"trouble", trouble}});
  }
  trouble_ = std::move(trouble);
}

void Server::Impl::run_ticks() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kTick, [this] { return stopping_; })) {
    lock.unlock();
    log_trouble();
    calls_.tick();
    lock.lock();
  }
}

void Server::Impl::stop(std::chrono::milliseconds grace) {
  const std::lock_guard once(stop_mutex_);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (ticker_.joinable()) ticker_.join();
  socket_.reset();
  tcp_socket_.reset();
  if (!server_) return;
  if (operations_) operations_->stop();
  peers_->stop();
  if (followed_) followed_->stop();
  calls_.close(grace);
  server_->Shutdown(std::chrono::system_clock::now() + kForOthers);
  server_->Wait();
  server_.reset();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::expected<std::unique_ptr<Server>, std::string> Server::start(const Options& options, Subject subject) {
  auto impl = std::make_unique<Impl>(std::move(subject), options.grants);
  if (auto started = impl->start(options); !started) return std::unexpected(std::move(started.error()));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::string& Server::address() const { return impl_->address(); }

void Server::stop(std::chrono::milliseconds grace) { impl_->stop(grace); }

}  // namespace quartet::control
