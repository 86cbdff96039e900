// Options of a transcript are the names in options_of(), and "together": the client's lines must not be split.
// Replays every conversation of tests/unit/smtp/transcripts against the server's session, at several splits.
#include <catch2/catch.hpp>

#include <filesystem>
#include <optional>

#include "common/async/task_group.h"
#include "tests/support/certificates.h"
#include "tests/unit/smtp/test_handler.h"
#include "tests/unit/smtp/transcript.h"

using namespace quartet;
using namespace quartet::smtp;
using namespace quartet::smtp::test;

namespace {

std::vector<std::string> transcripts() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator("smtp/transcripts")) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

ServerOptions options_of(const Transcript& transcript) {
  ServerOptions options;
  options.features.hostname = "mx.test";
  options.features.limits.errors_until_slow = 1000;
  for (const auto& [name, value] : transcript.options) {
    auto& features = options.features;
    auto& limits = features.limits;
    if (name == "together") continue;
    if (name == "lmtp")
      features.lmtp = true;
    else if (name == "etrn")
      features.etrn = true;
    else if (name == "xclient")
      features.xclient = true;
    else if (name == "xforward")
      features.xforward = true;
    else if (name == "auth")
      features.mechanisms = {"PLAIN", "LOGIN"}, features.auth_in_clear = true;
    else if (name == "size")
      limits.message_size = std::stoul(value);
    else if (name == "recipients")
      limits.recipients = static_cast<unsigned>(std::stoul(value));
    else if (name == "transactions")
      limits.transactions = static_cast<unsigned>(std::stoul(value));
    else if (name == "errors")
      limits.errors_until_close = static_cast<unsigned>(std::stoul(value));
    else if (name == "command-timeout")
      options.command_timeout = std::chrono::seconds(std::stoul(value));
    else if (name == "data-timeout")
      options.data_timeout = std::chrono::seconds(std::stoul(value));
    else if (name == "tls")
      options.tls = *tls::ServerContext::load({quartet::test::certificates().certificate("server"),
                                               quartet::test::certificates().key("server"), "", false});
    else
      throw std::runtime_error("unknown option " + name);
  }
  return options;
}

class Client {
 public:
  Client(std::unique_ptr<net::Stream> stream, std::size_t chunk) : stream_(std::move(stream)), chunk_(chunk) {}

  async::Task<void> play(const Transcript& transcript) {
    for (const auto& step : transcript.steps) {
      INFO("at \"" << step.text << "\"");
      switch (step.kind) {
        case Transcript::Step::Kind::kSend:
          co_await send(step.text);
          break;
        case Transcript::Step::Kind::kClose:
          co_await stream_->shutdown(soon());
          break;
        case Transcript::Step::Kind::kExpectLine:
          co_await expect(step.text);
          break;
        case Transcript::Step::Kind::kExpectReply:
          co_await expect_reply(step.text);
          break;
        case Transcript::Step::Kind::kExpectClose:
          co_await expect_close();
          break;
      }
    }
    // Nothing more was said.
    co_await stream_->shutdown(soon());
    co_await expect_close();
  }

 private:
  async::Task<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      // The server may have closed, as some conversations want; what it said before is compared all the same.
      co_await stream_->write(bytes.substr(0, chunk_), soon());
      bytes.remove_prefix(std::min(chunk_, bytes.size()));
      for (int turn = 0; turn < 3; ++turn) co_await async::yield();
    }
  }

  async::Task<std::optional<std::string>> next_line() {
    for (;;) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        co_return line;
      }
      const auto bytes = co_await stream_->read_some(soon());
      if (!bytes) {
        CHECK(bytes.error().code == net::IoCode::kEndOfStream);
        co_return std::nullopt;
      }
      buffer_ += *bytes;
    }
  }

  async::Task<void> expect(std::string wanted) {
    const auto line = co_await next_line();
    REQUIRE(line.has_value());
    if (wanted.ends_with("...")) {
      wanted.resize(wanted.size() - 3);
      CHECK(line->substr(0, wanted.size()) == wanted);
    } else {
      CHECK(*line == wanted);
    }
  }

  async::Task<void> expect_reply(std::string code) {
    for (;;) {
      const auto line = co_await next_line();
      REQUIRE(line.has_value());
      REQUIRE(line->substr(0, 3) == code);
      if (line->substr(3, 1) != "-") co_return;
    }
  }

  async::Task<void> expect_close() {
    const auto line = co_await next_line();
    CHECK(line.value_or("closed") == "closed");
    CHECK(buffer_.empty());
  }

  std::unique_ptr<net::Stream> stream_;
  std::size_t chunk_;
  std::string buffer_;
};

async::Task<void> replay(const Transcript& transcript, std::size_t chunk) {
  const auto options = options_of(transcript);
  TestHandler handler(options.features.lmtp);
  auto [mine, theirs] = net::make_pipe();
  SessionEnd end = SessionEnd::kStopped;
  async::TaskGroup group;
  group.spawn(run_server(std::move(theirs), options, handler, end));
  {
    Client client(std::move(mine), chunk);
    co_await client.play(transcript);
  }
  const bool ended = co_await group.join(soon());
  REQUIRE(ended);
  if (transcript.has_message) {
    REQUIRE_FALSE(handler.messages.empty());
    CHECK(handler.messages.back().bytes == transcript.message);
  }
}

}  // namespace

TEST_CASE("conversations", "[smtp][transcript]") {
  const auto paths = transcripts();
  CHECK(paths.size() > 20);
  for (const auto& path : paths) {
    const auto transcript = read_transcript(path);
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{60}, std::size_t{1} << 20}) {
      if (transcript.options.contains("together") && chunk < 1000) continue;
      INFO(path << " by " << chunk << " octets");
      async::Loop().block_on(replay(transcript, chunk));
    }
  }
}
