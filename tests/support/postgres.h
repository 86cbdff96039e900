// Databases for tests that run beside a PostgreSQL server, see with_postgres.py.
#pragma once
#include <libpq-fe.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace quartet::test {

/// What connects to a database that belongs to the directory; made with the first call for it. Empty: the test runs
/// without such a server.
inline std::string postgres_for(const std::filesystem::path& directory) {
  const char* const server = std::getenv("QUARTET_TEST_POSTGRES");
  if (server == nullptr || *server == '\0') return {};
  static std::mutex mutex;
  static std::map<std::string, std::string> known;
  const std::lock_guard lock(mutex);
  auto& conninfo = known[directory.string()];
  if (!conninfo.empty()) return conninfo;
  const auto name = "test_" + std::to_string(::getpid()) + "_" + std::to_string(known.size());
  PGconn* const connection = PQconnectdb((std::string(server) + " dbname=postgres").c_str());
  PGresult* const result = PQexec(connection, ("CREATE DATABASE " + name).c_str());
  INFO(PQerrorMessage(connection));
  REQUIRE(PQresultStatus(result) == PGRES_COMMAND_OK);
  PQclear(result);
  PQfinish(connection);
  return conninfo = std::string(server) + " dbname=" + name;
}

}  // namespace quartet::test
