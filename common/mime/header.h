// The header of a message or body part: RFC 5322 section 2.2 and its obsolete forms (section 4.5). Nothing is copied:
// fields are views into the bytes given, which must outlive them. Lines end in CRLF or in a lone LF.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::mime {

struct HeaderLimits {
  std::size_t bytes = 1024 * 1024;  // the header ends there if it has not ended before
  std::size_t fields = 10'000;      // more are skipped: they stay part of the header, but are not in fields()
};

struct Field {
  std::string_view name;                  // as written, without white space before the colon
  std::string_view value;                 // after the colon, folding and leading space kept, without the last line end
  std::string_view raw;                   // the whole field with its last line end
  std::size_t offset = 0;                 // of `raw` in the bytes given
  bool is(std::string_view other) const;  // same name, case ignored (RFC 5322 section 1.2.2)
};

class Header {
 public:
  Header() = default;
  /// Parses the first header block of `bytes`. It ends with an empty line, at the end of `bytes`, or before a line that
  /// can be neither a field nor a continuation (then the body begins with that line). A first line "From " or ">From "
  /// as mbox writes it belongs to the header and is no field.
  explicit Header(std::string_view bytes, const HeaderLimits& limits = {});

  const std::vector<Field>& fields() const { return fields_; }
  /// The first field of that name, or null.
  const Field* find(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  /// Unfolded and trimmed value of the first field of that name; "" if there is none.
  std::string text(std::string_view name) const;

  /// Where the body begins: after the empty line, if there is one.
  std::size_t size() const { return size_; }
  /// The bytes of the fields, without the empty line.
  std::size_t fields_size() const { return fields_size_; }
  /// Octets of the line of an mbox in front of the first field.
  std::size_t separator_size() const { return fields_.empty() ? 0 : fields_.front().offset; }
  /// Whether an empty line ended it.
  bool terminated() const { return size_ != fields_size_; }

 private:
  std::vector<Field> fields_;
  std::size_t size_ = 0;
  std::size_t fields_size_ = 0;
};

/// A field's value with its line ends taken out (RFC 5322 section 2.2.3) and no white space at its ends.
std::string unfold(std::string_view value);

/// As unfold, without a copy when `value` is a single line; otherwise the copy is put in `storage`.
std::string_view unfold(std::string_view value, std::string& storage);

}  // namespace quartet::mime
