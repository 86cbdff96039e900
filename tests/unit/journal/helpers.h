// What the journal's tests share: a directory that goes away, appends that wait, records as text.
#pragma once
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "common/journal/journal.h"
#include "tests/support/temporary_directory.h"

namespace quartet::journal::test {

using quartet::test::TemporaryDirectory;

inline Options options_for(const std::filesystem::path& directory, std::uint32_t segment_size = 64u << 10) {
  Options options;
  options.directory = directory;
  options.writer = 0;
  options.segment_size = segment_size;
  return options;
}

inline std::unique_ptr<Writer> open_writer(Options options, const ReplayHandler& handler = {}) {
  auto writer = Writer::open(std::move(options), handler);
  INFO((writer ? std::string() : writer.error().detail));
  REQUIRE(writer.has_value());
  return std::move(*writer);
}

inline std::vector<NewRecord> unit_of(std::vector<std::string> payloads) {
  std::vector<NewRecord> unit;
  for (auto& payload : payloads) {
    unit.emplace_back().type = 7;
    unit.back().pieces.emplace_back(std::move(payload));
  }
  return unit;
}

inline std::future<AppendResult> append_later(Writer& writer, std::vector<std::string> payloads,
                                              AppendOptions options = {}) {
  auto promise = std::make_shared<std::promise<AppendResult>>();
  auto result = promise->get_future();
  writer.append(
      unit_of(std::move(payloads)), [promise](AppendResult value) { promise->set_value(std::move(value)); }, options);
  return result;
}

inline AppendResult append(Writer& writer, std::vector<std::string> payloads, AppendOptions options = {}) {
  return append_later(writer, std::move(payloads), options).get();
}

/// Collects the payloads of all records.
struct Collector {
  std::vector<std::string> payloads;
  std::vector<Location> locations;
  ReplayHandler handler() {
    return [this](const RecordView& record) {
      payloads.emplace_back(record.payload);
      locations.push_back(record.location);
    };
  }
};

inline std::filesystem::path newest_segment(const std::filesystem::path& directory) {
  const auto segments = list_segments(directory);
  REQUIRE(segments.has_value());
  REQUIRE(!segments->empty());
  char name[32];
  std::snprintf(name, sizeof name, "%04x-%012llx.log", writer_of(segments->back().id),
                static_cast<unsigned long long>(sequence_of(segments->back().id)));
  return directory / name;
}

/// What came of an append, as text for checks: "ok" or the error.
inline std::string outcome(const AppendResult& result) { return result ? "ok" : result.error().detail; }

}  // namespace quartet::journal::test
