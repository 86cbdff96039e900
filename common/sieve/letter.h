// The message that a script looks at and may edit the header of (RFC 5293), and its parts (RFC 5703). For this folder.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/header.h"
#include "common/mime/structure.h"

namespace quartet::sieve {

class Letter {
 public:
  /// `message` outlives it.
  explicit Letter(std::string_view message);

  std::size_t size() const { return message_.size(); }
  std::size_t field_count() const { return fields_.size(); }
  /// As written, folded, in the order of the header.
  std::vector<std::string_view> fields(std::string_view name) const;
  std::string first(std::string_view name) const;
  /// Of a part of the message; the message's own ones have the edits.
  std::vector<std::string_view> fields(const mime::Part& part, std::string_view name) const;
  std::string_view body() const;
  std::string_view bytes() const { return message_; }
  const mime::Part& structure() const;

  /// `value` is UTF-8.
  void add(std::string_view name, std::string_view value, bool last);
  /// Removes the fields of that name that are picked by their number from 0 and value.
  void remove(std::string_view name, const std::function<bool(std::size_t, std::string_view)>& picked);
  /// As edited; null if it was not.
  std::shared_ptr<const std::string> edited() const;

 private:
  struct Field {
    std::string_view name, value, raw;
  };

  std::string_view message_;
  mime::Header header_;
  std::vector<Field> fields_;
  std::deque<std::string> added_;  // what views of new fields lead into
  mutable std::optional<mime::Part> structure_;
  mutable std::shared_ptr<const std::string> edited_;
  mutable bool changed_ = false;  // since `edited_`
};

/// What a reader sees of a part in UTF-8: transfer encoding and charset undone.
std::string text_of(const mime::Part& part, std::string_view message);

}  // namespace quartet::sieve
