#include "common/net/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/async/task_group.h"
#include "common/net/uv_stream.h"

namespace quartet::net {
namespace {

constexpr std::chrono::seconds kTimeToEnd{5};
constexpr std::chrono::seconds kLastWords{1};

struct Child {
  HandlePointer<uv_process_t> handle{};
  async::Event exited{};
  ProcessEnd end{};

  static void on_exit(uv_process_t* process, std::int64_t code, int signal) {
    auto* const self = static_cast<Child*>(process->data);
    if (self == nullptr) return;
    self->end.exit_code = static_cast<int>(code);
    self->end.signal = signal;
    self->exited.set();
  }
  /// The whole session: what the program started as well.
  void kill(int signal) const { ::kill(-handle->pid, signal); }
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

struct Ends {
  StreamHandlePointer input;
  StreamHandlePointer output;
};

std::expected<Ends, IoError> start(Child& child, ProcessOptions& options) {
  Ends ends{make_handle(true), make_handle(true)};
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) return std::unexpected(error_of(uv_translate_sys_error(errno)));
  if (const int opened = uv_pipe_open(&ends.output->pipe, output[0]); opened != 0) {
    ::close(output[0]);
    ::close(output[1]);
    return std::unexpected(error_of(opened));
  }
  uv_stdio_container_t stdio[3];
  stdio[0].flags = static_cast<uv_stdio_flags>(UV_CREATE_PIPE | UV_READABLE_PIPE);
  stdio[0].data.stream = &ends.input->stream;
  stdio[1].flags = stdio[2].flags = UV_INHERIT_FD;
  stdio[1].data.fd = stdio[2].data.fd = output[1];
  auto arguments = pointers(options.arguments);
  auto environment = pointers(options.environment);
  uv_process_options_t request{};
  request.exit_cb = &Child::on_exit;
  request.file = arguments[0];
  request.args = arguments.data();
  request.env = environment.data();
  request.cwd = options.directory.c_str();
  request.stdio_count = 3;
  request.stdio = stdio;
  request.flags = UV_PROCESS_DETACHED;
  if (options.user) {
    request.flags |= UV_PROCESS_SETUID;
    request.uid = static_cast<uv_uid_t>(*options.user);
  }
  if (options.group) {
    request.flags |= UV_PROCESS_SETGID;
    request.gid = static_cast<uv_gid_t>(*options.group);
  }
  child.handle.reset(new uv_process_t{});
  child.handle->data = &child;
  const int started = uv_spawn(async::Loop::current().native(), child.handle.get(), &request);
  ::close(output[1]);
  if (started != 0) return std::unexpected(error_of(started));
  return ends;
}

/// A program that wants no more of its input closes it; that is its affair.
async::Task<void> feed(StreamHandlePointer handle, std::string_view input) {
  UvStream stream(std::move(handle), {}, {});
  if (!input.empty()) co_await stream.write(input, async::Deadline::never());
}

async::Task<void> collect(StreamHandlePointer handle, std::string& output, std::size_t most) {
  UvStream stream(std::move(handle), {}, {});
  for (;;) {
    const auto bytes = co_await stream.read_some(async::Deadline::never());
    if (!bytes) co_return;
    output += bytes->substr(0, most - std::min(most, output.size()));
  }
}

}  // namespace

async::Task<std::expected<ProcessEnd, IoError>> run_process(ProcessOptions options, std::string_view input,
                                                            async::Deadline deadline) {
  Child child;
  auto ends = start(child, options);
  if (!ends) co_return std::unexpected(ends.error());
  async::TaskGroup streams;
  streams.spawn(collect(std::move(ends->output), child.end.output, options.most_output));
  streams.spawn(feed(std::move(ends->input), input));
  const auto waited = co_await child.exited.wait(deadline);
  if (waited != async::Wait::kReady) {
    child.kill(SIGTERM);
    const auto ended = co_await child.exited.wait_uncancellable(async::Deadline::after(kTimeToEnd));
    if (ended != async::Wait::kReady) {
      child.kill(SIGKILL);
      co_await child.exited.wait_uncancellable();
    }
    child.end.timed_out = true;
  }
  co_await streams.join(async::Deadline::after(kLastWords));
  co_await streams.close();
  co_return std::move(child.end);
}

}  // namespace quartet::net
