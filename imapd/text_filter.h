// What an index of texts knows of the messages of a view: which of them cannot contain a text.
#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace quartet::imapd {

class TextFilter {
 public:
  /// For the next of the texts; empty: nothing is known.
  void add(std::vector<bool> ruled_out) { ruled_out_.push_back(std::move(ruled_out)); }
  bool rules_out(std::size_t text, std::size_t position) const {
    return text < ruled_out_.size() && position < ruled_out_[text].size() && ruled_out_[text][position];
  }

 private:
  std::vector<std::vector<bool>> ruled_out_;  // by position of the view
};

}  // namespace quartet::imapd
