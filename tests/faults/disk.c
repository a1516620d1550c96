/* A disk and a clock that tests can break, put before libc by LD_PRELOAD.

   Below FAULTS_ROOT every change is done and written to FAULTS_JOURNAL in the order it was done, with
   each fsync and fdatasync, so that a test can say what a power cut at any instant would have left.
   FAULTS_SWITCHES is a shared file of `struct switches`, which the test changes while the server runs. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct switches {
  int64_t clock; /* seconds that the clock is ahead */
  int32_t full, read_only, sync_fails, slow; /* slow: ms for each write and sync */
};

struct record {
  uint8_t op;
  uint64_t node, offset;
  uint32_t first, second; /* lengths of what follows */
} __attribute__((packed));

static const char *root;
static size_t root_length;
static int journal = -1;
static volatile struct switches *switches;
static struct switches none;
static unsigned char ours[65536]; /* by descriptor */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  switches = &none;
  root = getenv("FAULTS_ROOT");
  const char *written = getenv("FAULTS_JOURNAL"), *told = getenv("FAULTS_SWITCHES");
  if (!root || !written || !told) { root = NULL; return; }
  root_length = strlen(root);
  journal = REAL(open)(written, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int file = REAL(open)(told, O_RDONLY | O_CLOEXEC);
  void *shared = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
  if (journal < 0 || shared == MAP_FAILED) abort();
  switches = shared;
  REAL(close)(file);
}

static int is_ours(const char *path) {
  return root && path && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static int tracked(int fd) { return root && fd >= 0 && fd < (int)sizeof ours && ours[fd]; }

static uint64_t node_of(int fd) {
  struct stat about;
  return fstat(fd, &about) ? 0 : about.st_ino;
}

static uint64_t node_at(const char *path) {
  struct stat about;
  return lstat(path, &about) ? 0 : about.st_ino;
}

static void note(char op, uint64_t node, uint64_t offset, const void *first, size_t one, const void *second, size_t two) {
  struct record about = {(uint8_t)op, node, offset, (uint32_t)one, (uint32_t)two};
  struct iovec all[3] = {{&about, sizeof about}, {(void *)first, one}, {(void *)second, two}};
  if (REAL(writev)(journal, all, 3) != (ssize_t)(sizeof about + one + two)) abort();
}

static void note_names(char op, uint64_t node, const char *first, const char *second) {
  note(op, node, 0, first, strlen(first), second ? second : "", second ? strlen(second) : 0);
}

static void take_time(void) {
  if (switches->slow) usleep(1000 * switches->slow);
}

static int refuses(void) { /* whether a change of names or bytes is refused now */
  if (switches->read_only) { errno = EROFS; return 1; }
  return 0;
}

static int refuses_bytes(void) {
  if (refuses()) return 1;
  if (switches->full) { errno = ENOSPC; return 1; }
  return 0;
}

/* Opening and closing */

static int opened(int where, const char *path, int flags, mode_t mode) {
  if (!is_ours(path)) return REAL(openat)(where, path, flags, mode);
  pthread_mutex_lock(&lock);
  int writes = (flags & O_ACCMODE) != O_RDONLY, there = node_at(path) != 0, fd = -1;
  if (!(writes && refuses()) && !((flags & O_CREAT) && !there && refuses_bytes()))
    fd = REAL(openat)(where, path, flags, mode);
  int failure = errno;
  if (fd >= 0 && fd < (int)sizeof ours) {
    ours[fd] = 1;
    if (!there) note_names('C', node_of(fd), path, NULL);
    else if (writes && (flags & O_TRUNC)) note('T', node_of(fd), 0, "", 0, "", 0);
  }
  pthread_mutex_unlock(&lock);
  errno = failure;
  return fd;
}

#define MODE \
  mode_t mode = 0; \
  if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int where, const char *path, int flags, ...) { MODE return opened(where, path, flags, mode); }
int openat64(int where, const char *path, int flags, ...) { MODE return opened(where, path, flags, mode); }

int close(int fd) {
  if (fd >= 0 && fd < (int)sizeof ours) ours[fd] = 0;
  return REAL(close)(fd);
}

/* Bytes */

static ssize_t wrote(int fd, const void *bytes, size_t size, off_t offset) {
  struct stat about;
  if (!tracked(fd) || fstat(fd, &about) || !S_ISREG(about.st_mode))
    return offset < 0 ? REAL(write)(fd, bytes, size) : REAL(pwrite)(fd, bytes, size, offset);
  take_time();
  pthread_mutex_lock(&lock);
  ssize_t done = -1;
  if (!refuses_bytes()) {
    done = offset < 0 ? REAL(write)(fd, bytes, size) : REAL(pwrite)(fd, bytes, size, offset);
    if (done > 0) note('W', about.st_ino, offset < 0 ? lseek(fd, 0, SEEK_CUR) - done : offset, bytes, done, "", 0);
  }
  int failure = errno;
  pthread_mutex_unlock(&lock);
  errno = failure;
  return done;
}

ssize_t write(int fd, const void *bytes, size_t size) { return wrote(fd, bytes, size, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) { return wrote(fd, bytes, size, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t offset) { return wrote(fd, bytes, size, offset); }

ssize_t writev(int fd, const struct iovec *all, int count) {
  if (!tracked(fd)) return REAL(writev)(fd, all, count);
  return count ? wrote(fd, all[0].iov_base, all[0].iov_len, -1) : 0; /* a short write is allowed */
}

static int cut(int fd, off_t size) {
  if (!tracked(fd)) return REAL(ftruncate)(fd, size);
  pthread_mutex_lock(&lock);
  int done = refuses_bytes() ? -1 : REAL(ftruncate)(fd, size);
  int failure = errno;
  if (!done) note('T', node_of(fd), size, "", 0, "", 0);
  pthread_mutex_unlock(&lock);
  errno = failure;
  return done;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off_t size) { return cut(fd, size); }

static int synced(int fd, int (*how)(int)) {
  if (!tracked(fd)) return how(fd);
  take_time();
  pthread_mutex_lock(&lock);
  int done = 0;
  if (switches->sync_fails) { errno = EIO; done = -1; }
  else note('S', node_of(fd), 0, "", 0, "", 0); /* the machine's own disk need not hurry */
  int failure = errno;
  pthread_mutex_unlock(&lock);
  errno = failure;
  return done;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

/* Names */

#define NAMED(op, path, other, refused, call) \
  if (!is_ours(path)) return call; \
  pthread_mutex_lock(&lock); \
  uint64_t node = node_at(path); \
  int done = refused ? -1 : call, failure = errno; \
  if (!done) note_names(op, node ? node : node_at(path), path, other); \
  pthread_mutex_unlock(&lock); \
  errno = failure; \
  return done;

int rename(const char *old, const char *new) { NAMED('R', old, new, refuses(), REAL(rename)(old, new)) }
int renameat(int a, const char *old, int b, const char *new) { NAMED('R', old, new, refuses(), REAL(renameat)(a, old, b, new)) }
int renameat2(int a, const char *old, int b, const char *new, unsigned how) { NAMED('R', old, new, refuses(), REAL(renameat2)(a, old, b, new, how)) }
int link(const char *old, const char *new) { NAMED('L', old, new, refuses_bytes(), REAL(link)(old, new)) }
int linkat(int a, const char *old, int b, const char *new, int how) { NAMED('L', old, new, refuses_bytes(), REAL(linkat)(a, old, b, new, how)) }
int unlink(const char *path) { NAMED('U', path, NULL, refuses(), REAL(unlink)(path)) }
int unlinkat(int where, const char *path, int how) { NAMED('U', path, NULL, refuses(), REAL(unlinkat)(where, path, how)) }
int rmdir(const char *path) { NAMED('U', path, NULL, refuses(), REAL(rmdir)(path)) }
int mkdir(const char *path, mode_t mode) { NAMED('M', path, NULL, refuses_bytes(), REAL(mkdir)(path, mode)) }
int mkdirat(int where, const char *path, mode_t mode) { NAMED('M', path, NULL, refuses_bytes(), REAL(mkdirat)(where, path, mode)) }

/* The clock on the wall; the one that only counts is left alone */

int clock_gettime(clockid_t which, struct timespec *now) {
  int done = REAL(clock_gettime)(which, now);
  if (!done && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += switches ? switches->clock : 0;
  return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int done = REAL(gettimeofday)(now, zone);
  if (!done) now->tv_sec += switches ? switches->clock : 0;
  return done;
}

time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}
