#include "imapd/proto/thread_tree.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace quartet::imapd {
namespace {

constexpr int kNone = -1;
constexpr int kRoot = 0;

struct Node {
  int message = kNone;  // kNone: a dummy, for a message that is not there
  int parent = kNone;
  bool was_parent = false;  // of some node, at some time
  std::vector<int> children{};
};

/// Numbers by texts, of which there are at most as many as it is made for.
class TextTable {
 public:
  explicit TextTable(std::size_t most) : slots_(std::bit_ceil(2 * most + 1)) {}

  /// kNone the first time.
  int& operator[](std::string_view text) {
    auto& slot = slots_[place_of(text)];
    slot.text = text;
    return slot.number;
  }
  /// kNone: it is not there.
  int find(std::string_view text) const { return slots_[place_of(text)].number; }

 private:
  struct Slot {
    std::string_view text{};
    int number = kNone;
  };

  std::size_t place_of(std::string_view text) const {
    const auto mask = slots_.size() - 1;
    auto place = std::hash<std::string_view>{}(text)&mask;
    while (slots_[place].number != kNone && slots_[place].text != text) place = (place + 1) & mask;
    return place;
  }

  std::vector<Slot> slots_;
};

std::size_t count_ids(const std::vector<ThreadMessage>& messages) {
  std::size_t count = 0;
  for (const auto& message : messages) count += 1 + message.references.size();
  return count;
}

/// The tree under construction; threads can be as deep as a mailbox is long, so nothing here recurses.
class Tree {
 public:
  explicit Tree(const std::vector<ThreadMessage>& messages) : messages_(messages), nodes_(1) {}

  std::vector<Node>& nodes() { return nodes_; }
  int add(int message) {
    nodes_.push_back({.message = message});
    return static_cast<int>(nodes_.size()) - 1;
  }

  /// Whether `below` is `above` or somewhere under it, by parents.
  bool is_under(int below, int above) const {
    for (; below != kNone; below = nodes_[static_cast<std::size_t>(below)].parent)
      if (below == above) return true;
    return false;
  }

  /// Parents before their children, from the root on.
  std::vector<int> top_down() const {
    std::vector<int> order{kRoot};
    for (std::size_t n = 0; n < order.size(); ++n)
      for (const int child : node(order[n]).children) order.push_back(child);
    return order;
  }

  /// The message itself or, of a dummy, its first child; a dummy has children and these are no dummies.
  const ThreadMessage& shown(int index) const {
    const auto& it = node(index);
    const int message = it.message != kNone ? it.message : node(it.children.front()).message;
    return messages_[static_cast<std::size_t>(message)];
  }

  void sort_children(int index) {
    auto& children = node(index).children;
    if (children.size() < 2) return;
    // What they are compared by lies side by side: there may be as many as messages in the mailbox.
    std::vector<std::tuple<std::int64_t, std::uint32_t, int>> keys;
    keys.reserve(children.size());
    for (const int child : children) keys.emplace_back(shown(child).sent, shown(child).number, child);
    if (std::ranges::is_sorted(keys)) return;
    std::ranges::sort(keys);
    for (std::size_t n = 0; n < keys.size(); ++n) children[n] = std::get<int>(keys[n]);
  }

  std::string text() const;

  Node& node(int index) { return nodes_[static_cast<std::size_t>(index)]; }
  const Node& node(int index) const { return nodes_[static_cast<std::size_t>(index)]; }

 private:
  const std::vector<ThreadMessage>& messages_;
  std::vector<Node> nodes_;
};

/// RFC 5256 section 4, thread-data.
std::string Tree::text() const {
  struct Step {
    int node;  // kNone: a closing parenthesis
    bool opens = false;
  };
  std::string out;
  std::vector<Step> steps;
  const auto push_children = [&](const Node& parent, bool each_in_parentheses) {
    for (auto child = parent.children.rbegin(); child != parent.children.rend(); ++child) {
      if (each_in_parentheses) steps.push_back({kNone});
      steps.push_back({*child, each_in_parentheses});
    }
  };
  push_children(node(kRoot), true);
  while (!steps.empty()) {
    const auto step = steps.back();
    steps.pop_back();
    if (step.node == kNone) {
      out += ')';
      continue;
    }
    const auto& it = node(step.node);
    if (step.opens) out += '(';
    if (it.message != kNone) {
      out += std::to_string(messages_[static_cast<std::size_t>(it.message)].number);
      if (!it.children.empty()) out += ' ';
    }
    push_children(it, it.children.size() > 1);
  }
  return out;
}

/// THREAD=REFERENCES, RFC 5256 section 3; the steps are those of its text.
class References {
 public:
  explicit References(const std::vector<ThreadMessage>& messages)
      : messages_(messages), tree_(messages), ids_(count_ids(messages)) {
    tree_.nodes().reserve(messages.size() + messages.size() / 4);
  }

  std::string run() {
    for (std::size_t n = 0; n < messages_.size(); ++n) link(static_cast<int>(n));
    gather_roots();
    prune();
    sort_all();  // step 4 needs the top only, and the children of dummies there
    merge_subjects();
    sort_all();
    return tree_.text();
  }

 private:
  int node_of(std::string_view id) {
    auto& node = ids_[id];
    if (node == kNone) node = tree_.add(kNone);
    return node;
  }

  void set_parent(int child, int parent) {
    // Nothing is under a node that has never been a parent: threads grow at their ends, and are long at times.
    if (tree_.node(child).was_parent ? tree_.is_under(parent, child) : child == parent) return;
    tree_.node(child).parent = parent;
    tree_.node(parent).was_parent = true;
  }

  /// Step 1.
  void link(int message) {
    const auto& it = messages_[static_cast<std::size_t>(message)];
    int before = kNone;
    for (const auto& id : it.references) {
      const int node = node_of(id);
      if (before != kNone && tree_.node(node).parent == kNone) set_parent(node, before);
      before = node;
    }
    // A second message with the same Message-ID is one of its own.
    int own = it.id.empty() ? kNone : node_of(it.id);
    if (own == kNone || tree_.node(own).message != kNone) own = tree_.add(kNone);
    tree_.node(own).message = message;
    tree_.node(own).parent = kNone;
    if (before != kNone) set_parent(own, before);
  }

  /// Step 2, with the children of each node.
  void gather_roots() {
    for (int n = 1; n < static_cast<int>(tree_.nodes().size()); ++n) {
      auto& parent = tree_.node(n).parent;
      if (parent == kNone) parent = kRoot;
      tree_.node(parent).children.push_back(n);
    }
  }

  /// Step 3, from the leaves up.
  void prune() {
    const auto order = tree_.top_down();
    for (auto place = order.rbegin(); place != order.rend(); ++place) {
      std::vector<int> kept;
      for (const int child : tree_.node(*place).children) {
        const auto& it = tree_.node(child);
        if (it.message != kNone || (*place == kRoot && it.children.size() > 1))
          kept.push_back(child);
        else
          kept.insert(kept.end(), it.children.begin(), it.children.end());
      }
      tree_.node(*place).children = std::move(kept);
    }
  }

  /// Steps 4 and 6.
  void sort_all() {
    const auto order = tree_.top_down();
    for (auto place = order.rbegin(); place != order.rend(); ++place) tree_.sort_children(*place);
  }

  bool is_dummy(int node) const { return tree_.node(node).message == kNone; }

  /// Step 5.
  void merge_subjects() {
    TextTable by_subject(tree_.node(kRoot).children.size());
    for (const int child : tree_.node(kRoot).children) {
      const auto& shown = tree_.shown(child);
      if (shown.subject.empty()) continue;
      auto& first = by_subject[shown.subject];
      if (first == kNone) {
        first = child;
        continue;
      }
      const auto& other = tree_.shown(first);
      if ((is_dummy(child) && !is_dummy(first)) ||
          (is_dummy(child) == is_dummy(first) && other.is_reply && !shown.is_reply))
        first = child;
    }
    std::vector<int> kept;
    for (const int child : std::exchange(tree_.node(kRoot).children, {})) {
      const auto& subject = tree_.shown(child).subject;
      const int found = subject.empty() ? kNone : by_subject.find(subject);
      if (found == kNone || found == child)
        kept.push_back(child);
      else if (const int dummy = merge(child, found); dummy != kNone)
        made_[found] = dummy;
    }
    for (auto& child : kept)
      if (const auto made = made_.find(child); made != made_.end()) child = made->second;
    tree_.node(kRoot).children = std::move(kept);
  }

  /// Puts `child` where it belongs with `target`, the thread of the same subject. Gives the dummy that is to stand for
  /// the target from now on, or kNone.
  int merge(int child, int target) {
    const auto made = made_.find(target);
    const int into = made == made_.end() ? target : made->second;
    if (is_dummy(into)) {
      auto added = is_dummy(child) ? tree_.node(child).children : std::vector<int>{child};
      auto& children = tree_.node(into).children;
      children.insert(children.end(), added.begin(), added.end());
      return kNone;
    }
    if (tree_.shown(child).is_reply && !tree_.shown(into).is_reply) {
      tree_.node(into).children.push_back(child);
      return kNone;
    }
    const int dummy = tree_.add(kNone);
    tree_.node(dummy).children = {into, child};
    return dummy;
  }

  const std::vector<ThreadMessage>& messages_;
  Tree tree_;
  TextTable ids_;
  std::unordered_map<int, int> made_;  // dummies that stand for threads of one subject
};

}  // namespace

std::vector<std::string> message_ids(std::string_view field) {
  std::vector<std::string> ids;
  for (;;) {
    const auto open = field.find('<');
    if (open == std::string_view::npos) return ids;
    const auto close = field.find('>', open);
    if (close == std::string_view::npos) return ids;
    std::string id;
    for (const char c : field.substr(open + 1, close - open - 1))
      if (c != ' ' && c != '\t' && c != '"' && c != '\\') id += c;
    if (id.contains('@')) ids.push_back(std::move(id));
    field.remove_prefix(close + 1);
  }
}

std::string thread_by_references(const std::vector<ThreadMessage>& messages) { return References(messages).run(); }

std::string thread_by_subject(const std::vector<ThreadMessage>& messages) {
  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const auto& x = messages[a];
    const auto& y = messages[b];
    return std::tie(x.subject, x.sent, x.number) < std::tie(y.subject, y.sent, y.number);
  });
  Tree tree(messages);
  int first = kNone;
  for (const auto n : order) {
    const int node = tree.add(static_cast<int>(n));
    const bool same = first != kNone && tree.shown(first).subject == messages[n].subject;
    if (!same) first = node;
    tree.node(same ? first : kRoot).children.push_back(node);
  }
  tree.sort_children(kRoot);
  return tree.text();
}

}  // namespace quartet::imapd
