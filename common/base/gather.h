// Strings as large as messages: to write to memory for the first time costs more than to copy into it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quartet {

/// Room for `size` octets that are about to be written, in huge pages where it is large and the system has them.
void set_aside(std::string& bytes, std::size_t size);

/// Appends a piece to `gathered`, of which somebody has announced that it will be `announced` octets. An announcement
/// costs nothing by itself: once a quarter is here, room is set aside for all. More than announced may come, or less.
void gather(std::string& gathered, std::string_view piece, std::uint64_t announced);

}  // namespace quartet
