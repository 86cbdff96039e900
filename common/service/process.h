// The process as the operating system sees it.
#pragma once
#include <string>

#include "common/service/agent.h"

namespace quartet::service {

/// As many open files as the hard limit allows: a connection is a descriptor.
void raise_file_limit();

/// For root, before it becomes `user`: gives it the sockets, so that peers of that user reach them, and makes the
/// directories that are missing (0700) where the user alone could not. What is there already stays as it is. Nothing if
/// we are not root or `user` is empty.
Status hand_over(const Belongings& belongings, const std::string& user);

/// Becomes `user` with its groups, for good. Nothing if `user` is empty or we are that user already; an error if we
/// are somebody else who is not root.
Status become(const std::string& user);

/// Tells the service manager, if there is one (sd_notify(3)): "READY=1", "RELOADING=1", "STOPPING=1".
void notify_manager(const std::string& state);

/// The host's name in full, if the system knows it.
std::string system_hostname();

}  // namespace quartet::service
