#include "common/tls/engine.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/tls/openssl_error.h"

namespace quartet::tls {
namespace {

constexpr std::size_t kRecord = 16 * 1024;

std::string subject_of(X509* certificate) {
  const std::unique_ptr<char, void (*)(char*)> text(X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0),
                                                    [](char* memory) { OPENSSL_free(memory); });
  return text ? text.get() : "";
}

net::Trust trust_of(SSL* ssl) {
  std::uint8_t usage = 0;
  if (SSL_get0_dane_authority(ssl, nullptr, nullptr) < 0) return net::Trust::kAuthority;
  SSL_get0_dane_tlsa(ssl, &usage, nullptr, nullptr, nullptr, nullptr);
  return usage == kDaneEe ? net::Trust::kDaneEe : net::Trust::kDaneTa;
}

/// RFC 9266 section 2. Without an extended master secret somebody between us could have the same value on both sides.
std::string exported(SSL* ssl) {
  static constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";
  if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) return {};
  std::string out(32, '\0');
  static constexpr unsigned char kEmpty[1] = {};
  const int made = SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(out.data()), out.size(),
                                              kLabel.data(), kLabel.size(), kEmpty, 0, 1);
  ERR_clear_error();
  return made == 1 ? out : std::string();
}

/// RFC 5929 section 3.1: the first Finished message of the handshake, which is the server's where a session is resumed.
/// TLS 1.3 has none (RFC 8446 appendix C.5); before, what is said above of the master secret holds here, too.
std::string unique(SSL* ssl) {
  if (SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) != 1) return {};
  const bool of_server = SSL_session_reused(ssl) == 1;
  const bool own = of_server == (SSL_is_server(ssl) == 1);
  std::string out(EVP_MAX_MD_SIZE, '\0');
  out.resize((own ? SSL_get_finished : SSL_get_peer_finished)(ssl, out.data(), out.size()));
  return out;
}

/// RFC 5929 section 4.1: the certificate's digest by the hash of its own signature, and by SHA-256 in place of the weak
/// ones. Signatures without a single hash, such as Ed25519, have no such binding.
std::string end_point(const X509* certificate) {
  int digest = NID_undef;
  if (certificate == nullptr ||
      X509_get_signature_info(const_cast<X509*>(certificate), &digest, nullptr, nullptr, nullptr) != 1)
    return {};
  if (digest == NID_md5 || digest == NID_sha1) digest = NID_sha256;
  const auto* const method = digest == NID_undef ? nullptr : EVP_get_digestbynid(digest);
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  const bool made =
      method != nullptr && X509_digest(certificate, method, reinterpret_cast<unsigned char*>(out.data()), &size) == 1;
  ERR_clear_error();
  out.resize(made ? size : 0);
  return out;
}

/// "" for what is no text, or would be another one to who stops at a NUL.
std::string text_of(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  ERR_clear_error();
  if (size < 0) return {};
  const std::string out(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return out.find('\0') == std::string::npos ? out : std::string();
}

std::vector<std::string> addresses_of(const X509* certificate) {
  std::vector<std::string> out;
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int n = 0; names && n < sk_GENERAL_NAME_num(names.get()); ++n) {
    const auto* const name = sk_GENERAL_NAME_value(names.get(), n);
    if (name->type != GEN_EMAIL) continue;
    if (auto address = text_of(name->d.rfc822Name); !address.empty()) out.push_back(std::move(address));
  }
  return out;
}

/// The last one, which is the most specific.
std::string common_name_of(const X509* certificate) {
  const auto* const subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int n = last; (n = X509_NAME_get_index_by_NID(subject, NID_commonName, n)) >= 0;) last = n;
  return last < 0 ? std::string() : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
}

/// An emptied memory BIO keeps its memory for ever; a fresh one has none.
void drop_memory(BIO* bio) {
  BUF_MEM* memory = nullptr;
  BIO_get_mem_ptr(bio, &memory);
  if (memory == nullptr || memory->max < kRecord / 4 || BIO_ctrl_pending(bio) != 0) return;
  BIO_set_mem_buf(bio, BUF_MEM_new(), BIO_CLOSE);
  BIO_set_mem_eof_return(bio, -1);
}

}  // namespace

Fault fault_of(long verify_result) {
  switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Fault::kExpired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return Fault::kNameMismatch;
    default:
      return Fault::kUntrusted;
  }
}

std::string take_openssl_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  // "error:0A000086:SSL routines::certificate verify failed": the last part is for people.
  const std::string whole = text;
  const auto colon = whole.rfind(':');
  return colon == std::string::npos ? whole : whole.substr(colon + 1);
}

struct Engine::Native {
  explicit Native(SSL_CTX* context) : ssl(SSL_new(context)), in(BIO_new(BIO_s_mem())), out(BIO_new(BIO_s_mem())) {
    QUARTET_CHECK(ssl != nullptr && in != nullptr && out != nullptr);
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(ssl, in, out);
  }
  ~Native() { SSL_free(ssl); }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  const char* refused = nullptr;  // why there must be no handshake
  SSL* ssl;
  BIO* in;   // owned by ssl
  BIO* out;  // owned by ssl
};

Engine::Engine(std::unique_ptr<Native> native) : native_(std::move(native)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine::~Engine() = default;

Engine Engine::server(const ServerContext& context) {
  Engine engine(std::make_unique<Native>(context.native()));
  SSL_set_accept_state(engine.native_->ssl);
  return engine;
}

Engine Engine::client(const ClientContext& context, const std::string& name) {
  Engine engine(std::make_unique<Native>(context.native()));
  SSL* const ssl = engine.native_->ssl;
  SSL_set_connect_state(ssl);
  const std::unique_ptr<ASN1_OCTET_STRING, void (*)(ASN1_OCTET_STRING*)> address(a2i_IPADDRESS(name.c_str()),
                                                                                 ASN1_OCTET_STRING_free);
  // RFC 6066 section 3: no literal addresses in SNI.
  if (!address && !name.empty()) SSL_set_tlsext_host_name(ssl, name.c_str());
  if (context.verifies()) {
    X509_VERIFY_PARAM* const parameters = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str())
                            : X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size());
    if (name.empty() || set != 1)
      engine.native_->refused = "the server's name is empty or none, so its certificate cannot be for it";
  }
  return engine;
}

Engine Engine::client(const ClientContext& context, const Dane& dane) {
  Engine engine(std::make_unique<Native>(context.native()));
  SSL_set_connect_state(engine.native_->ssl);
  if (!require(engine.native_->ssl, dane)) engine.native_->refused = "the TLSA records cannot be used";
  return engine;
}

void Engine::feed(std::string_view bytes) {
  if (!bytes.empty()) BIO_write(native_->in, bytes.data(), static_cast<int>(bytes.size()));
}

bool Engine::has_output() const { return BIO_ctrl_pending(native_->out) > 0; }

std::string Engine::take_output() {
  std::string bytes(BIO_ctrl_pending(native_->out), '\0');
  if (!bytes.empty()) BIO_read(native_->out, bytes.data(), static_cast<int>(bytes.size()));
  drop_memory(native_->out);
  return bytes;
}

Status Engine::result(int returned) {
  if (returned > 0) return Status::kDone;
  switch (SSL_get_error(native_->ssl, returned)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:  // memory takes everything: only input can be missing
      drop_memory(native_->in);
      return Status::kWantInput;
    case SSL_ERROR_ZERO_RETURN:
      return Status::kClosed;
    default:
      break;
  }
  const long verified = SSL_get_verify_result(native_->ssl);
  error_ = take_openssl_error();
  if (verified != X509_V_OK && SSL_get_verify_mode(native_->ssl) != SSL_VERIFY_NONE) {
    error_ += std::string(": ") + X509_verify_cert_error_string(verified);
    fault_ = fault_of(verified);
  }
  return Status::kFailed;
}

Status Engine::handshake() {
  if (native_->refused != nullptr) {
    error_ = native_->refused;
    return Status::kFailed;
  }
  ERR_clear_error();
  return result(SSL_do_handshake(native_->ssl));
}

Status Engine::read(std::string& out, std::size_t limit) {
  const auto before = out.size();
  ERR_clear_error();
  int count = 0;
  // Without zeroing what OpenSSL is about to write.
  out.resize_and_overwrite(before + limit, [&](char* memory, std::size_t) {
    count = SSL_read(native_->ssl, memory + before, static_cast<int>(limit));
    return before + static_cast<std::size_t>(std::max(count, 0));
  });
  return result(count);
}

Status Engine::write(std::string_view& bytes) {
  const auto part = bytes.substr(0, kRecord);
  if (part.empty()) return Status::kDone;
  ERR_clear_error();
  const int count = SSL_write(native_->ssl, part.data(), static_cast<int>(part.size()));
  if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  return result(count);
}

void Engine::close() {
  ERR_clear_error();
  SSL_shutdown(native_->ssl);
  ERR_clear_error();
}

net::TlsInfo Engine::info() const {
  SSL* const ssl = native_->ssl;
  net::TlsInfo info;
  info.version = SSL_get_version(ssl);
  info.cipher = SSL_get_cipher_name(ssl);
  info.bits = SSL_get_cipher_bits(ssl, nullptr);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info.server_name = name;
  const std::unique_ptr<X509, void (*)(X509*)> peer(SSL_get1_peer_certificate(ssl), X509_free);
  // A session that is resumed has the result of its first handshake, and the certificate may have ended since.
  info.peer_verified = peer && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl) == X509_V_OK &&
                       (SSL_session_reused(ssl) != 1 || X509_cmp_current_time(X509_get0_notAfter(peer.get())) > 0);
  if (info.peer_verified) {
    info.peer_subject = subject_of(peer.get());
    info.trust = trust_of(ssl);
  }
  return info;
}

std::vector<std::string> Engine::peer_names() const {
  const std::unique_ptr<X509, void (*)(X509*)> peer(SSL_get1_peer_certificate(native_->ssl), X509_free);
  if (!info().peer_verified) return {};
  auto names = addresses_of(peer.get());
  if (!names.empty()) return names;
  if (auto name = common_name_of(peer.get()); !name.empty()) names.push_back(std::move(name));
  return names;
}

std::string Engine::channel_binding(std::string_view type) const {
  SSL* const ssl = native_->ssl;
  if (type == "tls-exporter") return exported(ssl);
  if (type == "tls-unique") return unique(ssl);
  if (type != "tls-server-end-point") return {};
  if (SSL_is_server(ssl)) return end_point(SSL_get_certificate(ssl));
  const std::unique_ptr<X509, void (*)(X509*)> peer(SSL_get1_peer_certificate(ssl), X509_free);
  return end_point(peer.get());
}

}  // namespace quartet::tls
