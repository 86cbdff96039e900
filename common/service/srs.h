// The Sender Rewriting Scheme out of a configuration.
#pragma once
#include <memory>

#include "common/directory/directory.h"
#include "common/service/settings.h"
#include "common/smtp/srs.h"
#include "quartet/config/v1/srs.pb.h"

namespace quartet::service {

/// Null after a fault. `directory`, which may be null, has to have the domain.
std::shared_ptr<const smtp::Srs> read_srs(Checker& checker, const v1::Srs& source,
                                          const directory::Directory* directory);

}  // namespace quartet::service
