#include "imapd/proto/fetch_item.h"

#include <string_view>

namespace quartet::imapd {
namespace {

std::string_view word_of(FetchItem::Kind kind) {
  using Kind = FetchItem::Kind;
  switch (kind) {
    case Kind::kUid:
      return "UID";
    case Kind::kFlags:
      return "FLAGS";
    case Kind::kInternalDate:
      return "INTERNALDATE";
    case Kind::kEnvelope:
      return "ENVELOPE";
    case Kind::kBody:
    case Kind::kBodySection:
      return "BODY";
    case Kind::kBodyStructure:
      return "BODYSTRUCTURE";
    case Kind::kRfc822:
      return "RFC822";
    case Kind::kRfc822Header:
      return "RFC822.HEADER";
    case Kind::kRfc822Text:
      return "RFC822.TEXT";
    case Kind::kRfc822Size:
      return "RFC822.SIZE";
    case Kind::kModSeq:
      return "MODSEQ";
    case Kind::kBinary:
      return "BINARY";
    case Kind::kBinarySize:
      return "BINARY.SIZE";
    case Kind::kEmailId:
      return "EMAILID";
    case Kind::kThreadId:
      return "THREADID";
    case Kind::kPreview:
      return "PREVIEW";
    case Kind::kSaveDate:
      return "SAVEDATE";
  }
  return "";
}

}  // namespace

bool FetchItem::sets_seen() const {
  switch (kind) {
    case Kind::kBodySection:
    case Kind::kBinary:
      return !peek;
    case Kind::kRfc822:
    case Kind::kRfc822Text:
      return true;
    default:
      return false;
  }
}

std::string response_name(const FetchItem& item) {
  using Kind = FetchItem::Kind;
  std::string out(word_of(item.kind));
  if (item.kind == Kind::kBodySection || item.kind == Kind::kBinary || item.kind == Kind::kBinarySize)
    out.append("[").append(mime::to_string(item.section)).append("]");
  if (item.partial) out.append("<").append(std::to_string(item.partial->offset)).append(">");
  return out;
}

}  // namespace quartet::imapd
