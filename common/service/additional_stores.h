// Several stores out of a configuration.
#pragma once
#include <google/protobuf/util/message_differencer.h>

#include "common/service/settings.h"
#include "common/store/store.h"
#include "quartet/config/v1/additional_store.pb.h"

namespace quartet::service {

using AdditionalStores = google::protobuf::RepeatedPtrField<v1::AdditionalStore>;

/// What is wrong with `additional_store` and `store_name` of an agent.
template <typename Config>
void check_stores(Checker& checker, const Config& config) {
  const auto fault_of = [](const std::string& name) {
    const bool fine = !name.empty() && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return fine ? nullptr : "expected lower case letters, digits and '-'";
  };
  std::vector<std::string> names{config.store_name().empty() ? "main" : config.store_name()};
  if (const auto* const fault = fault_of(names.front())) checker.fault(config, "store_name", fault);
  for (const auto& store : config.additional_store()) {
    if (const auto* const fault = fault_of(store.name())) checker.fault(store, "name", fault);
    if (std::ranges::find(names, store.name()) != names.end()) checker.fault(store, "name", "is that of another store");
    names.push_back(store.name());
    checker.require(store, "directory", store.directory());
    if (store.directory() == config.store()) checker.fault(store, "directory", "is that of `store`");
  }
}

/// What the store is opened with, as far as the configuration says.
template <typename Config>
store::Options store_places(const Config& config) {
  store::Options options;
  if (!config.store_name().empty()) options.name = config.store_name();
  options.directory = config.store();
  options.postgres = config.store_database();
  for (const auto& store : config.additional_store())
    options.additional.push_back({store.name(), store.directory(), store.database()});
  return options;
}

template <typename Config>
bool same_stores(const Config& a, const Config& b) {
  return a.store_name() == b.store_name() &&
         std::ranges::equal(a.additional_store(), b.additional_store(), [](const auto& x, const auto& y) {
           return google::protobuf::util::MessageDifferencer::Equals(x, y);
         });
}

/// Whether other hosts may change what is in one of the stores.
template <typename Config>
bool shares_store(const Config& config) {
  return !config.store_database().empty() ||
         std::ranges::any_of(config.additional_store(), [](const auto& store) { return !store.database().empty(); });
}

/// The directories of all.
template <typename Config>
std::vector<std::string> store_directories(const Config& config) {
  std::vector<std::string> directories{config.store()};
  for (const auto& store : config.additional_store()) directories.push_back(store.directory());
  return directories;
}

}  // namespace quartet::service
