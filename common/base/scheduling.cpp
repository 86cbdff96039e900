#include "common/base/scheduling.h"

#include <pthread.h>
#include <sched.h>

namespace quartet {

void let_wakers_finish() {
  const sched_param parameters = {};
  (void)::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &parameters);  // it only costs more where it is refused
}

}  // namespace quartet
