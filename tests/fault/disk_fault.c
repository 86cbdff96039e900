// Preloaded into a daemon: changes below DISK_FAULT_UNDER fail with the errno that the file DISK_FAULT holds, while it
// holds one. Reading goes on, as from a disk that is full, read-only or failing.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int below(const char* path) {
  const char* under = getenv("DISK_FAULT_UNDER");
  return under != NULL && strncmp(path, under, strlen(under)) == 0;
}

/// The errno to fail with; 0: go on. By system calls, so that none of our own functions is in the way.
static int fault_now(void) {
  const char* file = getenv("DISK_FAULT");
  char text[16] = {0};
  const int fd = file == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const long got = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  return got > 0 ? atoi(text) : 0;
}

static int fault_of_path(const char* path) { return below(path) ? fault_now() : 0; }

static int fault_of(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return fault_of_path(path);
}

#define FAIL_IF(fault)      \
  do {                      \
    const int e = (fault);  \
    if (e != 0) {           \
      errno = e;            \
      return -1;            \
    }                       \
  } while (0)

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
  FAIL_IF(fault_of(fd));
  return syscall(SYS_pwritev, fd, parts, count, offset, 0);
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t offset) { return pwritev(fd, parts, count, offset); }

int fdatasync(int fd) {
  FAIL_IF(fault_of(fd));
  return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
  FAIL_IF(fault_of(fd));
  return (int)syscall(SYS_fsync, fd);
}

int rename(const char* from, const char* to) {
  FAIL_IF(fault_of_path(to));
  return (int)syscall(SYS_rename, from, to);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
  const int fault = fault_of(fd);
  if (fault != 0) return fault;
  return syscall(SYS_fallocate, fd, 0, offset, length) == 0 ? 0 : errno;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  if ((flags & O_CREAT) != 0) FAIL_IF(fault_of_path(path));
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  return open(path, flags | O_LARGEFILE, mode);
}
