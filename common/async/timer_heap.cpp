#include "common/async/timer_heap.h"

#include "common/base/check.h"

namespace quartet::async {

void TimerHeap::arm(TimerNode& node, SteadyTime time) {
  QUARTET_CHECK(node.index_ == TimerNode::kIdle);
  node.time_ = time;
  heap_.push_back(&node);
  node.index_ = heap_.size() - 1;
  sift_up(node.index_);
}

void TimerHeap::disarm(TimerNode& node) {
  if (node.index_ == TimerNode::kIdle) return;
  const auto index = node.index_;
  TimerNode* const last = heap_.back();
  heap_.pop_back();
  node.index_ = TimerNode::kIdle;
  if (last == &node) return;
  place(index, last);
  sift_up(index);
  sift_down(last->index_);
}

void TimerHeap::fire(SteadyTime now) {
  while (!heap_.empty() && heap_.front()->time_ <= now) {
    TimerNode* const node = heap_.front();
    disarm(*node);
    node->on_timer();
  }
}

void TimerHeap::place(std::size_t index, TimerNode* node) {
  heap_[index] = node;
  node->index_ = index;
}

void TimerHeap::sift_up(std::size_t index) {
  TimerNode* const node = heap_[index];
  while (index > 0) {
    const auto parent = (index - 1) / 2;
    if (heap_[parent]->time_ <= node->time_) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, node);
}

void TimerHeap::sift_down(std::size_t index) {
  TimerNode* const node = heap_[index];
  for (;;) {
    auto child = index * 2 + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->time_ < heap_[child]->time_) ++child;
    if (node->time_ <= heap_[child]->time_) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, node);
}

}  // namespace quartet::async
