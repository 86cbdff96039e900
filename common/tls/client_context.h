// Whom a client believes. Immutable and shared, as ServerContext.
#pragma once
#include <expected>
#include <memory>
#include <string>

struct ssl_ctx_st;

namespace quartet::tls {

struct ClientOptions {
  bool verify = true;       // false: any certificate will do (opportunistic TLS)
  std::string ca;           // PEM file; empty: the system's
  std::string certificate;  // PEM files of our own certificate, if the server may ask for one
  std::string key;
};

class ClientContext {
 public:
  static std::expected<std::shared_ptr<const ClientContext>, std::string> make(const ClientOptions& options);
  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  bool verifies() const { return verify_; }
  ssl_ctx_st* native() const { return context_; }

 private:
  ClientContext(ssl_ctx_st* context, bool verify) : context_(context), verify_(verify) {}
  ssl_ctx_st* context_;
  bool verify_;
};

}  // namespace quartet::tls
