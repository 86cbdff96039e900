#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

#include "common/dns/resolver.h"

using namespace quartet::dns;

namespace {
std::expected<ResolverOptions, std::string> read(const std::string& text) {
  char path[] = "/tmp/quartet-resolv-XXXXXX";
  const int fd = mkstemp(path);
  std::ofstream(path) << text;
  close(fd);
  auto options = read_resolv_conf(path);
  std::remove(path);
  return options;
}
}  // namespace

TEST_CASE("servers and options of resolv.conf", "[dns]") {
  const auto options = read(
      "# comment\nsearch example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n"
      "options timeout:3 attempts:4 rotate trust-ad ndots:2\n");
  REQUIRE(options);
  REQUIRE(options->servers.size() == 2);
  CHECK(options->servers[0].to_string() == "192.0.2.53:53");
  CHECK(options->servers[1].to_string() == "[2001:db8::53]:53");
  CHECK(options->try_timeout == std::chrono::seconds(3));
  CHECK(options->rounds == 4);
  CHECK(options->rotate);
  CHECK(options->trust_servers);
}

TEST_CASE("no resolv.conf, or none in it, means the local server", "[dns]") {
  CHECK(read("")->servers.at(0).to_string() == "127.0.0.1:53");
  CHECK(read_resolv_conf("/nonexistent/resolv.conf")->servers.at(0).to_string() == "127.0.0.1:53");
}

TEST_CASE("a wrong server names the line", "[dns]") {
  const auto options = read("\nnameserver ns.example\n");
  REQUIRE_FALSE(options);
  CHECK(options.error().find(":2: ") != std::string::npos);
}

TEST_CASE("servers with ports", "[dns]") {
  CHECK(parse_server("192.0.2.1")->port() == 53);
  CHECK(parse_server("192.0.2.1:5353")->port() == 5353);
  CHECK(parse_server("[2001:db8::1]:5353")->host() == "2001:db8::1");
  CHECK(parse_server("2001:db8::1")->port() == 53);
  CHECK_FALSE(parse_server("ns.example"));
  CHECK_FALSE(parse_server("unix:/run/x"));
}
