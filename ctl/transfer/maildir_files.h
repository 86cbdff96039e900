// What mail programs keep in a Maildir beside the messages: names of folders, keywords, subscriptions, an order.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/transfer/flags.h"
#include "ctl/transfer/source.h"

namespace quartet::transfer {

/// A level of a mailbox's name out of a file name: modified UTF-7, or UTF-8 as it is.
std::string level_of(std::string_view file);
/// ".Work.Entw&APw-rfe" (Maildir++) as "Work/Entwürfe".
std::string mailbox_of(std::string_view folder);
/// The other way. nullopt: a level has a dot, or would not be there.
std::optional<std::string> folder_of(std::string_view mailbox);

/// Names that the lines of a file of subscriptions have: Dovecot's, or one name a line with `separator` between levels.
std::vector<std::string> parse_subscriptions(const std::vector<std::string>& lines, char separator);
/// Dovecot's file.
std::string format_subscriptions(const std::vector<std::string>& mailboxes);

/// The keywords that the letters a to z stand for in one folder (Dovecot's dovecot-keywords).
class KeywordLetters {
 public:
  KeywordLetters() = default;
  explicit KeywordLetters(const std::vector<std::string>& lines);

  /// The letters of a file's name as flags. P ("passed") is $Forwarded.
  Flags flags(std::string_view letters) const;
  /// The other way. Keywords without a letter get one while there are any; else they are left out and counted.
  std::string letters(const Flags& flags);
  std::string text() const;
  std::size_t left_out() const { return left_out_; }

 private:
  std::vector<std::string> names_;  // at most 26; "" where there is none
  std::size_t left_out_ = 0;
};

/// UIDs by the part of the name in front of a comma, of a dovecot-uidlist.
std::map<std::string, std::uint32_t, std::less<>> parse_uid_list(const std::vector<std::string>& lines);

}  // namespace quartet::transfer
