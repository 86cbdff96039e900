// How the system chooses among threads.
#pragma once

namespace quartet {

/// From now on the calling thread does not take the processor from the one that wakes it: it goes on where there is a
/// free processor, or once that one waits. For a thread that is told of many things one after the other, which it then
/// finds all at once; otherwise the first costs two switches of threads, and so does each that follows.
void let_wakers_finish();

}  // namespace quartet
