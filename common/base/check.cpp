#include "common/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace quartet {

void check_failed(const char* condition, std::source_location where) {
  std::fprintf(stderr, "%s:%u: %s: broken invariant: %s\n", where.file_name(), where.line(), where.function_name(),
               condition);
  std::abort();
}

}  // namespace quartet
