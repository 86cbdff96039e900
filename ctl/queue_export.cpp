// quartetctl queue export
#include <fmt/format.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <ostream>

#include "common/mime/mbox.h"
#include "ctl/calls.h"
#include "ctl/json.h"
#include "ctl/new_file.h"
#include "ctl/progress.h"
#include "ctl/queue.h"
#include "ctl/selector.h"

namespace quartet::ctl {
namespace {

namespace v1 = control::v1;
using Stub = v1::QueueService::Stub;
using Written = std::expected<void, std::string>;
using Write = std::function<Written(std::string_view)>;

/// Where messages go, one after the other. `read` gives a message's content piece by piece to what it is called with,
/// and is an error if that or the agent says so.
class Destination {
 public:
  using Read = std::function<Written(const Write&)>;
  virtual ~Destination() = default;
  virtual Written add(const v1::GetMessageResponse& message, const Read& read) = 0;
  virtual Written finish() { return {}; }
};

/// ID.eml and ID.json for each.
class Directory final : public Destination {
 public:
  explicit Directory(std::filesystem::path path) : path_(std::move(path)) {}
  Written add(const v1::GetMessageResponse& message, const Read& read) override {
    auto content = NewFile::create(path_ / (message.id() + ".eml"));
    if (!content) return std::unexpected(content.error());
    if (auto done = read([&](std::string_view bytes) { return content->write(bytes); }); !done) return done;
    auto envelope = NewFile::create(path_ / (message.id() + ".json"));
    if (!envelope) return std::unexpected(envelope.error());
    if (auto done = envelope->write(to_json(message) + "\n"); !done) return done;
    // The envelope first: a message without one is of no use, and so not there.
    if (auto done = envelope->commit(); !done) return done;
    return content->commit();
  }

 private:
  std::filesystem::path path_;
};

class Mbox final : public Destination {
 public:
  /// `file` takes what `write` writes, if it is one.
  Mbox(Write write, std::unique_ptr<NewFile> file) : write_(std::move(write)), file_(std::move(file)) {}
  Written add(const v1::GetMessageResponse& message, const Read& read) override {
    mime::MboxWriter mbox;
    const auto received = from_micros(message.received().seconds() * 1'000'000 + message.received().nanos() / 1000);
    // What has gone meanwhile leaves no separator behind: that is written with the first octets.
    auto head = mbox.begin(message.sender(), received);
    auto done = read([&](std::string_view bytes) { return write_(std::exchange(head, {}) + mbox.add(bytes)); });
    if (!done) return done;
    return write_(mbox.end());
  }
  Written finish() override { return file_ ? file_->commit() : Written(); }

 private:
  Write write_;
  std::unique_ptr<NewFile> file_;
};

/// The octets of one message as they are.
class Plain final : public Destination {
 public:
  explicit Plain(Write write) : write_(std::move(write)) {}
  Written add(const v1::GetMessageResponse&, const Read& read) override { return read(write_); }

 private:
  Write write_;
};

std::expected<std::unique_ptr<Destination>, std::string> open_destination(const Invocation& invocation,
                                                                          const std::string& to) {
  const Write to_output = [&out = invocation.out](std::string_view bytes) -> Written {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out) return std::unexpected("the standard output takes no more");
    return {};
  };
  if (invocation.arguments.has("mbox")) {
    if (to == "-") return std::make_unique<Mbox>(to_output, nullptr);
    auto file = NewFile::create(to);
    if (!file) return std::unexpected(file.error());
    auto owned = std::make_unique<NewFile>(*std::move(file));
    auto write = [&file = *owned](std::string_view bytes) { return file.write(bytes); };
    return std::make_unique<Mbox>(std::move(write), std::move(owned));
  }
  if (to == "-") return std::make_unique<Plain>(to_output);
  std::error_code error;
  std::filesystem::create_directories(to, error);
  if (error) return std::unexpected(to + ": " + error.message());
  return std::make_unique<Directory>(to);
}

/// Ids of the messages with a recipient that matches, each once.
grpc::Status find_messages(const Invocation& invocation, const QueueCall& call, std::vector<std::string>& ids) {
  v1::ListMessagesRequest request;
  *request.mutable_selector() = call.selector;
  request.set_page_size(1000);
  return each_page<v1::ListMessagesResponse>(invocation, request, lister(call), [&ids](const auto& page) {
    for (const auto& entry : page.entry())
      if (ids.empty() || ids.back() != entry.message_id()) ids.push_back(entry.message_id());
    return true;
  });
}

/// One message: its envelope, then its content into `destination`. NOT_FOUND: it has gone.
grpc::Status export_one(const Invocation& invocation, Stub& stub, const std::string& id, Destination& destination,
                        Written& written) {
  v1::GetMessageRequest request;
  request.set_id(id);
  v1::GetMessageResponse message;
  grpc::ClientContext asked;
  set_deadline(asked, invocation);
  auto status = stub.GetMessage(&asked, request, &message);
  if (!status.ok()) return status;
  written = destination.add(message, [&](const Write& write) -> Written {
    grpc::ClientContext context;
    set_stream_deadline(context, invocation);
    v1::GetContentRequest content;
    content.set_id(id);
    const auto stream = stub.GetContent(&context, content);
    Written taken;
    v1::GetContentResponse piece;
    while (taken && stream->Read(&piece)) taken = write(piece.content());
    if (!taken) context.TryCancel();
    const auto end = stream->Finish();
    if (!taken) return taken;
    status = end;
    return end.ok() ? Written() : std::unexpected(end.error_message());
  });
  if (!status.ok()) written = {};  // what went wrong is not ours to tell
  return status;
}

int export_messages(const Invocation& invocation) {
  const auto to = invocation.arguments.value("to");
  if (!to || to->empty()) return usage_error(invocation, "--to: expected a directory, a file for --mbox, or -");
  const auto begun = begin_queue_call(invocation);
  if (!begun.stub) return begun.code;
  if (!says_which(begun.selector)) return usage_error(invocation, "which messages? Give a condition, or --all");
  std::vector<std::string> ids;
  if (const auto status = find_messages(invocation, begun, ids); !status.ok()) return report(status, invocation);
  const bool mbox = invocation.arguments.has("mbox");
  if (*to == "-" && !mbox && ids.size() > 1)
    return usage_error(invocation, fmt::format("{} messages match: give a directory, or --mbox", ids.size()));
  auto destination = open_destination(invocation, *to);
  const auto fail = [&](const std::string& why) {
    invocation.err << "quartetctl: " << why << '\n';
    return kFailed;
  };
  if (!destination) return fail(destination.error());
  std::uint64_t exported = 0, seen = 0;
  {
    Progress progress(invocation.err, *to != "-" && Progress::on_terminal(invocation.err));
    for (const auto& id : ids) {
      progress.show(seen++, ids.size());
      Written written;
      const auto status = export_one(invocation, *begun.stub, id, **destination, written);
      if (status.error_code() == grpc::StatusCode::NOT_FOUND) continue;
      if (!status.ok()) return report(status, invocation);
      if (!written) return fail(written.error());
      ++exported;
    }
  }
  if (const auto done = (*destination)->finish(); !done) return fail(done.error());
  auto& out = *to == "-" ? invocation.err : invocation.out;
  if (invocation.json) {
    out << fmt::format("{{\"exported\":{},\"gone\":{}}}\n", exported, ids.size() - exported);
  } else if (*to != "-" || exported == 0) {
    out << exported << " messages exported";
    if (exported != ids.size()) out << ", " << ids.size() - exported << " left the queue meanwhile";
    out << '\n';
  }
  return exported == 0 ? kFailed : kOk;
}

}  // namespace

std::vector<Command> queue_export_commands() {
  auto options = selector_options();
  options.push_back(
      {"to", "PLACE", "a directory, for ID.eml and ID.json (the envelope) of each; - for one message's text"});
  options.push_back({"mbox", "", "one mbox file instead; PLACE is its name, or -"});
  return {{"queue",
           "export",
           "[ID...]",
           0,
           10'000,
           "copy messages out of the queue, which keeps them",
           std::move(options),
           export_messages,
           true,
           {},
           Command::Several::kNo}};
}

}  // namespace quartet::ctl
