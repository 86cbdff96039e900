// How old the queue is, by domain, sender or code: one walk over the index, in the short steps of all questions.
#include <unordered_map>

#include "common/mime/idna.h"
#include "common/spool/spool_impl.h"

namespace quartet::spool {
namespace {

/// What recipients of one group have in common in the index; good while the mutex is held.
std::uint32_t key_of(const Index& index, Slot slot, Shape::By by) {
  const auto& recipient = index.recipient(slot);
  switch (by) {
    case Shape::By::kRecipientDomain:
      return recipient.domain;
    case Shape::By::kSender:
    case Shape::By::kSenderDomain:
      return index.message(recipient.message).sender;
    case Shape::By::kLastCode:
      break;
  }
  return recipient.code;
}

std::string name_of(const Index& index, Slot slot, Shape::By by) {
  const auto& recipient = index.recipient(slot);
  switch (by) {
    case Shape::By::kRecipientDomain:
      return std::string(index.domain(slot));
    case Shape::By::kSender:
      return std::string(index.sender(recipient.message));
    case Shape::By::kSenderDomain:
      return mime::domain_of(index.sender(recipient.message));
    case Shape::By::kLastCode:
      break;
  }
  return std::to_string(recipient.code);
}

std::size_t bucket_of(std::int64_t age) {
  std::size_t bucket = 0;
  while (bucket < Shape::kLimits.size() && std::chrono::microseconds(age) >= Shape::kLimits[bucket]) ++bucket;
  return bucket;
}

bool larger(const Shape::Group& a, const Shape::Group& b) {
  return a.recipients != b.recipients ? a.recipients > b.recipients : a.name < b.name;
}

}  // namespace

Shape Spool::Impl::shape(const Filter& filter, Shape::By by, std::size_t limit, WallTime now) const {
  Shape shape;
  std::unordered_map<std::string, Shape::Group> groups;
  std::unordered_map<std::uint32_t, Shape::Group*> known;  // within one step: to compare numbers is cheaper than names
  each_match(
      filter, std::nullopt,
      [&](Slot slot) {
        auto& group = known[key_of(index_, slot, by)];
        if (group == nullptr) {
          auto name = name_of(index_, slot, by);
          group = &groups[name];
          group->name = std::move(name);
        }
        const auto bucket = bucket_of(to_micros(now) - index_.message(index_.recipient(slot).message).received);
        for (auto* one : {group, &shape.total}) {
          ++one->ages[bucket];
          ++one->recipients;
        }
        return true;
      },
      [&] { known.clear(); });
  shape.all_groups = groups.size();
  for (auto& [name, group] : groups) shape.groups.push_back(std::move(group));
  const auto end = shape.groups.begin() + static_cast<std::ptrdiff_t>(std::min(limit, shape.groups.size()));
  std::ranges::partial_sort(shape.groups, end, larger);
  shape.groups.erase(end, shape.groups.end());
  return shape;
}

}  // namespace quartet::spool
