// Manual pages, made of the same table as the help (man(7)).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace quartet::ctl {

/// Of all commands, or in full of those of one noun.
std::string manual_page(std::string_view noun = {});

/// Nouns with a page of their own: quartetctl-NOUN(1).
std::vector<std::string> manual_nouns();

}  // namespace quartet::ctl
