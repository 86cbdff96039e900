// The base subject of RFC 5256 section 2.1. Each loop takes something off, and none looks twice at what it passed, so
// the work is linear: the subject comes from strangers.
#include "common/base/ascii.h"
#include "common/mime/digest.h"

namespace quartet::mime {
namespace {

bool is_wsp(char c) { return c == ' ' || c == '\t'; }

/// Step 1: each run of white space as one space.
std::string with_single_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (!ascii::is_space(c)) {
      out.push_back(c);
    } else if (!out.ends_with(' ')) {
      out.push_back(' ');
    }
  }
  return out;
}

/// subj-blob: "[" *BLOBCHAR "]" *WSP. The position after it, or `at` if there is none.
std::size_t after_blob(std::string_view text, std::size_t at) {
  if (at >= text.size() || text[at] != '[') return at;
  std::size_t end = text.find_first_of("[]", at + 1);
  if (end == std::string_view::npos || text[end] != ']') return at;
  ++end;
  while (end < text.size() && is_wsp(text[end])) ++end;
  return end;
}

/// subj-refwd: ("re" / ("fw" ["d"])) *WSP [subj-blob] ":". The same convention.
std::size_t after_refwd(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  std::size_t end = at;
  if (ascii::istarts_with(rest, "re")) {
    end += 2;
  } else if (ascii::istarts_with(rest, "fwd")) {
    end += 3;
  } else if (ascii::istarts_with(rest, "fw")) {
    end += 2;
  } else {
    return at;
  }
  while (end < text.size() && is_wsp(text[end])) ++end;
  end = after_blob(text, end);
  return end < text.size() && text[end] == ':' ? end + 1 : at;
}

/// Step 2.
void remove_trailers(std::string_view& text, bool& refwd) {
  constexpr std::string_view kForwarded = "(fwd)";
  for (;;) {
    if (!text.empty() && is_wsp(text.back())) {
      text.remove_suffix(1);
    } else if (ascii::iends_with(text, kForwarded)) {
      text.remove_suffix(kForwarded.size());
      refwd = true;
    } else {
      return;
    }
  }
}

/// Steps 3 to 5.
void remove_leaders(std::string_view& text, bool& refwd) {
  for (;;) {
    while (!text.empty() && is_wsp(text.front())) text.remove_prefix(1);
    std::size_t at = 0;
    std::size_t last_blob = 0;
    for (std::size_t next = after_blob(text, at); next != at; next = after_blob(text, at)) {
      last_blob = at;
      at = next;
    }
    const std::size_t after = after_refwd(text, at);
    if (after != at) {
      text.remove_prefix(after);
      refwd = true;
      continue;
    }
    // Only blobs come before what is no leader: all go, but the last stays if nothing else would.
    text.remove_prefix(at < text.size() ? at : last_blob);
    return;
  }
}

}  // namespace

BaseSubject base_subject(std::string_view decoded_subject) {
  const std::string spaced = with_single_spaces(decoded_subject);
  std::string_view text = spaced;
  BaseSubject out;
  for (;;) {
    remove_trailers(text, out.is_reply_or_forward);
    remove_leaders(text, out.is_reply_or_forward);
    constexpr std::string_view kHeader = "[fwd:";
    if (!ascii::istarts_with(text, kHeader) || !text.ends_with(']')) break;  // step 6
    text = text.substr(kHeader.size(), text.size() - kHeader.size() - 1);
    out.is_reply_or_forward = true;
  }
  out.text = text;
  return out;
}

}  // namespace quartet::mime
