// The stored form of the part tree: a version byte, then the parts in pre-order.
#include "common/mime/structure.h"
#include "common/mime/varint.h"

namespace quartet::mime {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kDeepest = 200;  // beyond what a parser with sensible limits makes

void encode_part(std::string& out, const Part& part, std::size_t base) {
  out.push_back(static_cast<char>(static_cast<int>(part.kind) << 4 | static_cast<int>(part.encoding)));
  put_varint(out, part.header_offset - base);
  put_varint(out, part.body_offset - part.header_offset);
  put_varint(out, part.body_size);
  put_varint(out, part.header_lines);
  put_varint(out, part.body_lines);
  put_text(out, part.type.type);
  put_text(out, part.type.subtype);
  put_text(out, part.charset());
  put_varint(out, part.children.size());
  for (const Part& child : part.children) encode_part(out, child, part.body_offset);
}

/// `begin` and `end`: the bytes of the message that the part must lie in.
bool decode_part(VarintReader& in, Part& part, std::size_t begin, std::size_t end, std::size_t depth) {
  const std::uint64_t head = in.number();
  if (depth > kDeepest || head >> 4 > 2 || (head & 15) > static_cast<int>(Encoding::kUnknown)) return false;
  part.kind = static_cast<Part::Kind>(head >> 4);
  part.encoding = static_cast<Encoding>(head & 15);
  const std::uint64_t skip = in.number();
  const std::uint64_t header_size = in.number();
  part.body_size = in.number();
  part.header_lines = in.number();
  part.body_lines = in.number();
  const std::size_t room = end - begin;
  if (skip > room || header_size > room - skip || part.body_size > room - skip - header_size) return false;
  part.header_offset = begin + skip;
  part.body_offset = part.header_offset + header_size;
  part.type.type = in.text();
  part.type.subtype = in.text();
  if (const std::string_view charset = in.text(); !charset.empty())
    part.type.parameters.push_back({"charset", std::string(charset), {}});
  const std::uint64_t children = in.number();
  if (!in.ok() || (children == 0) != (part.kind == Part::Kind::kLeaf) ||
      (part.kind == Part::Kind::kMessage && children != 1))
    return false;
  for (std::uint64_t i = 0; i < children; ++i)
    if (!decode_part(in, part.children.emplace_back(), part.body_offset, part.body_offset + part.body_size, depth + 1))
      return false;
  return true;
}

}  // namespace

std::string encode_parts(const Part& root) {
  std::string out(1, kVersion);
  encode_part(out, root, 0);
  return out;
}

std::optional<Part> decode_parts(std::string_view blob, std::size_t message_size) {
  if (blob.empty() || blob.front() != kVersion) return std::nullopt;
  VarintReader in(blob.substr(1));
  Part root;
  if (!decode_part(in, root, 0, message_size, 0) || !in.done()) return std::nullopt;
  return root;
}

}  // namespace quartet::mime
