#include "common/service/site_depths.h"

#include <catch2/catch.hpp>
#include <map>

using namespace quartet;
using namespace quartet::service;

namespace {

spool::Shape::Group group(std::string name, spool::Shape::Ages ages) {
  spool::Shape::Group out{std::move(name), ages};
  for (const auto n : ages) out.recipients += n;
  return out;
}

std::string site_of(const std::string& domain) { return domain.ends_with(".shared") ? "mx.shared" : "mx." + domain; }

}  // namespace

TEST_CASE("depths of domains add up to those of sites, by age", "[service]") {
  const auto members =
      site_depths({group("a.shared", {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}), group("b.shared", {0, 2, 3, 0, 0, 0, 0, 0, 0, 7}),
                   group("c.test", {0, 0, 0, 1, 1, 1, 1, 1, 0, 0})},
                  site_of, 20);
  std::map<std::pair<std::string, std::string>, double> found;
  for (const auto& [labels, value] : members) found[{labels.at(0).second, labels.at(1).second}] = value;
  CHECK(found.size() == 12);
  CHECK(found[{"mx.shared", "0-5"}] == 1);
  CHECK(found[{"mx.shared", "5-20"}] == 5);
  CHECK(found[{"mx.shared", "1280-"}] == 7);
  CHECK(found[{"mx.c.test", "20-80"}] == 2);
  CHECK(found[{"mx.c.test", "80-320"}] == 2);
  CHECK(found[{"mx.c.test", "320-1280"}] == 1);
}

TEST_CASE("the number of sites shown is bounded, and nothing is left out", "[service]") {
  std::vector<spool::Shape::Group> groups;
  for (int i = 0; i < 50; ++i)
    groups.push_back(group("d" + std::to_string(i), {static_cast<std::uint64_t>(i + 1), 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const auto members = site_depths(groups, site_of, 3);
  CHECK(members.size() == 4 * 6);
  double all = 0;
  for (const auto& [labels, value] : members) all += value;
  CHECK(all == 50 * 51 / 2);
  CHECK(members.front().first.at(0).second == "mx.d49");
  CHECK(members.back().first.at(0).second == "other");
}
