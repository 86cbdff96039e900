// quartetctl queue import
#include <fmt/format.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <ostream>
#include <span>

#include "common/base/read_file.h"
#include "ctl/client.h"
#include "ctl/json.h"
#include "ctl/progress.h"
#include "ctl/queue.h"

namespace quartet::ctl {
namespace {

namespace fs = std::filesystem;
namespace v1 = control::v1;

constexpr std::size_t kPiece = 256u << 10;

/// The envelopes that `queue export` wrote: files as they are named, those of directories in the order of their names.
std::expected<std::vector<fs::path>, std::string> find_envelopes(std::span<const std::string> places) {
  std::vector<fs::path> out;
  for (const auto& place : places) {
    std::error_code error;
    if (!fs::is_directory(place, error)) {
      out.emplace_back(place);
      continue;
    }
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    for (const auto& file : fs::directory_iterator(place, error))
      if (file.path().extension() == ".json") out.push_back(file.path());
    if (error) return std::unexpected(place + ": " + error.message());
    std::sort(out.begin() + first, out.end());
  }
  return out;
}

struct Exported {
  v1::GetMessageResponse message;
  std::string content;
};

std::expected<Exported, std::string> read_exported(const fs::path& path) {
  Exported out;
  const auto envelope = read_file(path);
  if (!envelope) return std::unexpected(path.string() + ": " + envelope.error());
  if (auto parsed = from_json(*envelope, out.message); !parsed)
    return std::unexpected(path.string() + ": " + parsed.error());
  const auto beside = fs::path(path).replace_extension(".eml");
  auto content = read_file(beside);
  if (!content) return std::unexpected(beside.string() + ": " + content.error());
  out.content = *std::move(content);
  // The content counts: it may have been mended.
  out.message.set_size(out.content.size());
  return out;
}

grpc::Status import_one(const Invocation& invocation, v1::QueueService::Stub& stub, const Exported& exported) {
  grpc::ClientContext context;
  set_stream_deadline(context, invocation);
  v1::ImportMessageResponse response;
  const auto stream = stub.ImportMessage(&context, &response);
  v1::ImportMessageRequest request;
  *request.mutable_message() = exported.message;
  request.set_hold(invocation.arguments.has("on-hold"));
  request.set_reason(invocation.arguments.value("reason").value_or(""));
  for (std::string_view rest = exported.content;;) {
    request.set_content(std::string(rest.substr(0, kPiece)));
    rest.remove_prefix(request.content().size());
    if (!stream->Write(request) || rest.empty()) break;
    request.Clear();
  }
  stream->WritesDone();
  return stream->Finish();
}

int import_messages(const Invocation& invocation) {
  const auto stub = queue_stub(invocation);
  if (!stub) return usage_error(invocation, stub.error());
  const auto envelopes = find_envelopes(invocation.arguments.operands());
  const auto fail = [&](const std::string& why) {
    invocation.err << "quartetctl: " << why << '\n';
    return kFailed;
  };
  if (!envelopes) return fail(envelopes.error());
  std::uint64_t imported = 0, there = 0;
  {
    Progress progress(invocation.err, Progress::on_terminal(invocation.err));
    for (const auto& path : *envelopes) {
      progress.show(imported + there, envelopes->size());
      const auto exported = read_exported(path);
      if (!exported) return fail(exported.error());
      const auto status = import_one(invocation, **stub, *exported);
      if (!status.ok() && status.error_code() != grpc::StatusCode::ALREADY_EXISTS) {
        invocation.err << "quartetctl: at " << path.string() << ", after " << imported << " messages:\n";
        return report(status, invocation);
      }
      ++(status.ok() ? imported : there);
    }
  }
  if (invocation.json) {
    invocation.out << fmt::format("{{\"imported\":{},\"there\":{}}}\n", imported, there);
  } else {
    invocation.out << imported << " messages imported";
    if (there != 0) invocation.out << ", " << there << " are in the queue already";
    invocation.out << '\n';
  }
  return imported == 0 ? kFailed : kOk;
}

}  // namespace

std::vector<Command> queue_import_commands() {
  return {{"queue",
           "import",
           "PLACE...",
           1,
           10'000,
           "put messages into the queue that `queue export` took from one: its directories, or ID.json files of them",
           {{"on-hold", "", "all of their recipients come in on hold"}, {"reason", "TEXT", "why; for the agent's log"}},
           import_messages,
           true,
           {},
           Command::Several::kNo}};
}

}  // namespace quartet::ctl
