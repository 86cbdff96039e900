// Certificate and key of a server. Immutable and shared; a reload makes a new one, and sessions keep the one they began
// with. TLS 1.2 is the minimum.
#pragma once
#include <expected>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace quartet::tls {

struct ServerFiles {
  std::string certificate;  // PEM: the server's, then the intermediate ones
  std::string key;          // PEM
  std::string client_ca;    // PEM; if given, clients are asked for a certificate of these
  /// Whether they must show one. Otherwise one that is not valid is as good as none.
  bool require_client = false;
};

class ServerContext {
 public:
  /// The error names the file and what OpenSSL says of it.
  static std::expected<std::shared_ptr<const ServerContext>, std::string> load(const ServerFiles& files);
  ~ServerContext();
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  ssl_ctx_st* native() const { return context_; }

 private:
  explicit ServerContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

}  // namespace quartet::tls
