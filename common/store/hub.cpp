#include "common/store/hub.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/encoding.h"
#include "common/base/id.h"

namespace quartet::store {
namespace {

constexpr std::uint32_t kMagic = 0x31514851;  // "QHQ1"
constexpr std::size_t kMaxDatagram = 8'192;
constexpr std::size_t kHintBytes = 16;

/// A name through the directory's descriptor, because paths of sockets are limited to 108 bytes.
bool fill_address(int directory, const std::string& name, sockaddr_un& address) {
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  if (path.size() >= sizeof(address.sun_path)) return false;
  address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

}  // namespace

Hub::Hub(std::string directory, std::chrono::milliseconds poll_interval, Probe probe, std::uint32_t first_shard)
    : directory_(std::move(directory)),
      poll_interval_(poll_interval),
      probe_(std::move(probe)),
      first_shard_(first_shard) {
  directory_fd_ = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  send_fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

Hub::~Hub() {
  stop();
  for (const int fd : {directory_fd_, send_fd_, receive_fd_, wake_fd_})
    if (fd >= 0) ::close(fd);
}

void Hub::stop() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (wake_fd_ >= 0) (void)::eventfd_write(wake_fd_, 1);
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
  const std::lock_guard lock(mutex_);
  if (!own_name_.empty()) ::unlinkat(directory_fd_, own_name_.c_str(), 0);
  own_name_.clear();
}

std::unique_ptr<Watcher> Hub::watch(MailboxRef what) {
  auto target = std::make_shared<Watcher::Target>();
  target->loop = &async::Loop::current();
  target->what = what;
  {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable() && !stopping_) start_receiving();
    accounts_[{what.shard, what.account}].targets.push_back(target);
  }
  return std::make_unique<Watcher>(shared_from_this(), std::move(target));
}

void Hub::unwatch(const std::shared_ptr<Watcher::Target>& target) {
  // Under the lock: once this returns nobody posts to the loop for this target any more, so the loop may end.
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find({target->what.shard, target->what.account});
  if (found == accounts_.end()) return;
  std::erase(found->second.targets, target);
  if (found->second.targets.empty()) accounts_.erase(found);
}

void Hub::start_receiving() {
  own_name_ = Id::make().to_string() + ".sock";
  sockaddr_un address;
  receive_fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int room = 1 << 20;
  (void)::setsockopt(receive_fd_, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  if (!fill_address(directory_fd_, own_name_, address) ||
      ::bind(receive_fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    own_name_.clear();  // then polling alone must do
  }
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

void Hub::run() {
  auto next_poll = std::chrono::steady_clock::now() + poll_interval_;
  for (;;) {
    pollfd fds[2] = {{receive_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    const auto wait =
        std::chrono::duration_cast<std::chrono::milliseconds>(next_poll - std::chrono::steady_clock::now()).count();
    (void)::poll(fds, 2, static_cast<int>(std::clamp<std::int64_t>(wait + 1, 0, 60'000)));
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    if ((fds[0].revents & POLLIN) != 0) receive();
    if (std::chrono::steady_clock::now() >= next_poll) {
      poll_accounts();
      next_poll = std::chrono::steady_clock::now() + poll_interval_;
    }
  }
}

void Hub::receive() {
  char buffer[kMaxDatagram];
  for (;;) {
    const ssize_t got = ::recv(receive_fd_, buffer, sizeof(buffer), 0);
    if (got < 0) return;
    std::string_view in(buffer, static_cast<std::size_t>(got));
    if (take_le<std::uint32_t>(in) != kMagic) continue;
    const auto shard = take_le<std::uint32_t>(in);
    if (!shard) continue;
    while (in.size() >= kHintBytes) {
      Hint hint;
      hint.account = *take_le<std::int64_t>(in);
      hint.mailbox = *take_le<std::int64_t>(in);
      notify(first_shard_ + *shard, hint);
    }
  }
}

void Hub::poll_accounts() {
  std::vector<Key> keys;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, account] : accounts_) keys.push_back(key);
  }
  for (const Key& key : keys) {
    const std::uint64_t modseq = probe_(key.first, key.second);
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(key);
    if (found == accounts_.end() || modseq == 0 || found->second.modseq == modseq) continue;
    found->second.modseq = modseq;
    for (const auto& target : found->second.targets) wake(target);
  }
}

void Hub::notify(std::uint32_t shard, Hint hint) {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find({shard, hint.account});
  if (found == accounts_.end()) return;
  for (const auto& target : found->second.targets)
    if (target->what.mailbox == 0 || target->what.mailbox == hint.mailbox) wake(target);
}

void Hub::wake(const std::shared_ptr<Watcher::Target>& target) {
  if (target->posted.exchange(true)) return;
  target->loop->post([target] {
    target->posted = false;
    if (target->alive) target->event.set();
  });
}

void Hub::publish(std::uint32_t shard, const std::vector<Hint>& hints) {
  for (const Hint& hint : hints) notify(shard, hint);
  tell_followers(shard, hints);
  refresh_peers();
  std::string datagram;
  const auto flush = [&] {
    if (!datagram.empty()) send(datagram);
    datagram.clear();
  };
  for (const Hint& hint : hints) {
    if (datagram.size() + kHintBytes > kMaxDatagram) flush();
    if (datagram.empty()) {
      put_le(datagram, kMagic);
      put_le(datagram, shard - first_shard_);
    }
    put_le(datagram, hint.account);
    put_le(datagram, hint.mailbox);
  }
  flush();
}

std::shared_ptr<void> Hub::follow(Take take) {
  auto follower = std::make_shared<const Take>(std::move(take));
  const std::lock_guard lock(followers_mutex_);
  std::erase_if(followers_, [](const auto& known) { return known.expired(); });
  followers_.push_back(follower);
  return std::const_pointer_cast<Take>(follower);
}

void Hub::tell_followers(std::uint32_t shard, const std::vector<Hint>& hints) {
  std::vector<std::shared_ptr<const Take>> followers;
  {
    const std::lock_guard lock(followers_mutex_);
    for (const auto& known : followers_)
      if (auto follower = known.lock()) followers.push_back(std::move(follower));
  }
  if (followers.empty()) return;
  std::vector<MailboxRef> refs;
  for (const Hint& hint : hints) refs.push_back({shard, hint.account, hint.mailbox});
  for (const auto& follower : followers) (*follower)(refs);
}

void Hub::refresh_peers() {
  struct stat info{};
  if (::fstat(directory_fd_, &info) != 0) return;
  const std::int64_t stamp = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  const std::lock_guard lock(peers_mutex_);
  // A directory's time has the grain of a clock tick: within one of the last change, look again.
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t age = now.tv_sec * 1'000'000'000 + now.tv_nsec - stamp;
  if (stamp == peers_stamp_) return;
  peers_stamp_ = age > 50'000'000 ? stamp : -1;
  peers_.clear();
  const int copy = ::openat(directory_fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = copy < 0 ? nullptr : ::fdopendir(copy);
  if (listing == nullptr) {
    if (copy >= 0) ::close(copy);
    return;
  }
  while (const dirent* const entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(".sock")) peers_.emplace_back(name);
  }
  ::closedir(listing);
}

void Hub::send(std::string_view datagram) {
  std::string own;
  {
    const std::lock_guard lock(mutex_);
    own = own_name_;
  }
  const std::lock_guard lock(peers_mutex_);
  for (const std::string& peer : peers_) {
    sockaddr_un address;
    if (peer == own || !fill_address(directory_fd_, peer, address)) continue;
    const ssize_t sent = ::sendto(send_fd_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    // Nobody is bound to it: its process has died. A full buffer is left alone, polling makes good for it.
    if (sent < 0 && errno == ECONNREFUSED) ::unlinkat(directory_fd_, peer.c_str(), 0);
  }
}

Watcher::Watcher(std::shared_ptr<Hub> hub, std::shared_ptr<Target> target)
    : hub_(std::move(hub)), target_(std::move(target)) {}

Watcher::~Watcher() {
  hub_->unwatch(target_);
  target_->alive = false;
}

async::Event& Watcher::event() { return target_->event; }

}  // namespace quartet::store
