// Copies of queued messages: as files, as an mbox, on the standard output.
#include <sys/stat.h>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "ctl/new_file.h"
#include "ctl/run.h"
#include "tests/unit/control/helpers.h"

using namespace quartet;
using namespace quartet::control::test;

namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Exporting : Running {
  Exporting() { start(); }
  int run(const std::vector<std::string>& words) {
    std::ostringstream out_stream, err_stream;
    std::vector<std::string> all = {"queue", "export"};
    all.insert(all.end(), words.begin(), words.end());
    const int code = ctl::run(all, target(), out_stream, err_stream);
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }
  std::size_t files(const std::filesystem::path& where) const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(where), {}));
  }
  std::string out, err;
};

}  // namespace

TEST_CASE("a new file is there whole or not at all", "[ctl]") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "file";
  {
    auto file = ctl::NewFile::create(path);
    REQUIRE(file);
    REQUIRE(file->write("half"));
  }
  CHECK(std::filesystem::is_empty(directory.path()));
  auto file = ctl::NewFile::create(path);
  REQUIRE(file->write("whole"));
  REQUIRE(file->commit());
  CHECK(content_of(path) == "whole");
  CHECK(ctl::NewFile::create(directory.path() / "none" / "file").error().find("none/file: ") != std::string::npos);
}

TEST_CASE("a pipe, a device or a directory is not replaced by a new file", "[ctl]") {
  const TemporaryDirectory directory;
  const auto fifo = directory.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const auto& path : {fifo, directory.path(), std::filesystem::path("/dev/null")}) {
    const auto refused = ctl::NewFile::create(path);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().find("is no file") != std::string::npos);
  }
  CHECK(std::filesystem::is_fifo(fifo));
}

TEST_CASE("messages are copied into a directory with their envelopes", "[ctl]") {
  Exporting queue;
  // More than one piece of the stream, and more than GetMessage gives.
  const auto large = "Subject: large\r\n\r\n" + std::string(4u << 20, 'x') + "\r\n";
  const auto one = enqueue(*queue.spool, message_to({"a@b.test", "b@b.test"}, large)).to_string();
  const auto two = enqueue(*queue.spool, message_to({"c@d.test"}, "")).to_string();
  const auto to = queue.directory.path() / "out" / "there";
  REQUIRE(queue.run({"--all", "--to", to.string()}) == 0);
  CHECK(queue.out == "2 messages exported\n");
  CHECK(content_of(to / (one + ".eml")) == large);
  CHECK(content_of(to / (two + ".eml")).empty());
  const auto envelope = content_of(to / (one + ".json"));
  CHECK(envelope.starts_with("{\"id\":\"" + one + "\",\"sender\":\"sender@a.test\""));
  CHECK(envelope.find("\"recipient\":\"b@b.test\"") != std::string::npos);
  CHECK(queue.files(to) == 4);
  CHECK(queue.spool->counts().messages == 2);
  CHECK(queue.run({"--json", "--recipient-domain", "d.test", "--to", to.string()}) == 0);
  CHECK(queue.out == "{\"exported\":1,\"gone\":0}\n");
}

TEST_CASE("one message or an mbox of many on the standard output", "[ctl]") {
  Exporting queue;
  const auto one = enqueue(*queue.spool, message_to({"a@b.test"}, "Subject: one\r\n\r\nx\r\n")).to_string();
  enqueue(*queue.spool, message_to({"c@d.test"}, "Subject: two\r\n\r\nFrom y\r\n"));
  REQUIRE(queue.run({one, "--to", "-"}) == 0);
  CHECK(queue.out == "Subject: one\r\n\r\nx\r\n");
  CHECK(queue.run({"--all", "--to", "-"}) == 2);
  REQUIRE(queue.run({"--all", "--mbox", "--to", "-"}) == 0);
  CHECK(queue.out.find("Subject: one\n\nx\n\nFrom sender@a.test ") != std::string::npos);
  CHECK(queue.out.ends_with("Subject: two\n\n>From y\n\n"));
  const auto file = queue.directory.path() / "mbox";
  REQUIRE(queue.run({"--all", "--mbox", "--to", file.string()}) == 0);
  CHECK(content_of(file).ends_with("Subject: two\n\n>From y\n\n"));
}

TEST_CASE("an export that makes no sense, finds nothing or has no place", "[ctl]") {
  Exporting queue;
  enqueue(*queue.spool, message_to({"a@b.test"}));
  CHECK(queue.run({"--all"}) == 2);
  CHECK(queue.run({"--to", "x"}) == 2);
  const auto to = queue.directory.path() / "out";
  CHECK(queue.run({"--recipient", "z@b.test", "--to", to.string()}) == 1);
  std::ofstream(queue.directory.path() / "file") << "in the way";
  CHECK(queue.run({"--all", "--to", (queue.directory.path() / "file").string()}) == 1);
  CHECK(queue.err.find("file") != std::string::npos);
}
