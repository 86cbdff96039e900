#include "common/mime/structure.h"

#include <algorithm>
#include <cstring>

#include "common/base/ascii.h"

namespace quartet::mime {
namespace {

std::size_t count_lines(std::string_view bytes) {
  constexpr std::size_t kChunk = 255;  // as many as a counter of one octet holds, of which many fit in a register
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kChunk) {
    std::uint8_t found = 0;
    for (const char c : bytes.substr(at, kChunk)) found = static_cast<std::uint8_t>(found + (c == '\n'));
    count += found;
  }
  return count;
}

/// Why a body ended: at a boundary line of an open multipart, or at the end of the message.
struct Stop {
  static constexpr std::size_t kEnd = static_cast<std::size_t>(-1);
  std::size_t level = kEnd;  // index of the boundary in the stack
  bool closing = false;
  std::size_t body_end = 0;  // before the line end that belongs to the boundary
  std::size_t next = 0;      // after the boundary line
};

class StructureParser {
 public:
  StructureParser(std::string_view message, const StructureLimits& limits) : message_(message), limits_(limits) {}

  Part run(const Header& header) {
    Part root;
    take_header(root, header, 0, false);
    body(root, 0);
    return root;
  }

 private:
  /// Fills in what the header says. `offset`: where it begins in the message.
  void take_header(Part& part, const Header& header, std::size_t offset, bool in_digest) {
    ++parts_;
    part.header_offset = offset;
    part.body_offset = offset + header.size();
    const std::size_t before = lines_before(offset);
    part.header_lines = lines_before(part.body_offset) - before;
    const Field* type = nullptr;
    for (const Field& field : header.fields()) {
      if (field.name.size() < 10 || !ascii::istarts_with(field.name, "Content-")) continue;
      take_content_field(part, field, type);
    }
    if (type) part.type = parse_content_type(type->value);
    if (part.type.type.empty()) {
      const bool message = in_digest && !type;  // RFC 2046 section 5.1.5
      part.type.type = message ? "message" : "text";
      part.type.subtype = message ? "rfc822" : "plain";
    }
    if (!part.encoding_name.empty()) part.encoding = parse_encoding(without_comments(part.encoding_name));
  }

  static void take_content_field(Part& part, const Field& field, const Field*& type) {
    struct Known {
      std::string_view name;
      std::string_view Part::* member;
    };
    static constexpr Known kKnown[] = {{"Transfer-Encoding", &Part::encoding_name},
                                       {"ID", &Part::id},
                                       {"Description", &Part::description},
                                       {"Disposition", &Part::disposition},
                                       {"Language", &Part::language},
                                       {"Location", &Part::location},
                                       {"MD5", &Part::md5}};
    const std::string_view rest = field.name.substr(8);
    if (ascii::iequals(rest, "Type")) {
      if (!type) type = &field;
      return;
    }
    for (const Known& known : kKnown)
      if (ascii::iequals(rest, known.name) && (part.*known.member).empty())
        part.*known.member = ascii::trim(field.value);
  }

  /// The body of a part whose header has been taken; sets what is in it, its size and its lines.
  Stop body(Part& part, std::size_t depth) {
    Stop stop;
    const std::size_t before = lines_before(part.body_offset);
    const bool may_nest = depth < limits_.depth && parts_ < limits_.parts;
    const std::string_view boundary = part.type.parameter("boundary");
    if (may_nest && ascii::iequals(part.type.type, "multipart")) {
      stop = multipart(part, depth, boundary);
    } else if (may_nest && is_message(part)) {
      stop = message(part, depth);
    } else {
      stop = to_boundary(part.body_offset);
    }
    part.body_size = stop.body_end - part.body_offset;
    part.body_lines = lines_before(stop.body_end) - before;
    if (part.kind == Part::Kind::kMultipart && part.children.empty()) whole_as_text(part);
    return stop;
  }

  static bool is_message(const Part& part) {
    if (!part.type.is("message", "rfc822") && !part.type.is("message", "global")) return false;
    return part.encoding != Encoding::kBase64 && part.encoding != Encoding::kQuotedPrintable;
  }

  /// A multipart must have a part in IMAP's grammar, and whoever wrote text into it wants it read.
  static void whole_as_text(Part& part) {
    Part child;
    child.header_offset = child.body_offset = part.body_offset;
    child.body_size = part.body_size;
    child.body_lines = part.body_lines;
    child.type.type = "text";
    child.type.subtype = "plain";
    part.children.push_back(std::move(child));
  }

  Stop message(Part& part, std::size_t depth) {
    part.kind = Part::Kind::kMessage;
    Part& inner = part.children.emplace_back();
    take_header(inner, header_at(part.body_offset), part.body_offset, false);
    return body(inner, depth + 1);
  }

  Stop multipart(Part& part, std::size_t depth, std::string_view boundary) {
    part.kind = Part::Kind::kMultipart;
    if (boundary.empty()) return to_boundary(part.body_offset);
    const bool digest = ascii::iequals(part.type.subtype, "digest");
    const std::size_t level = boundaries_.size();
    boundaries_.push_back(boundary);
    Stop stop = to_boundary(part.body_offset);  // the preamble
    while (stop.level == level && !stop.closing && parts_ < limits_.parts) {
      Part child;
      take_header(child, header_at(stop.next), stop.next, digest);
      stop = body(child, depth + 1);
      part.children.push_back(std::move(child));
    }
    boundaries_.pop_back();
    // The epilogue. The line end after the end boundary belongs to an outer boundary that follows at once.
    if (stop.level == level) stop = to_boundary(stop.next, before_line_end(part.body_offset, stop.next));
    return stop;
  }

  /// The header that begins at `offset`. A boundary line ends it too, even one that looks like a field. The end is
  /// looked for first: parsing on past a boundary, once per part, would take quadratic time on hostile mail.
  Header header_at(std::size_t offset) const {
    const std::string_view rest = message_.substr(offset, limits_.header.bytes);
    Stop stop;
    for (std::size_t at = 0; at < rest.size() && !boundaries_.empty();) {
      const std::size_t next = std::min(rest.find('\n', at), rest.size() - 1) + 1;
      const std::string_view line = rest.substr(at, next - at);
      if (line == "\r\n" || line == "\n") break;
      if (line.starts_with("--") && is_boundary(line, stop)) return Header(rest.substr(0, at), limits_.header);
      at = next;
    }
    return Header(rest, limits_.header);
  }

  /// Looks for the next boundary line of any open multipart from the line that begins at `from` on.
  Stop to_boundary(std::size_t from) const { return to_boundary(from, from); }
  /// The same where what ends there may end before `from`, at `floor`.
  Stop to_boundary(std::size_t from, std::size_t floor) const {
    Stop stop{Stop::kEnd, false, message_.size(), message_.size()};
    if (boundaries_.empty()) return stop;
    for (std::size_t at = from; at < message_.size();) {
      const void* newline = std::memchr(message_.data() + at, '\n', message_.size() - at);
      const std::size_t next =
          newline ? static_cast<std::size_t>(static_cast<const char*>(newline) - message_.data()) + 1 : message_.size();
      if (next - at > 2 && message_[at] == '-' && message_[at + 1] == '-' &&
          is_boundary(message_.substr(at, next - at), stop)) {
        stop.body_end = before_line_end(floor, at);
        stop.next = next;
        return stop;
      }
      at = next;
    }
    return stop;
  }

  std::size_t before_line_end(std::size_t from, std::size_t at) const {
    if (at > from && message_[at - 1] == '\n') --at;
    if (at > from && message_[at - 1] == '\r') --at;
    return at;
  }

  /// A line is a boundary if it begins with one (RFC 2046 section 5.1.1); the longest wins, then the innermost.
  bool is_boundary(std::string_view line, Stop& stop) const {
    line.remove_prefix(2);
    std::size_t best = 0;
    for (std::size_t i = boundaries_.size(); i-- > 0;) {
      if (boundaries_[i].size() <= best || !line.starts_with(boundaries_[i])) continue;
      best = boundaries_[i].size();
      stop.level = i;
    }
    if (best == 0) return false;
    stop.closing = line.substr(best).starts_with("--");
    return true;
  }

  /// Line ends before `offset`, counted on from the place asked for last: parts around parts count no byte twice.
  std::size_t lines_before(std::size_t offset) {
    const auto between = [this](std::size_t from, std::size_t to) {
      return count_lines(message_.substr(from, to - from));
    };
    if (offset >= counted_to_) {
      lines_ += between(counted_to_, offset);
    } else {
      lines_ -= between(offset, counted_to_);
    }
    counted_to_ = offset;
    return lines_;
  }

  std::string_view message_;
  const StructureLimits& limits_;
  std::vector<std::string_view> boundaries_;  // views into Part::type of the parts being parsed
  std::size_t parts_ = 0;
  std::size_t counted_to_ = 0;
  std::size_t lines_ = 0;  // before counted_to_
};

}  // namespace

Part parse_structure(std::string_view message, const Header& header, const StructureLimits& limits) {
  return StructureParser(message, limits).run(header);
}

Part parse_structure(std::string_view message, const StructureLimits& limits) {
  return parse_structure(message, Header(message, limits.header), limits);
}

}  // namespace quartet::mime
