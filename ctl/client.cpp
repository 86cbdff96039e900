#include "ctl/client.h"

#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <signal.h>

#include <atomic>
#include <mutex>
#include <ostream>
#include <thread>

#include "common/base/read_file.h"
#include "ctl/values.h"

namespace quartet::ctl {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr int kLargestResponse = 64 << 20;

/// A PEM file; none if no path is given.
std::expected<std::string, std::string> read_pem(const std::string& path) {
  if (path.empty()) return std::string();
  auto content = read_file(path);
  if (!content) return std::unexpected(path + ": " + content.error());
  if (content->empty()) return std::unexpected(path + ": is empty");
  return content;
}

/// gRPC says what every failed connection attempt was about; the status of the call says it well enough.
void be_silent(gpr_log_func_args*) {}

}  // namespace

std::expected<std::shared_ptr<grpc::Channel>, std::string> connect(const Invocation& invocation) {
  static std::once_flag once;
  std::call_once(once, [] { gpr_set_log_function(be_silent); });
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLargestResponse);
  arguments.SetString(GRPC_ARG_PRIMARY_USER_AGENT_STRING, "quartetctl/" QUARTET_VERSION);
  // A proxy of the environment has no business between an operator and an agent.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (invocation.target.starts_with("unix:"))
    return grpc::CreateCustomChannel(invocation.target, grpc::InsecureChannelCredentials(), arguments);

  auto ca = read_pem(invocation.ca), certificate = read_pem(invocation.certificate), key = read_pem(invocation.key);
  for (const auto* file : {&ca, &certificate, &key})
    if (!*file) return std::unexpected(file->error());
  return grpc::CreateCustomChannel(invocation.target, grpc::SslCredentials({*ca, *key, *certificate}), arguments);
}

void set_deadline(grpc::ClientContext& context, const Invocation& invocation) {
  context.set_deadline(std::chrono::system_clock::now() + invocation.timeout.value_or(kPatience));
}

void set_stream_deadline(grpc::ClientContext& context, const Invocation& invocation) {
  if (invocation.timeout) context.set_deadline(std::chrono::system_clock::now() + *invocation.timeout);
}

namespace {

/// What gRPC says of a status, in words that help: of a certificate, key or authorities that it cannot use it says only
/// that there is no address.
std::string words_of(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && status.error_message().starts_with("empty address list"))
    return "no connection could be set up: are --ca, --cert and --key PEM files, and do the last two belong together?";
  // gRPC's own answer for a service that the agent does not have is without words.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && status.error_message().empty())
    return "this agent has nothing that the command is about";
  return plain(status.error_message());
}

}  // namespace

int report(const grpc::Status& status, const Invocation& invocation) {
  if (status.ok()) return kOk;
  const bool silence = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                       status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  invocation.err << "quartetctl: ";
  if (silence) invocation.err << invocation.target << ": ";
  invocation.err << words_of(status) << '\n';
  return silence ? kUnreachable : kFailed;
}

struct Interrupt::State {
  explicit State(grpc::ClientContext& call) : context(call) {}
  grpc::ClientContext& context;
  sigset_t signals{}, before{};
  std::atomic<bool> happened = false;
  std::jthread thread;
};

Interrupt::Interrupt(grpc::ClientContext& context) : state_(std::make_unique<State>(context)) {
  sigemptyset(&state_->signals);
  sigaddset(&state_->signals, SIGINT);
  sigaddset(&state_->signals, SIGTERM);
  // Threads of gRPC that are started from here on inherit this: the signals come to our thread alone.
  ::pthread_sigmask(SIG_BLOCK, &state_->signals, &state_->before);
  state_->thread = std::jthread([state = state_.get()](const std::stop_token& stop) {
    const timespec moment{0, 100'000'000};
    while (!stop.stop_requested()) {
      const int signal = ::sigtimedwait(&state->signals, nullptr, &moment);
      if (signal <= 0 || stop.stop_requested()) continue;
      state->happened = true;
      state->context.TryCancel();
    }
  });
}

Interrupt::~Interrupt() {
  state_->thread.request_stop();
  ::pthread_kill(state_->thread.native_handle(), SIGTERM);  // so that it need not wait for the moment to be over
  state_->thread.join();
  ::pthread_sigmask(SIG_SETMASK, &state_->before, nullptr);
}

bool Interrupt::happened() const { return state_->happened; }

}  // namespace quartet::ctl
