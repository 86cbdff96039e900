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
    "extlists",
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
    "spamtest",
    "spamtestplus",
    "special-use",
    "subaddress",
    "vacation",
    "vacation-seconds",
    "variables",
    "virustest",
};

}  // namespace

std::string_view to_string(Extension extension) { return kNames[static_cast<std::size_t>(extension)]; }

std::optional<Extension> find_extension(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Extension>(i);
  }
  return std::nullopt;
}

std::string capability_text(const Extensions& without) {
  std::string out;
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (!without.test(i)) out.append(out.empty() ? "" : " ").append(kNames[i]);
  return out;
}

}  // namespace quartet::sieve
