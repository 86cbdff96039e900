// The loop that takes the connections of a listening socket of the control plane.
#pragma once
#include <functional>
#include <string>

namespace quartet::control {

/// Gives each connection to `listener`, a non-blocking descriptor, to `take`, until `wake` is readable. While the
/// process has no descriptor left connections wait. `where` is for the log.
void accept_all(const std::string& where, int listener, int wake, const std::function<void(int descriptor)>& take);

}  // namespace quartet::control
