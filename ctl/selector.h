// Which recipients a command is about, from its options and operands.
#pragma once
#include <expected>
#include <string>
#include <vector>

#include "ctl/command.h"
#include "quartet/control/v1/common.pb.h"

namespace quartet::ctl {

/// Options that select; those of watching are fewer.
std::vector<Option> selector_options();
std::vector<Option> event_selector_options();

/// The error says which option makes no sense. Operands are ids.
std::expected<control::v1::Selector, std::string> read_selector(const Arguments& arguments);

/// Whether it selects anything in particular, or says --all.
bool says_which(const control::v1::Selector& selector);

}  // namespace quartet::ctl
