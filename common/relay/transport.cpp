#include "common/relay/transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/journal/files.h"
#include "common/mime/header.h"
#include "common/mime/trace.h"
#include "common/net/process.h"
#include "common/relay/local_hop.h"
#include "common/relay/pipe_terms.h"
#include "common/smtp/batch.h"

namespace quartet::relay {
namespace {

using Result = smtp::TransactionResult;

smtp::ClientError broken(smtp::Reply reply) {
  auto text = reply.text();
  return {smtp::ClientError::Kind::kRefused, std::move(text), std::move(reply)};
}

class Pipe final : public Transport {
 public:
  explicit Pipe(std::shared_ptr<const PipeCommand> command) : command_(std::move(command)) {}

  async::Task<Result> carry(const spool::MessageId& id, std::uint32_t,
                            const smtp::OutboundTransaction& transaction) override {
    Result result;
    result.recipients.resize(transaction.recipients.size());
    const auto name = id.to_string();
    for (std::size_t i = 0; i < result.recipients.size(); ++i) {
      const bool stop = co_await async::stop_requested();
      if (stop) break;
      const PipeValues values{transaction.reverse_path, transaction.recipients[i].address, name, transaction.trace,
                              transaction.message.size()};
      co_await run(values, transaction.message, result, i);
      if (result.broken) break;
    }
    co_return result;
  }

 private:
  async::Task<void> run(PipeValues values, std::string_view message, Result& result, std::size_t i) {
    auto& reply = result.recipients[i];
    if (const auto name = as_option(*command_, values)) {
      reply = {553, *name == "sender" ? "5.1.7" : "5.1.3",
               fmt::format("the program could take the {} for an option", *name)};
      co_return;
    }
    if (command_->delivered_to && mime::has_field_value(mime::Header(message), "Delivered-To", values.recipient)) {
      reply = {554, "5.4.6", "a loop: the message was delivered to this address before"};
      co_return;
    }
    const auto input = piped_message(*command_, values, message, wall_now());
    const auto end = co_await net::run_process(options(values), input, async::Deadline::after(command_->timeout));
    if (end) {
      reply = reply_to_end(end->exit_code, end->signal, end->timed_out, end->output);
      co_return;
    }
    result.broken = broken({451, "4.3.0", fmt::format("{}: {}", command_->arguments[0], net::to_string(end.error()))});
    reply = *result.broken->reply;
  }

  net::ProcessOptions options(const PipeValues& values) const {
    net::ProcessOptions out;
    for (const auto& argument : command_->arguments) out.arguments.push_back(expand(argument, values));
    for (const auto* text : {"SENDER={sender}", "RECIPIENT={recipient}", "QUEUE_ID={id}", "TRACE_ID={trace}"})
      out.environment.push_back(expand(text, values));
    out.environment.emplace_back("PATH=/usr/local/bin:/usr/bin:/bin");
    for (const auto& variable : command_->environment) out.environment.push_back(expand(variable, values));
    out.directory = command_->directory;
    out.user = command_->user;
    out.group = command_->group;
    return out;
  }

  std::shared_ptr<const PipeCommand> command_;
};

class Batch final : public Transport {
 public:
  Batch(std::shared_ptr<const BatchDrop> drop, std::string hostname, async::ThreadPool& files)
      : drop_(std::move(drop)), form_{std::move(hostname), drop_->esmtp, drop_->lf}, files_(files) {}

  async::Task<Result> carry(const spool::MessageId& id, std::uint32_t ordinal,
                            const smtp::OutboundTransaction& transaction) override {
    Result result;
    result.recipients.resize(transaction.recipients.size());
    result.dsn_passed_on = form_.esmtp;
    const auto batch = smtp::batch_of(transaction, form_);
    if (!batch) {
      std::ranges::fill(result.recipients, batch.error());
      co_return result;
    }
    const auto name = fmt::format("{}-{}.bsmtp", id.to_string(), ordinal);
    const auto written = co_await async::offload(files_, [this, &name, &batch] {
      return journal::write_atomically(journal::Files(drop_->directory, {}), name, *batch);
    });
    smtp::Reply reply(250, "2.0.0", "written to " + name);
    if (!written) {
      reply = {451, "4.3.0", fmt::format("{}: {}", drop_->directory.string(), written.error().detail)};
      result.broken = broken(reply);
    }
    std::ranges::fill(result.recipients, reply);
    co_return result;
  }

 private:
  std::shared_ptr<const BatchDrop> drop_;
  smtp::BatchForm form_;
  async::ThreadPool& files_;
};

}  // namespace

std::string name_of(const PipeCommand& command) {
  return fmt::format("pipe:{}:{}", command.user_name, fmt::join(command.arguments, " "));
}

std::string name_of(const BatchDrop& drop) { return "bsmtp:" + drop.directory.string(); }

std::unique_ptr<Transport> make_transport(const NextHop& next_hop, std::string hostname, async::ThreadPool& files) {
  if (next_hop.kind == NextHop::Kind::kPipe) return std::make_unique<Pipe>(next_hop.pipe);
  QUARTET_CHECK(next_hop.kind == NextHop::Kind::kBatch);
  return std::make_unique<Batch>(next_hop.batch, std::move(hostname), files);
}

}  // namespace quartet::relay
