// Where the fields of a configuration stand in its text, so that one can be changed and all else stays as people wrote
// it.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::config {

/// A field of a text in protobuf text form, such as `account { ... }` or `login: "ann@example.org"`. Places are octets
/// of the text.
struct Written {
  std::string_view name;
  std::size_t begin = 0;          // of the name
  std::size_t end = 0;            // behind the value, and behind a ',' or ';' after it
  std::size_t close = 0;          // of a message: its closing bracket; 0 if the field is none
  std::vector<Written> fields{};  // of a message
};

/// The fields of a text, before ${NAME} and include; views into it. nullopt for what is no such text: it is not checked
/// beyond what its outline demands.
std::optional<std::vector<Written>> outline(std::string_view text);

}  // namespace quartet::config
