// The forms in which a message leaves the mda: into a mailbox (RFC 5321 section 4.4, "final delivery") or on to another
// host.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/header.h"

namespace quartet::mda {

/// With Return-Path, which replaces one that is there, Delivered-To unless empty, and `received`. `header` is of
/// `message`.
std::string mailbox_copy(std::string_view message, const mime::Header& header, std::string_view reverse_path,
                         std::string_view delivered_to, std::string_view received);

/// With Delivered-To unless empty and `received`; pieces in order.
std::vector<std::string> forwarded_copy(std::string_view message, const mime::Header& header,
                                        std::string_view delivered_to, std::string_view received);

}  // namespace quartet::mda
