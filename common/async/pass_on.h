// Waiting for one of several events: each is passed on to one that is waited for, by a task beside the waiter.
#pragma once
#include "common/async/task.h"
#include "common/async/wait.h"

namespace quartet::async {

/// Sets `to` once `from` is set. Both outlive the task; it ends early when its group stops.
Task<void> pass_on(Event& from, Event& to);

}  // namespace quartet::async
