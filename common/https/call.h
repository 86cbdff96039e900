// A request to a service of our own site, whose name the configuration gives and the system looks up.
#pragma once
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "common/https/request.h"

namespace quartet::https {

struct Call {
  Url url;
  std::vector<std::pair<std::string, std::string>> form{};  // sent by POST; without any it is a GET
  std::string user{};                                       // for HTTP Basic; empty: none
  std::string password{};
};

/// As get() and post() otherwise. User and password are encoded as RFC 6749 section 2.3.1 wants it.
std::expected<Response, Error> call(const Call& call, const Options& options);

}  // namespace quartet::https
