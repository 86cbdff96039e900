// Preloaded into daemons: every change below DISK_RECORD_UNDER is appended to the file DISK_RECORD, one record each, in
// one order over all processes: disk_image.py makes of them what a disk holds after a power failure.
//
// A change is recorded after it was made and before the caller goes on. A record of a sync has two halves: what was
// recorded before its beginning is durable at its end. Shared memory of SQLite is left out; it does not outlive a boot.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kPathSize = 4096, kMaxParts = 1024 };

// disk_image.py reads this form.
struct __attribute__((packed)) record {
  uint8_t operation;
  uint64_t inode;
  uint64_t first, second;
  uint16_t path, other_path;  // sizes of what follows, in this order
  uint32_t data;
};

static const char* under(void) { return getenv("DISK_RECORD_UNDER"); }

static int watched(const char* path) {
  const char* root = under();
  const size_t size = root == NULL ? 0 : strlen(root);
  if (size == 0 || strncmp(path, root, size) != 0 || (path[size] != 0 && path[size] != '/')) return 0;
  const char* end = strrchr(path, '-');
  return end == NULL || (strcmp(end, "-shm") != 0 && strcmp(end, "-lock") != 0);
}

/// Of the descriptor, without symbolic links; 0 if it is not watched.
static int path_of(int fd, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, kPathSize - 1);
  path[size < 0 ? 0 : size] = 0;
  return size > 0 && watched(path);
}

static uint64_t inode_of(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

/// One write to a file in append mode: the kernel puts them in one order.
static void append(struct record head, const char* path, const char* other, const struct iovec* parts, int count,
                   size_t data) {
  static int file = -1;
  static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
  const int before = errno;
  pthread_mutex_lock(&opening);
  if (file < 0) file = (int)syscall(SYS_openat, AT_FDCWD, getenv("DISK_RECORD"), O_WRONLY | O_APPEND | O_CLOEXEC);
  pthread_mutex_unlock(&opening);
  head.path = (uint16_t)strlen(path);
  head.other_path = (uint16_t)strlen(other);
  head.data = (uint32_t)data;
  const size_t size = sizeof head + head.path + head.other_path + data;
  char* const whole = malloc(size);
  char* at = mempcpy(whole, &head, sizeof head);
  at = mempcpy(mempcpy(at, path, head.path), other, head.other_path);
  for (int n = 0; n < count && data > 0; ++n) {
    const size_t some = parts[n].iov_len < data ? parts[n].iov_len : data;
    at = mempcpy(at, parts[n].iov_base, some);
    data -= some;
  }
  if (syscall(SYS_write, file, whole, size) != (long)size) abort();  // a record with a hole proves nothing
  free(whole);
  errno = before;
}

static void note(char operation, uint64_t inode, uint64_t first, uint64_t second, const char* path, const char* other) {
  const struct record head = {.operation = (uint8_t)operation, .inode = inode, .first = first, .second = second};
  append(head, path, other, NULL, 0, 0);
}

static void note_write(int fd, uint64_t offset, const struct iovec* parts, int count, ssize_t written) {
  char path[kPathSize];
  if (written <= 0 || !path_of(fd, path)) return;
  const struct record head = {.operation = 'W', .inode = inode_of(fd), .first = offset};
  append(head, "", "", parts, count, (size_t)written);
}

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
  const ssize_t written = syscall(SYS_pwritev, fd, parts, count, offset, 0);
  note_write(fd, (uint64_t)offset, parts, count, written);
  return written;
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t offset) { return pwritev(fd, parts, count, offset); }

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  const ssize_t written = syscall(SYS_pwrite64, fd, data, size, offset);
  const struct iovec part = {(void*)data, size};
  note_write(fd, (uint64_t)offset, &part, 1, written);
  return written;
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) { return pwrite(fd, data, size, offset); }

ssize_t write(int fd, const void* data, size_t size) {
  const ssize_t written = syscall(SYS_write, fd, data, size);
  const struct iovec part = {(void*)data, size};
  const off_t end = written > 0 ? lseek(fd, 0, SEEK_CUR) : 0;
  if (end >= written && written > 0) note_write(fd, (uint64_t)(end - written), &part, 1, written);
  return written;
}

static int sync_file(int fd, long call) {
  static _Thread_local int number;
  char path[kPathSize];
  const int recorded = path_of(fd, path);
  const uint64_t inode = recorded ? inode_of(fd) : 0;
  const uint64_t token = (uint64_t)gettid() << 32 | (uint32_t)++number;
  if (recorded) note('s', inode, token, 0, path, "");
  const int result = (int)syscall(call, fd);
  if (recorded && result == 0) note('S', inode, token, 0, path, "");
  return result;
}
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
int fsync(int fd) { return sync_file(fd, SYS_fsync); }

int ftruncate(int fd, off_t size) {
  const int result = (int)syscall(SYS_ftruncate, fd, size);
  char path[kPathSize];
  if (result == 0 && path_of(fd, path)) note('T', inode_of(fd), (uint64_t)size, 0, "", "");
  return result;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int posix_fallocate(int fd, off_t offset, off_t length) {
  const int result = syscall(SYS_fallocate, fd, 0, offset, length) == 0 ? 0 : errno;
  char path[kPathSize];
  if (result == 0 && path_of(fd, path)) note('A', inode_of(fd), (uint64_t)(offset + length), 0, "", "");
  return result;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

int truncate(const char* path, off_t size) {
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int result = ftruncate(fd, size);
  close(fd);
  return result;
}
int truncate64(const char* path, off64_t size) { return truncate(path, size); }

/// `name` below `directory` as a whole path.
static const char* whole_path(int directory, const char* name, char* path) {
  if (name[0] == '/') return name;
  if (directory == AT_FDCWD ? getcwd(path, kPathSize) == NULL : !path_of(directory, path)) return name;
  const size_t size = strlen(path);
  snprintf(path + size, kPathSize - size, "/%s", name);
  return path;
}

static int open_at(int directory, const char* name, int flags, int mode) {
  const int fd = (int)syscall(SYS_openat, directory, name, flags, mode);
  char path[kPathSize];
  if (fd < 0 || (flags & O_CREAT) == 0 || !path_of(fd, path)) return fd;
  note('C', inode_of(fd), 0, 0, path, "");
  if ((flags & O_TRUNC) != 0) note('T', inode_of(fd), 0, 0, "", "");
  return fd;
}

#define MODE_OF(flags)                                                         \
  ({                                                                           \
    va_list more;                                                              \
    va_start(more, flags);                                                     \
    const int given = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, int) : 0; \
    va_end(more);                                                              \
    given;                                                                     \
  })

int open(const char* path, int flags, ...) { return open_at(AT_FDCWD, path, flags, MODE_OF(flags)); }
int open64(const char* path, int flags, ...) { return open_at(AT_FDCWD, path, flags | O_LARGEFILE, MODE_OF(flags)); }
int openat(int directory, const char* path, int flags, ...) { return open_at(directory, path, flags, MODE_OF(flags)); }

/// The C library writes what a stream holds past us: all of it counts as written when the stream is closed.
int fclose(FILE* stream) {
  static int (*original)(FILE*);
  if (original == NULL) original = (int (*)(FILE*))dlsym(RTLD_NEXT, "fclose");
  const int fd = fileno(stream);
  char path[kPathSize];
  const int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || !path_of(fd, path) || fflush(stream) != 0) return original(stream);
  note('C', inode_of(fd), 0, 0, path, "");
  note('T', inode_of(fd), 0, 0, "", "");
  const int reader = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  char data[1 << 16];
  ssize_t size;
  for (uint64_t offset = 0; (size = read(reader, data, sizeof data)) > 0; offset += (uint64_t)size) {
    const struct iovec part = {data, (size_t)size};
    note_write(fd, offset, &part, 1, size);
  }
  close(reader);
  return original(stream);
}

/// Of a change of one name into, or beside, another.
static int note_names(char operation, long call, const char* from, const char* to) {
  char buffer[kPathSize], other_buffer[kPathSize];
  const char* const whole = whole_path(AT_FDCWD, from, buffer);
  const char* const other = whole_path(AT_FDCWD, to, other_buffer);
  const int result = (int)syscall(call, from, to);
  if (result == 0 && watched(other)) note(operation, 0, 0, 0, whole, other);
  return result;
}
int rename(const char* from, const char* to) { return note_names('R', SYS_rename, from, to); }
int link(const char* from, const char* to) { return note_names('L', SYS_link, from, to); }

int mkdir(const char* path, mode_t mode) {
  char buffer[kPathSize];
  const char* const whole = whole_path(AT_FDCWD, path, buffer);
  const int result = (int)syscall(SYS_mkdir, path, mode);
  if (result == 0 && watched(whole)) note('M', 0, 0, 0, whole, "");
  return result;
}

int unlinkat(int directory, const char* name, int flags) {
  char buffer[kPathSize];
  const char* const path = whole_path(directory, name, buffer);
  const int result = (int)syscall(SYS_unlinkat, directory, name, flags);
  if (result == 0 && watched(path)) note('U', 0, 0, 0, path, "");
  return result;
}
int unlink(const char* path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char* path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
