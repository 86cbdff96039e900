#include "common/net/sessions.h"

namespace quartet::net {

void SessionRecord::command(std::string_view verb) {
  const std::lock_guard lock(mutex_);
  info_.last_command = verb;
  info_.last_command_at = wall_now();
}

void SessionRecord::hello(std::string_view name) {
  const std::lock_guard lock(mutex_);
  info_.hello = name;
}

void SessionRecord::logged_in(std::string_view login) {
  const std::lock_guard lock(mutex_);
  info_.login = login;
}

void SessionRecord::secured(const TlsInfo& tls) {
  const std::lock_guard lock(mutex_);
  info_.tls = tls.version + " " + tls.cipher;
}

void SessionRecord::passed_on(const Address& client, std::string_view login) {
  const std::lock_guard lock(mutex_);
  info_.peer = client;
  info_.login = login;
  info_.hello.clear();
}

void SessionRecord::message_taken() {
  const std::lock_guard lock(mutex_);
  ++info_.messages;
}

SessionInfo SessionRecord::info() const {
  const std::lock_guard lock(mutex_);
  auto info = info_;
  info.ending = is_to_end();
  return info;
}

Sessions::Place Sessions::enter(std::string protocol, const Stream& stream) {
  SessionInfo info;
  info.protocol = std::move(protocol);
  info.peer = stream.peer();
  info.local = stream.local();
  info.since = info.last_command_at = wall_now();
  const std::lock_guard lock(mutex_);
  info.id = ++last_;
  auto record = std::make_shared<SessionRecord>(std::move(info), async::Loop::current());
  records_.emplace(last_, record);
  return Place(*this, last_, std::move(record));
}

void Sessions::leave(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  records_.erase(id);
}

std::vector<SessionInfo> Sessions::list() const {
  std::vector<std::shared_ptr<SessionRecord>> records;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, record] : records_) records.push_back(record);
  }
  std::vector<SessionInfo> out;
  out.reserve(records.size());
  for (const auto& record : records) out.push_back(record->info());
  return out;
}

bool Sessions::end(std::uint64_t id) {
  std::shared_ptr<SessionRecord> record;
  {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(id);
    if (found == records_.end()) return false;
    record = found->second;
  }
  if (record->ending_.exchange(true)) return true;
  record->loop_.post([record] { record->end_wish_.set(); });
  return true;
}

}  // namespace quartet::net
