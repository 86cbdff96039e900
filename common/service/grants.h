// Roles on the control plane, from the words of a configuration.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/access.h"
#include "quartet/config/v1/common.pb.h"

namespace quartet::service {

/// As Checker::fault(); without one, `control` was found good before.
using FaultIn =
    std::function<void(const config::v1::ControlRole&, std::string_view field, std::string text, int index)>;

/// Faults in `control.role`: no role, nobody who has it, users and groups that do not exist.
std::vector<control::Grant> grants(const config::v1::Control& control, const FaultIn& fault = {});

}  // namespace quartet::service
