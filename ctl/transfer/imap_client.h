// An IMAP session of a client (RFC 9051, RFC 3501), as far as reading asks for it.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/thread_pool.h"
#include "common/net/stream.h"
#include "common/tls/client_context.h"
#include "ctl/transfer/imap_response.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

enum class ImapTls { kStartTls, kImplicit, kNone };

struct ImapAccount {
  std::string host;  // a name or an address
  std::uint16_t port = 143;
  ImapTls tls = ImapTls::kStartTls;
  std::shared_ptr<const tls::ClientContext> context;  // unless kNone
  std::string user;
  std::string password;
};

class ImapClient {
 public:
  /// Connects, starts TLS, logs in: by SCRAM or PLAIN (RFC 4616), or by LOGIN where the server offers nothing else.
  static async::Task<Outcome<std::unique_ptr<ImapClient>>> open(ImapAccount account, async::ThreadPool& pool);

  bool offers(std::string_view capability) const;

  /// What came before the command was said to be done: untagged responses, in order.
  using Answer = std::vector<ImapResponse>;
  /// Commands without tag and CRLF; all are sent before the first answer is read, so they are few and short. NO and BAD
  /// are errors; after others the session is broken.
  async::Task<Outcome<Answer>> ask(std::vector<std::string> commands);
  async::Task<Outcome<Answer>> ask(std::string command);
  bool is_broken() const { return broken_; }
  /// Says LOGOUT, and does not wait long for the answer.
  async::Task<void> log_out();

 private:
  explicit ImapClient(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  async::Task<Outcome<void>> begin(const ImapAccount& account);
  async::Task<Outcome<void>> start_tls(const ImapAccount& account);
  async::Task<Outcome<void>> secure(const ImapAccount& account);
  async::Task<Outcome<void>> log_in(const ImapAccount& account);
  async::Task<Outcome<void>> authenticate(const ImapAccount& account, const std::vector<std::string>& mechanisms);
  async::Task<Outcome<void>> learn_capabilities();
  async::Task<Outcome<ImapResponse>> read_greeting(const ImapAccount& account);
  async::Task<Outcome<ImapResponse>> read(std::chrono::seconds patience);
  async::Task<Outcome<void>> write(std::string text);
  std::string next_tag();
  std::unexpected<std::string> broken(std::string why);

  std::unique_ptr<net::Stream> stream_;
  ImapResponseReader reader_;
  std::vector<std::string> capabilities_;  // upper case
  std::uint64_t tags_ = 0;
  bool broken_ = false;
};

}  // namespace quartet::transfer
