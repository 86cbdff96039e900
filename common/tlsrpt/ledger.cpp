#include "common/tlsrpt/ledger.h"

#include <algorithm>
#include <fstream>

namespace quartet::tlsrpt {

bool Ledger::save(const v1::Period& period) const {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  const auto name = directory_ / (std::to_string(period.start()) + ".period");
  auto part = name;
  part += ".part";
  {
    std::ofstream file(part, std::ios::binary | std::ios::trunc);
    period.SerializeToOstream(&file);
    file.close();
    if (!file) {
      std::filesystem::remove(part, error);
      return false;
    }
  }
  // A torn file after a power failure does not parse: these are counts, and mail does not wait for them.
  std::filesystem::rename(part, name, error);
  return !error;
}

void Ledger::remove(std::int64_t start) const {
  std::error_code error;
  std::filesystem::remove(directory_ / (std::to_string(start) + ".period"), error);
}

std::vector<v1::Period> Ledger::load() const {
  std::vector<v1::Period> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (entry.path().extension() != ".period") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    v1::Period period;
    if (file && period.ParseFromIstream(&file) && period.length() > 0) out.push_back(std::move(period));
  }
  std::ranges::sort(out, {}, [](const v1::Period& period) { return period.start(); });
  return out;
}

}  // namespace quartet::tlsrpt
