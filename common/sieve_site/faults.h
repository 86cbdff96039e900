// Where the faults of a configuration go.
#pragma once
#include <google/protobuf/message.h>

#include <functional>
#include <string>
#include <string_view>

namespace quartet::sieve_site {

/// `field` is of the message; `text` says what is wrong with it.
using Report = std::function<void(const google::protobuf::Message& message, std::string_view field, std::string text)>;

}  // namespace quartet::sieve_site
