// The configuration of sendmail with the environment and the defaults worked in.
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "common/net/address.h"
#include "common/smtp/client_session.h"

namespace quartet::sendmail {

struct Settings {
  net::Address server;
  std::string domain;          // behind addresses without "@"
  smtp::ClientOptions client;  // hostname, TLS and login
  std::vector<std::string> controls;
  std::string control_ca, control_certificate, control_key;
};

/// `config_file`: as -C gave it; empty: $QUARTET_SENDMAIL_CONFIG, else /etc/quartet/sendmail.txtpb if there is one.
/// The error is for people, with file:line:column where a file is at fault.
std::expected<Settings, std::string> load_settings(const std::string& config_file);

}  // namespace quartet::sendmail
