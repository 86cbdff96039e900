// Builds DNS responses byte by byte, for tests.
#pragma once
#include <string>
#include <string_view>

#include "common/base/ascii.h"
#include "common/dns/message.h"

namespace quartet::dns::testing {

class Packet {
 public:
  /// `flags` is the header's second word: 0x8180 is an ordinary answer of a recursive server.
  Packet(std::uint16_t id, unsigned flags, std::string_view question, Type type)
      : id_(id), flags_(flags), question_(name(question) + u16(static_cast<unsigned>(type)) + u16(1)) {}

  Packet& answer(std::string_view owner, Type type, std::uint32_t ttl, std::string_view data) {
    answers_ += record(owner, type, ttl, data);
    ++answer_count_;
    return *this;
  }
  Packet& authority(std::string_view owner, Type type, std::uint32_t ttl, std::string_view data) {
    authority_ += record(owner, type, ttl, data);
    ++authority_count_;
    return *this;
  }

  std::string bytes() const {
    return u16(id_) + u16(flags_) + u16(1) + u16(answer_count_) + u16(authority_count_) + u16(0) + question_ +
           answers_ + authority_;
  }

  static std::string u16(unsigned value) {
    return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
  }
  static std::string name(std::string_view dotted) {
    std::string wire;
    for (const auto label : ascii::split(dotted, '.')) wire += static_cast<char>(label.size()) + std::string(label);
    return wire + '\0';
  }

 private:
  static std::string record(std::string_view owner, Type type, std::uint32_t ttl, std::string_view data) {
    return name(owner) + u16(static_cast<unsigned>(type)) + u16(1) + u16(ttl >> 16) + u16(ttl & 0xffff) +
           u16(static_cast<unsigned>(data.size())) + std::string(data);
  }

  std::uint16_t id_;
  unsigned flags_;
  std::string question_, answers_, authority_;
  unsigned answer_count_ = 0, authority_count_ = 0;
};

}  // namespace quartet::dns::testing
