// Who is connected to a server: what each session says of itself, and an operator's wish that one end.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/loop.h"
#include "common/async/wait.h"
#include "common/base/time.h"
#include "common/net/stream.h"

namespace quartet::net {

struct SessionInfo {
  std::uint64_t id = 0;  // of this process, from 1; never used again
  std::string protocol;  // "smtp", "lmtp", "odmr", "imap"
  Address peer;
  Address local;
  WallTime since{};
  WallTime last_command_at{};  // that of the connection before the first one
  std::string last_command;    // its verb; empty before the first one
  std::string hello;           // what the client calls itself
  std::string login;           // empty until authenticated
  std::string tls;             // "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty in clear text
  std::uint64_t messages = 0;  // that were taken
  bool ending = false;         // it was asked to
};

/// What one session says of itself. Any thread, except end_wish().
class SessionRecord {
 public:
  SessionRecord(SessionInfo info, async::Loop& loop) : loop_(loop), info_(std::move(info)) {}

  void command(std::string_view verb);
  void hello(std::string_view name);
  void logged_in(std::string_view login);
  void secured(const TlsInfo& tls);
  /// A host in between passes on the session of this client, who may be logged in.
  void passed_on(const Address& client, std::string_view login);
  void message_taken();

  /// Whether the session is to end as soon as it can say so.
  bool is_to_end() const { return ending_.load(std::memory_order_relaxed); }
  /// Set when it is; of the session's loop.
  async::Event& end_wish() { return end_wish_; }

 private:
  friend class Sessions;
  SessionInfo info() const;

  async::Loop& loop_;
  async::Event end_wish_;
  std::atomic<bool> ending_ = false;
  mutable std::mutex mutex_;
  SessionInfo info_;
};

/// The sessions of one agent. Any thread; it outlives them.
class Sessions {
 public:
  /// A session's place in the list, while it lives.
  class Place {
   public:
    Place(Sessions& sessions, std::uint64_t id, std::shared_ptr<SessionRecord> record)
        : sessions_(sessions), id_(id), record_(std::move(record)) {}
    ~Place() { sessions_.leave(id_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    SessionRecord& record() const { return *record_; }

   private:
    Sessions& sessions_;
    std::uint64_t id_;
    std::shared_ptr<SessionRecord> record_;
  };
  /// On the session's loop.
  Place enter(std::string protocol, const Stream& stream);

  /// In the order in which they came.
  std::vector<SessionInfo> list() const;
  /// Asks one to end; false if there is none. The loops of all sessions run.
  bool end(std::uint64_t id);

 private:
  void leave(std::uint64_t id);

  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::shared_ptr<SessionRecord>> records_;
};

}  // namespace quartet::net
