#include "ctl/sendmail/settings.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

#include "common/config/config.h"
#include "quartet/config/v1/sendmail.pb.h"

namespace quartet::sendmail {
namespace {

using config::v1::NextHop;
using File = config::v1::Sendmail;

constexpr const char* kUsualFile = "/etc/quartet/sendmail.txtpb";

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string system_host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data() : "localhost";
}

std::expected<File, std::string> read_file(std::string path) {
  if (path.empty()) path = environment("QUARTET_SENDMAIL_CONFIG");
  if (path.empty() && ::access(kUsualFile, F_OK) != 0) return File();
  auto file = config::load<File>(path.empty() ? kUsualFile : path);
  if (file) return *std::move(file);
  std::string errors;
  for (const auto& error : file.error()) errors += (errors.empty() ? "" : "\n") + config::to_string(error);
  return std::unexpected(errors);
}

NextHop::TlsPolicy policy_of(const File& file, const net::Address& server) {
  if (file.tls() != NextHop::TLS_UNSPECIFIED) return file.tls();
  if (!file.login().empty()) return NextHop::VERIFY;
  return server.is_unix() ? NextHop::NONE : NextHop::MAY;
}

/// The error is empty if all is well.
std::string set_tls(const File& file, Settings& out) {
  const auto policy = policy_of(file, out.server);
  if (policy == NextHop::DANE || policy == NextHop::DANE_ONLY)
    return "tls: DANE needs a host name, and `server` is an address";
  if (policy == NextHop::NONE) {
    out.client.starttls = smtp::StartTls::kNever;
    return file.login().empty() ? "" : "tls: a login needs TLS";
  }
  auto context =
      tls::ClientContext::make({.verify = policy == NextHop::VERIFY, .ca = file.ca(), .certificate = "", .key = ""});
  if (!context) return context.error();
  out.client.tls = *context;
  out.client.starttls = policy == NextHop::MAY ? smtp::StartTls::kIfOffered : smtp::StartTls::kRequired;
  out.client.server_name = file.server_name().empty() ? out.server.host() : file.server_name();
  return "";
}

}  // namespace

std::expected<Settings, std::string> load_settings(const std::string& config_file) {
  const auto file = read_file(config_file);
  if (!file) return std::unexpected(file.error());
  Settings out;
  auto where = environment("QUARTET_SENDMAIL_SERVER");
  if (where.empty()) where = file->server().empty() ? "127.0.0.1:25" : file->server();
  const auto server = net::Address::parse(where);
  if (!server) return std::unexpected("server \"" + where + "\": " + server.error());
  out.server = *server;
  out.client.hostname = file->hostname().empty() ? system_host_name() : file->hostname();
  out.domain = file->domain().empty() ? out.client.hostname : file->domain();
  if (!file->login().empty()) out.client.login = smtp::ClientLogin{file->login(), file->password()};
  if (const auto error = set_tls(*file, out); !error.empty()) return std::unexpected(error);
  out.controls.assign(file->control().begin(), file->control().end());
  if (const auto target = environment("QUARTET_TARGET"); out.controls.empty() && !target.empty())
    out.controls.push_back(target);
  out.control_ca = file->control_ca();
  out.control_certificate = file->control_tls().certificate();
  out.control_key = file->control_tls().key();
  return out;
}

}  // namespace quartet::sendmail
