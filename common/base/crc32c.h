// CRC-32C (Castagnoli, polynomial 0x1EDC6F41), by the processor's instruction where it has one.
#pragma once
#include <cstdint>
#include <string_view>

namespace quartet {

/// The checksum of what `crc` covered (0: nothing) followed by `bytes`.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace quartet
