#include "mta/batch_smtp.h"

#include <filesystem>
#include <memory>

#include "common/relay/local_hop.h"

namespace quartet::mta {

relay::NextHop read_batch(service::Checker& checker, const config::v1::BatchSmtp& batch) {
  auto drop = std::make_shared<relay::BatchDrop>();
  drop->directory = batch.directory();
  drop->esmtp = batch.esmtp();
  drop->lf = batch.lf();
  std::error_code error;
  if (!drop->directory.is_absolute() || !std::filesystem::is_directory(drop->directory, error))
    checker.fault(batch, "directory", "expected a directory that exists, by a path that begins with '/'");
  relay::NextHop out;
  out.kind = relay::NextHop::Kind::kBatch;
  out.batch = std::move(drop);
  return out;
}

}  // namespace quartet::mta
