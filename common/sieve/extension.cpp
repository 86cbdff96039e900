#include "common/sieve/extension.h"

#include <array>

namespace quartet::sieve {
namespace {

/// In the order of the enumeration.
constexpr std::array<std::string_view, static_cast<std::size_t>(Extension::kCount)> kNames = {
    "comparator-i;ascii-numeric",
    "comparator-i;unicode-casemap",
    "body",
    "copy",
    "date",
    "duplicate",
    "editheader",
    "encoded-character",
    "enotify",
    "envelope",
    "environment",
    "ereject",
    "extracttext",
    "fileinto",
    "foreverypart",
    "ihave",
    "imap4flags",
    "include",
    "index",
    "mailbox",
    "mboxmetadata",
    "mime",
    "regex",
    "reject",
    "relational",
    "servermetadata",
    "special-use",
    "subaddress",
    "vacation",
    "vacation-seconds",
    "variables",
};

}  // namespace

std::string_view to_string(Extension extension) { return kNames[static_cast<std::size_t>(extension)]; }

std::optional<Extension> find_extension(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Extension>(i);
  }
  return std::nullopt;
}

std::string capability_text() {
  std::string out;
  for (const auto name : kNames) out += (out.empty() ? "" : " ") + std::string(name);
  return out;
}

}  // namespace quartet::sieve
