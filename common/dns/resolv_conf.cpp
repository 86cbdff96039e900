// resolv.conf(5): "nameserver", and of "options" what concerns us; search lists have no place in mail.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "common/base/ascii.h"
#include "common/dns/resolver.h"

namespace quartet::dns {
namespace {

constexpr std::uint16_t kPort = 53;
constexpr std::size_t kMaxServers = 3;  // as the C library

void read_option(std::string_view option, ResolverOptions& options) {
  const auto value = [option](std::string_view name) -> std::optional<int> {
    if (!option.starts_with(name)) return std::nullopt;
    return ascii::to_number<int>(option.substr(name.size()));
  };
  if (const auto seconds = value("timeout:"); seconds) {
    options.try_timeout = std::chrono::seconds(std::clamp(*seconds, 1, 30));
  } else if (const auto attempts = value("attempts:"); attempts) {
    options.rounds = std::clamp(*attempts, 1, 5);
  } else if (option == "rotate") {
    options.rotate = true;
  } else if (option == "trust-ad") {
    options.trust_servers = true;
  }
}

}  // namespace

std::expected<net::Address, std::string> parse_server(std::string_view text) {
  if (auto address = net::Address::from_ip(text, kPort)) return address;
  auto address = net::Address::parse(text);
  if (!address || address->is_unix() || address->port() == 0)
    return std::unexpected(fmt::format("\"{}\": expected an IP address, with :port if it is not 53", text));
  return address;
}

std::expected<ResolverOptions, std::string> read_resolv_conf(const std::string& path) {
  ResolverOptions options;
  std::ifstream file(path);
  if (!file && errno != ENOENT) return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    std::istringstream words(line);
    std::string keyword, word;
    words >> keyword;
    if (keyword == "nameserver" && options.servers.size() < kMaxServers) {
      words >> word;
      auto address = net::Address::from_ip(word, kPort);
      if (!address) return std::unexpected(fmt::format("{}:{}: {}", path, number, address.error()));
      options.servers.push_back(std::move(*address));
    } else if (keyword == "options") {
      while (words >> word) read_option(word, options);
    }
  }
  if (options.servers.empty()) options.servers.push_back(*net::Address::from_ip("127.0.0.1", kPort));
  return options;
}

}  // namespace quartet::dns
