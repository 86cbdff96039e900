#include "imapd/search_terms.h"

#include <utility>

#include "common/base/ascii.h"
#include "common/store/annotated.h"
#include "imapd/commands.h"
#include "imapd/proto/parser.h"

namespace quartet::imapd {
namespace {

using Kind = SearchKey::Kind;

/// Puts the criteria of filters in the place of their names (RFC 5466 section 3.1).
class Filters {
 public:
  explicit Filters(std::vector<store::Annotation> annotations) : annotations_(std::move(annotations)) {}

  std::expected<SearchKey, Reply> put_into(const SearchKey& key, int passes = 0) {
    if (++keys_ > kMostKeys) return std::unexpected(Reply::no("The filters come to too many keys", "LIMIT"));
    if (key.kind == Kind::kFilter) {
      const auto criteria = passes < kMostPasses ? find(key.text) : std::nullopt;
      if (!criteria) return std::unexpected(Reply::no("No such filter", "UNDEFINED-FILTER " + key.text));
      // As a whole, also behind NOT and OR: the key that was there is one.
      return put_into(*criteria, passes + 1);
    }
    auto out = key;
    for (auto& child : out.children) {
      auto filled = put_into(child, passes);
      if (!filled) return filled;
      child = *std::move(filled);
    }
    return out;
  }

 private:
  static constexpr int kMostPasses = 8;  // in which a loop ends as well
  static constexpr std::size_t kMostKeys = 4 * SearchKey::kMaxKeys;

  /// The user's own before that of all.
  std::optional<SearchKey> find(const std::string& name) const {
    const auto entry = std::string(kFilterValues) + ascii::lower(name);
    const store::Annotation* found = nullptr;
    for (const auto& annotation : annotations_)
      if (annotation.entry == entry && (found == nullptr || found->user.empty())) found = &annotation;
    if (found == nullptr) return std::nullopt;
    auto criteria = parse_search_criteria(found->value);
    return criteria ? std::optional(*std::move(criteria)) : std::nullopt;
  }

  const std::vector<store::Annotation> annotations_;
  std::size_t keys_ = 0;
};

async::Task<std::expected<SearchKey, Reply>> with_filters(Context& context, AskedTerms asked) {
  if (!uses(asked.key, Kind::kFilter)) co_return asked.key;
  if (!asked.charset.empty() && asked.charset != "UTF-8" && asked.charset != "US-ASCII")
    co_return std::unexpected(Reply::bad("Filters are in UTF-8", "BADCHARSET (US-ASCII UTF-8)"));
  auto annotations = co_await store::server_annotations(context.store(), context.namespaces(), context.account);
  if (!annotations) co_return std::unexpected(failure(annotations.error()));
  co_return Filters(*std::move(annotations)).put_into(asked.key);
}

}  // namespace

async::Task<std::expected<SearchTerms, Reply>> search_terms(Context& context, AskedTerms asked) {
  auto key = co_await with_filters(context, asked);
  if (!key) co_return std::unexpected(std::move(key.error()));
  SearchTerms terms{.key = *std::move(key), .scores = asked.scores};
  if (terms.scores && !uses(terms.key, Kind::kFuzzy))
    co_return std::unexpected(Reply::bad("RELEVANCY is of FUZZY keys only"));
  terms.modseq = uses(terms.key, Kind::kModSeq);
  if (terms.modseq) enable_condstore(context);
  co_return terms;
}

}  // namespace quartet::imapd
