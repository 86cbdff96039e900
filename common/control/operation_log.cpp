#include "common/control/operation_log.h"

#include <unordered_map>

#include "common/base/crc32c.h"
#include "common/base/encoding.h"
#include "common/log/log.h"

namespace quartet::control {
namespace {

constexpr const char* kFile = "operations";
constexpr std::string_view kMagic = "quartet operations 1\n";

}  // namespace

std::string encode_operation(const v1::Operation& operation) {
  const auto text = operation.SerializeAsString();
  std::string out;
  put_bytes(out, text);
  put_le(out, crc32c(text));
  return out;
}

std::vector<v1::Operation> decode_operations(std::string_view file, std::size_t& used) {
  std::vector<v1::Operation> out;
  std::unordered_map<std::string, std::size_t> places;
  used = 0;
  if (!file.starts_with(kMagic)) return out;
  auto rest = file.substr(kMagic.size());
  for (;;) {
    used = file.size() - rest.size();
    const auto text = take_bytes(rest);
    const auto checksum = text ? take_le<std::uint32_t>(rest) : std::nullopt;
    v1::Operation operation;
    if (!checksum || *checksum != crc32c(*text) ||
        !operation.ParseFromArray(text->data(), static_cast<int>(text->size())))
      return out;
    const auto [known, fresh] = places.emplace(operation.id(), out.size());
    if (fresh) {
      out.push_back(std::move(operation));
    } else {
      out[known->second] = std::move(operation);
    }
  }
}

OperationLog::OperationLog(const std::filesystem::path& directory) : files_(directory, {}) {}

std::vector<v1::Operation> OperationLog::load() const {
  const auto path = files_.directory() / kFile;
  if (files_.directory().empty() || !std::filesystem::exists(path)) return {};
  const auto file = journal::read_whole(path);
  if (!file) {
    log::error("control.operations_lost", {{"file", path.string()}, {"reason", file.error().detail}});
    return {};
  }
  std::size_t used = 0;
  auto operations = decode_operations(*file, used);
  if (used != file->size())
    log::warn("control.operations_cut", {{"file", path.string()}, {"bytes", file->size() - used}});
  return operations;
}

void OperationLog::replace(const std::vector<v1::Operation>& operations) {
  if (files_.directory().empty()) return;
  std::string contents(kMagic);
  for (const auto& one : operations) contents += encode_operation(one);
  const auto written = journal::write_atomically(files_, kFile, contents);
  auto file = written ? files_.open_for_writing(kFile) : std::unexpected(written.error());
  file_ = file ? std::move(*file) : journal::Fd();
  size_ = contents.size();
  appended_ = 0;
  if (!file) log::error("control.operations_not_saved", {{"reason", file.error().detail}});
}

journal::Status OperationLog::write(std::string_view bytes) {
  std::vector<iovec> parts{{const_cast<char*>(bytes.data()), bytes.size()}};
  const auto written = files_.write(file_, kFile, parts, size_);
  return written ? files_.sync(file_, kFile) : written;
}

void OperationLog::append(const v1::Operation& operation) {
  if (!file_) return;
  const auto record = encode_operation(operation);
  // A failed one is written over by the next.
  if (const auto written = write(record); !written) {
    log::error("control.operations_not_saved", {{"reason", written.error().detail}});
    return;
  }
  size_ += record.size();
  ++appended_;
}

}  // namespace quartet::control
