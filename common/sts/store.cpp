#include "common/sts/store.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "common/base/ascii.h"

namespace quartet::sts {
namespace {

constexpr std::string_view kHead = "quartet-mta-sts 1\n";

std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::optional<Entry> Store::load(const std::string& domain) const {
  std::ifstream file(directory_ / domain, std::ios::binary);
  std::ostringstream all;
  if (!file || !(all << file.rdbuf())) return std::nullopt;
  const auto content = std::move(all).str();
  std::string_view rest = content;
  if (!rest.starts_with(kHead)) return std::nullopt;
  rest.remove_prefix(kHead.size());
  const auto id = take_line(rest);
  const auto fetched = take_line(rest);
  if (!id || !fetched) return std::nullopt;
  const auto seconds = ascii::to_number<std::int64_t>(*fetched);
  auto policy = parse_policy(rest);
  if (!seconds || !policy) return std::nullopt;
  return Entry{std::string(*id), WallTime(std::chrono::seconds(*seconds)), std::string(rest), *std::move(policy)};
}

bool Store::save(const std::string& domain, const Entry& entry) const {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  // No domain has a name like this: canonical names know no '~'.
  const auto part = directory_ / fmt::format("{}~{}", domain, std::hash<std::thread::id>{}(std::this_thread::get_id()));
  {
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(entry.fetched.time_since_epoch()).count();
    file << kHead << entry.id << '\n' << seconds << '\n' << entry.text;
    file.close();
    if (!file) {
      std::filesystem::remove(part, error);
      return false;
    }
  }
  // A torn file after a power failure does not parse, and so is none.
  std::filesystem::rename(part, directory_ / domain, error);
  return !error;
}

}  // namespace quartet::sts
