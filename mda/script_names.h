// Names of Sieve scripts (RFC 5804 section 1.6) and of the files that have them. NAME.sieve as far as NAME can be of a
// file; another script is in a file called by the digest of its name, with a symbolic link beside it that leads to the
// name and nowhere else: =DIGEST.sieve and =DIGEST.name. What reads directories blocks.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/files.h"

namespace quartet::mda {

inline constexpr std::string_view kScriptSuffix = ".sieve";

/// As scripts are named here: in NFC (RFC 5198 section 3), which clients have to send but may not.
std::string script_name(std::string_view given);

/// Whether it can name a script: UTF-8 without controls and separators of lines and paragraphs, of as many characters
/// as 128 become in NFC.
bool is_script_name(std::string_view name);

/// The name of the script in `directory` whose file is STEM.sieve; nullopt for a file that is none.
std::optional<std::string> name_of_stem(const std::string& directory, const std::string& stem);

/// What the file of a script is called in `directory`, without its suffix, whether it is there or not. One that
/// somebody has put there under a name that is not in NFC is found as well.
std::string stem_of(const std::string& directory, std::string_view name);

/// Makes the link that tells the name of `stem`, if it needs one. Somebody has to sync the directory.
FileResult<void> note_name(const std::string& directory, const std::string& stem, const std::string& name);
/// Removes that link.
void forget_name(const std::string& directory, const std::string& stem);

/// Gives `take` every stem of a script's file until it returns false; a directory that is missing has none.
FileResult<void> each_stem(const std::string& directory, const std::function<bool(const std::string& stem)>& take);

}  // namespace quartet::mda
