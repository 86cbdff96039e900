// Messages in the mbox format (RFC 4155), in its variant "mboxrd": lines that begin with any number of '>' and then
// "From " get one more, so that it can be undone. Sans-IO.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace quartet::mime {

/// One message: begin(), any number of add(), end(); the results in this order are its part of the file.
class MboxWriter {
 public:
  /// `sender` is a reverse-path, empty for the null sender.
  std::string begin(std::string_view sender, WallTime received);
  /// The next octets, split anywhere; line ends become LF.
  std::string add(std::string_view bytes);
  std::string end();

 private:
  std::string line_;  // begun, without its end
};

/// A whole message as its part of a file.
std::string mbox_entry(std::string_view message, std::string_view sender, WallTime received);

/// What a line "From ..." says before a message.
struct Postmark {
  std::string_view sender;  // as written; "" if nothing stands there
  WallTime time{};
};
/// A line without its end, with a date in any of the forms that are about: with or without seconds, a zone before the
/// year or behind it, more words at the end. nullopt: it is a line of text.
std::optional<Postmark> parse_postmark_line(std::string_view line);

/// The messages of a file, one after the other. A message ends before a line that parse_postmark_line() takes, or where
/// its Content-Length says (variant "mboxcl2"), if such a line or the end of the file is there.
class MboxReader {
 public:
  struct Item {
    Postmark postmark;
    std::size_t offset = 0;    // of the line "From " in the file
    std::string_view content;  // as in the file, quoted, without the empty line that ends it
  };

  /// The octets outlive the reader and its items.
  explicit MboxReader(std::string_view file) : file_(file) {}

  /// Whether there is a message at the front, or nothing at all.
  bool is_mbox() const;
  /// nullopt at the end, or where is_mbox() is false.
  std::optional<Item> next();

 private:
  std::size_t end_of_message(std::size_t begin) const;
  bool message_begins_at(std::size_t offset) const;

  std::string_view file_;
  std::size_t at_ = 0;
};

/// The message in the content of an item: one '>' fewer where one was put, lines that end in CRLF.
std::string mbox_message(std::string_view content);

}  // namespace quartet::mime
