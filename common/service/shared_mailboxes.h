// The namespaces of mailboxes out of a configuration.
#pragma once
#include <memory>

#include "common/directory/directory.h"
#include "common/service/settings.h"
#include "common/store/namespaces.h"
#include "quartet/config/v1/shared_mailboxes.pb.h"

namespace quartet::service {

/// `directory`, which may be null after a fault of its own, has the users.
std::shared_ptr<const store::Namespaces> read_namespaces(Checker& checker, const v1::SharedMailboxes& source,
                                                         const directory::DirectoryPtr& directory);

}  // namespace quartet::service
