#include "mta/batch_smtp.h"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <filesystem>

#include "common/relay/local_hop.h"
#include "tests/unit/mta/helpers.h"

using namespace quartet;
using namespace quartet::mta;
using relay::NextHop;

namespace {

/// Who tests as root has to name whom programs run as.
std::string user() { return ::geteuid() == 0 ? "user: \"nobody\"" : ""; }

std::size_t faults(const Site& site, const std::string& action) {
  const auto settings = load_settings(site.config("transport { match: \"x.test\" " + action + " }"));
  return settings ? 0 : settings.error().size();
}

}  // namespace

TEST_CASE("programs and directories as transports", "[mta]") {
  const Site site;
  const auto directory = std::filesystem::path(site.file("x")).parent_path().string();
  const auto settings = load_settings(site.config(
      "transport { match: \"uucp.test\" pipe { argument: \"/bin/cat\" argument: \"-u\" argument: \"{recipient}\" " +
      user() + " from_line: true timeout_seconds: 5 processes: 2 } }" +
      "transport { match: \".fido.test\" bsmtp { directory: \"" + directory + "\" lf: true } }"));
  REQUIRE(settings.has_value());
  const auto& pipe = (*settings)->router->route("a@uucp.test");
  REQUIRE(pipe.kind == NextHop::Kind::kPipe);
  CHECK(pipe.pipe->arguments == std::vector<std::string>{"/bin/cat", "-u", "{recipient}"});
  CHECK(pipe.pipe->timeout == std::chrono::seconds(5));
  CHECK(pipe.pipe->processes == 2);
  CHECK(pipe.pipe->from_line);
  CHECK(pipe.pipe->user.has_value() == (::geteuid() == 0));
  const auto& batch = (*settings)->router->route("a@p1.fido.test");
  REQUIRE(batch.kind == NextHop::Kind::kBatch);
  CHECK(batch.batch->lf);
  CHECK(batch.site_key() == "bsmtp:" + directory);
}

TEST_CASE("what a configuration may say of programs and directories", "[mta]") {
  const Site site;
  CHECK(faults(site, "pipe { argument: \"/bin/cat\" " + user() + " }") == 0);
  CHECK(faults(site, "pipe { " + user() + " }") == 1);
  CHECK(faults(site, "pipe { argument: \"cat\" " + user() + " }") == 1);
  CHECK(faults(site, "pipe { argument: \"/nonexistent/cat\" " + user() + " }") == 1);
  CHECK(faults(site, "pipe { argument: \"/bin/cat\" argument: \"{recipent}\" " + user() + " }") == 1);
  CHECK(faults(site, "pipe { argument: \"/bin/cat\" environment: \"=x\" environment: \"A={b}\" " + user() + " }") == 2);
  CHECK(faults(site, "pipe { argument: \"/bin/cat\" user: \"no such user\" }") == 1);
  CHECK(faults(site, "pipe { argument: \"/bin/cat\" group: \"nogroup\" }") >= 1);
  CHECK(faults(site, "bsmtp { directory: \"/nonexistent\" }") == 1);
  CHECK(faults(site, "bsmtp { directory: \"etc\" }") == 1);
  if (::geteuid() == 0) CHECK(faults(site, "pipe { argument: \"/bin/cat\" }") == 1);
}
