// Names of the spool's own files in its directory; the journal's are beside them.
#pragma once

namespace quartet::spool {

inline constexpr const char* kOwnerLockName = "owner.lock";
inline constexpr const char* kCheckpointName = "checkpoint";
inline constexpr const char* kOldCheckpointName = "checkpoint.old";

}  // namespace quartet::spool
