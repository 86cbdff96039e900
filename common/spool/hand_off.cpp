#include "common/spool/hand_off.h"

#include "common/async/wait.h"
#include "common/spool/unit.h"
#include "common/spool/wake.h"

namespace quartet::spool {

class HandOff::Impl {
 public:
  Impl(const std::filesystem::path& directory, std::unique_ptr<journal::Writer> log)
      : hint_(directory), log_(std::move(log)) {}
  ~Impl() { close(); }

  void submit(NewMessage message, Spool::Accepted completion) {
    complete(message);
    auto unit = make_unit(std::move(message));
    const auto id = unit.id;
    log_->append(std::move(unit.records),
                 [this, id, completion = std::move(completion)](const journal::AppendResult& result) mutable {
                   if (!result) {
                     completion(std::unexpected(to_error(result.error())));
                     return;
                   }
                   // The writer has published its end before this, so the owner finds the message when it looks.
                   hint_.send();
                   completion(id);
                 });
  }

  void close() { log_->close(); }

  std::optional<SpoolError> fault() const {
    if (const auto error = log_->fault()) return to_error(*error);
    return std::nullopt;
  }

 private:
  WakeHint hint_;
  std::unique_ptr<journal::Writer> log_;
};

HandOff::HandOff(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HandOff::~HandOff() { impl_->close(); }

std::expected<std::unique_ptr<HandOff>, SpoolError> HandOff::open(HandOffOptions options) {
  journal::Options log;
  log.directory = options.directory;
  log.segment_size = options.segment_size;
  log.large_payload = options.large_body;
  log.free_segments = 2;
  log.publish = true;
  log.fault = std::move(options.fault);
  auto writer = journal::Writer::open(std::move(log));
  if (!writer) return std::unexpected(to_error(writer.error()));
  return std::unique_ptr<HandOff>(new HandOff(std::make_shared<Impl>(options.directory, std::move(*writer))));
}

void HandOff::submit(NewMessage message, Spool::Accepted completion) {
  impl_->submit(std::move(message), std::move(completion));
}

async::Task<std::expected<MessageId, SpoolError>> HandOff::enqueue(NewMessage message) {
  using Result = std::expected<MessageId, SpoolError>;
  auto result = co_await async::from_callback<Result>([&](async::Completion<Result> completion) {
    impl_->submit(std::move(message),
                  [completion = std::move(completion)](Result value) mutable { completion(std::move(value)); });
  });
  co_return result;
}

void HandOff::close() { impl_->close(); }
std::optional<SpoolError> HandOff::fault() const { return impl_->fault(); }

}  // namespace quartet::spool
