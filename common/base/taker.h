// Reading of records that put_le() and put_bytes() (encoding.h) wrote.
#pragma once
#include <cstdint>
#include <string_view>

#include "common/base/encoding.h"

namespace quartet {

/// Takes values one after the other; once something is missing all that follows is empty and ok() is false.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : in_(bytes) {}
  template <typename T>
  T number() {
    const auto value = take_le<T>(in_);
    ok_ = ok_ && value.has_value();
    return ok_ ? *value : T{};
  }
  std::string_view text() {
    const auto value = take_bytes(in_);
    ok_ = ok_ && value.has_value();
    return ok_ ? *value : std::string_view{};
  }
  /// An enumerator up to and including `last`.
  template <typename E>
  E choice(E last) {
    const auto value = number<std::uint8_t>();
    ok_ = ok_ && value <= static_cast<std::uint8_t>(last);
    return ok_ ? static_cast<E>(value) : E{};
  }
  void require(bool condition) { ok_ = ok_ && condition; }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && in_.empty(); }
  /// How many entries of at least `size` bytes can follow: bounds what a wrong count can make us allocate.
  bool room_for(std::uint64_t count, std::size_t size) {
    ok_ = ok_ && count <= in_.size() / size;
    return ok_;
  }

 private:
  std::string_view in_;
  bool ok_ = true;
};

}  // namespace quartet
