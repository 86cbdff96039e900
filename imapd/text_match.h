// Substrings without regard to case, as SEARCH wants them (RFC 3501 section 6.4.4; RFC 5051), and the readable text of
// a message.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mime/digest.h"
#include "common/mime/structure.h"
#include "imapd/fuzzy_match.h"
#include "imapd/proto/ascii_finder.h"

namespace quartet::imapd {

/// Names the form that texts are in when they are looked through: that of ICU, and ours. An index of another form is of
/// no use. To be raised by who changes what mime::casemap() or MessageText make of a message.
std::uint32_t text_version();

/// A text to be looked for.
class Needle {
 public:
  Needle() = default;
  explicit Needle(std::string_view utf8);
  bool empty() const { return mapped_.empty(); }
  const std::string& mapped() const { return mapped_; }
  /// `text` as it is in UTF-8.
  bool in(std::string_view text) const;
  /// `text` as mime::casemap() gives it.
  bool in_mapped(std::string_view text) const { return text.find(mapped_) != std::string_view::npos; }
  /// `text` of nothing but ASCII, as it is.
  bool in_ascii(std::string_view text) const { return ascii_ && ascii_->in(text); }
  /// Whether it can be in a message that is_plain(): there the longest of its words is in the octets.
  bool may_be_in_plain(std::string_view message) const;

 private:
  std::string mapped_;
  std::optional<AsciiFinder> ascii_;  // of all of it; none if it is not ASCII
  std::optional<AsciiFinder> word_;   // of its longest word; none if it has none
};

/// A message opened for searching. Decoded when it is first asked for, and once. `message` outlives it.
class MessageText {
 public:
  explicit MessageText(std::string_view message) : message_(message) {}

  /// In the header fields or in the body.
  bool has(const Needle& needle);
  /// A text in the body: in parts that are text, and in the headers of messages inside.
  bool body_has(const Needle& needle);
  /// In the header fields, names included: those of the message and of its parts (RFC 9051 section 6.4.4, TEXT).
  bool header_has(const Needle& needle);
  /// In a field of that name; an empty needle: there is one.
  bool field_has(std::string_view name, const Needle& needle);
  /// How relevant these are, see FuzzyNeedle::score(): of several parts or fields, the most relevant one.
  int body_score(const FuzzyNeedle& needle);
  int header_score(const FuzzyNeedle& needle);
  int field_score(std::string_view name, const FuzzyNeedle& needle);
  /// All that these look through, in the same form: the header, and each part.
  std::vector<std::string_view> all_texts();
  /// What the store keeps of the header, when what it kept cannot be read.
  const mime::StoredHeaders& headers();

 private:
  /// A text of the body.
  struct BodyText {
    const mime::Part* part = nullptr;
    bool plain = false;                 // its octets are ASCII and mean that
    std::optional<std::string> mapped;  // once it has been asked for
  };

  const mime::Header& header();
  bool may_have(const Needle& needle);
  bool body_text_has(const Needle& needle);
  void open_header_text();
  void open_body();
  void add_part(const mime::Part& part);
  std::string_view octets(const mime::Part& part) const;
  const std::string& mapped(BodyText& text) const;

  std::string_view message_;
  std::optional<bool> plain_;
  std::optional<mime::Header> header_;
  std::optional<mime::Part> structure_;
  std::vector<BodyText> body_;
  std::optional<std::string> header_text_;  // mapped
  std::string headers_blob_;
  std::optional<mime::StoredHeaders> headers_;
};

}  // namespace quartet::imapd
