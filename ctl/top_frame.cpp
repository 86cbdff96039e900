#include "ctl/top_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/utf8.h"
#include "ctl/json.h"
#include "ctl/values.h"

namespace quartet::ctl {
namespace {

constexpr std::array<const char*, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::string_view kPlainBars = "_.-=+*%#";
constexpr std::size_t kNameColumns = 11;

std::string rate(double value) { return value < 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value); }

void add_history(std::vector<std::string>& lines, const char* name, const std::deque<double>& values,
                 const std::string& now, std::size_t width, bool unicode) {
  const auto room = width > kNameColumns + 12 ? width - kNameColumns - 12 : 0;
  lines.push_back(fmt::format("{:<{}}{} {:>10}", name, kNameColumns, sparkline(values, room, unicode), now));
}

void add_agent(std::vector<std::string>& lines, const TopAgent& agent, std::size_t width, std::size_t sites,
               bool unicode) {
  if (!agent.error.empty()) {
    lines.push_back(fmt::format("{}: {}", plain(agent.name), plain(agent.error)));
    return;
  }
  lines.push_back(fmt::format("{}: {}", plain(agent.name), plain(agent.state)));
  lines.push_back(fmt::format("queue      {} messages; recipients: {} queued, {} active, {} deferred, {} held",
                              agent.messages, agent.queued, agent.active, agent.deferred, agent.held));
  lines.push_back(fmt::format("rates      {}/s accepted, {}/s delivered, {}/s deferred, {}/s failed{}",
                              rate(agent.rates.accepted), rate(agent.rates.delivered), rate(agent.rates.deferred),
                              rate(agent.rates.failed), agent.lost == 0 ? "" : fmt::format(", {} unseen", agent.lost)));
  add_history(lines, "delivered", agent.delivered_before, rate(agent.rates.delivered) + "/s", width, unicode);
  add_history(lines, "depth", agent.depth_before, std::to_string(agent.depth()), width, unicode);
  if (sites == 0 || agent.sites.empty()) return;
  lines.push_back("     READY  CONNECTIONS  STATE    SITE");
  for (std::size_t i = 0; i < std::min(sites, agent.sites.size()); ++i) {
    const auto& site = agent.sites[i];
    lines.push_back(fmt::format("{:>10}  {:>11}  {:<7}  {}{}{}", site.ready, site.connections,
                                site.backoff ? "backoff" : "open", plain(site.site),
                                site.last_failure.empty() ? "" : "  ", plain(site.last_failure)));
  }
  if (agent.sites.size() > sites) lines.push_back(fmt::format("{:>10}  more", agent.sites.size() - sites));
}

}  // namespace

void TopAgent::remember() {
  const auto add = [](std::deque<double>& values, double value) {
    values.push_back(value);
    if (values.size() > kHistory) values.pop_front();
  };
  add(delivered_before, rates.delivered);
  add(depth_before, static_cast<double>(depth()));
}

std::string sparkline(const std::deque<double>& values, std::size_t width, bool unicode) {
  const auto shown = std::min(values.size(), width);
  const auto first = values.end() - static_cast<std::ptrdiff_t>(shown);
  const double most = shown == 0 ? 0 : *std::max_element(first, values.end());
  std::string out(width - shown, ' ');
  for (auto value = first; value != values.end(); ++value) {
    // Anything above zero is more than the lowest bar: a trickle is not nothing.
    const auto level = *value <= 0 ? 0 : std::clamp<std::size_t>(static_cast<std::size_t>(*value / most * 7.999), 1, 7);
    if (unicode) {
      out += kBars[level];
    } else {
      out += kPlainBars[level];
    }
  }
  return out;
}

std::vector<std::string> top_screen(std::span<const TopAgent> agents, const std::string& time, std::size_t width,
                                    std::size_t height, bool unicode) {
  // Five lines an agent, one between them, two round its sites; what is left of the screen is for sites.
  const auto fixed = 1 + agents.size() * 8;
  const auto sites = agents.empty() || height <= fixed ? 0 : (height - fixed) / agents.size();
  std::vector<std::string> lines = {fmt::format("quartetctl top  {}  (q quits)", time)};
  for (const auto& agent : agents) {
    lines.emplace_back();
    add_agent(lines, agent, width, sites, unicode);
  }
  lines.resize(std::min(lines.size(), height));
  for (auto& line : lines) line.resize(utf8::first(line, width).size());
  return lines;
}

std::string top_line(const TopAgent& agent, const std::string& time) {
  if (!agent.error.empty()) return fmt::format("{}  {}  {}", time, plain(agent.name), plain(agent.error));
  const auto backoff = std::ranges::count_if(agent.sites, &TopSite::backoff);
  return fmt::format(
      "{}  {}  accepted {}/s  delivered {}/s  deferred {}/s  failed {}/s  queue {}  sites {} ({} in backoff)", time,
      plain(agent.name), rate(agent.rates.accepted), rate(agent.rates.delivered), rate(agent.rates.deferred),
      rate(agent.rates.failed), agent.depth(), agent.sites.size(), backoff);
}

std::string top_json(const TopAgent& agent, const std::string& time) {
  if (!agent.error.empty())
    return fmt::format(R"({{"time":{},"agent":{},"error":{}}})", json_string(time), json_string(agent.name),
                       json_string(agent.error));
  return fmt::format(
      R"({{"time":{},"agent":{},"state":{},"accepted":{:.3f},"delivered":{:.3f},"deferred":{:.3f},"failed":{:.3f},)"
      R"("lost":{},"queue":{{"messages":{},"queued":{},"active":{},"deferred":{},"held":{}}},"sites":{}}})",
      json_string(time), json_string(agent.name), json_string(agent.state), agent.rates.accepted, agent.rates.delivered,
      agent.rates.deferred, agent.rates.failed, agent.lost, agent.messages, agent.queued, agent.active, agent.deferred,
      agent.held, agent.sites.size());
}

}  // namespace quartet::ctl
