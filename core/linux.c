#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "os.h"

/* A host may run with some of 0, 1, 2 closed. What we open must not take their
 * places, not even for a moment: a thread of the host's may write there. So
 * they are held meanwhile by something that such a write does no harm to. */
typedef struct places {
  int fds[STDERR_FILENO + 1];
  int n;
} places;

static void hold_stdio(places *held) {
  for (held->n = 0; held->n <= STDERR_FILENO; held->n++) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd > STDERR_FILENO) close(fd);
    if (fd < 0 || fd > STDERR_FILENO) return;
    held->fds[held->n] = fd;
  }
}

static void let_stdio_go(const places *held) {
  int err = errno;
  for (int i = 0; i < held->n; i++) close(held->fds[i]);
  errno = err;
}

/* --- memory --- */

int tdm_os_memory_new(const char *label) {
  places held;
  hold_stdio(&held);
  int fd = memfd_create(label, MFD_CLOEXEC);
  let_stdio_go(&held);
  return fd < 0 ? TDM_LIMIT : fd;
}

/* Beyond this limit the kernel would not only refuse but send SIGXFSZ, which
 * ends a host. */
static int is_above_limit(uint64_t size) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return 0;
  return limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur;
}

/* Not by ftruncate: of two who extend at once, the one who wants less could
 * come last and cut off what the other one has. */
int tdm_os_memory_extend(int fd, uint64_t size) {
  if (size > INT64_MAX || is_above_limit(size)) return TDM_NOMEM;
  int err;
  do err = fallocate(fd, 0, (off_t)size - 1, 1);
  while (err != 0 && errno == EINTR);
  return err == 0 ? TDM_OK : TDM_NOMEM;
}

void *tdm_os_memory_map(int fd, uint64_t at, size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)at);
  return p == MAP_FAILED ? NULL : p;
}

void tdm_os_memory_unmap(void *p, size_t size) { munmap(p, size); }

/* Asking for it is the only way to know that needs no /proc. */
int tdm_os_has_room(size_t size) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return 1;
  void *p = mmap(NULL, size, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return 0;
  munmap(p, size);
  return 1;
}

void tdm_os_lock_file(int fd, int locked) {
  struct flock whole = {.l_type = locked ? F_WRLCK : F_UNLCK};
  while (fcntl(fd, F_SETLKW, &whole) != 0 && errno == EINTR) continue;
}

void tdm_os_memory_release(int fd, uint64_t at, uint64_t size) {
  fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
            (off_t)size);
}

/* --- futex --- */

/* The deadline is absolute, which is what the BITSET flavour of the call takes.
 * There always is one: without any, the kernel would resume the wait after a
 * handler with SA_RESTART, and nobody could be interrupted by Ctrl-C. */
int tdm_os_futex_wait(atomic_uint *word, unsigned value, tdm_time deadline,
                      int shared) {
  struct timespec until = {.tv_sec = (time_t)(deadline / TDM_SECOND),
                           .tv_nsec = (long)(deadline % TDM_SECOND)};
  int op = shared ? FUTEX_WAIT_BITSET : FUTEX_WAIT_BITSET_PRIVATE;
  long r =
      syscall(SYS_futex, word, op, value, &until, NULL, FUTEX_BITSET_MATCH_ANY);
  return r == 0 ? 0 : errno;
}

void tdm_os_futex_wake(atomic_uint *word, int shared) {
  int op = shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE;
  syscall(SYS_futex, word, op, 1, NULL, NULL, 0);
}

/* --- events and channels --- */

int tdm_os_event_new(void) {
  places held;
  hold_stdio(&held);
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  let_stdio_go(&held);
  return fd < 0 ? TDM_LIMIT : fd;
}

void tdm_os_event_set(int fd) {
  uint64_t one = 1;
  /* Cannot fail but by overflow, which is as readable as can be. */
  if (write(fd, &one, sizeof one) < 0) return;
}

void tdm_os_event_clear(int fd) {
  uint64_t n;
  if (read(fd, &n, sizeof n) < 0) return;
}

int tdm_os_channel_new(int ends[2]) {
  places held;
  hold_stdio(&held);
  int err = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
  let_stdio_go(&held);
  return err == 0 ? TDM_OK : TDM_LIMIT;
}

/* --- processes --- */

/* Without /dev: a file that is empty and stays so, and sends no SIGPIPE. */
static int new_empty_file(void) {
  int fd = memfd_create("null", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd >= 0)
    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
  return fd;
}

int tdm_os_null_new(void) {
  places held;
  hold_stdio(&held);
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 0) fd = new_empty_file();
  let_stdio_go(&held);
  return fd;
}

/* PR_SET_PDEATHSIG would follow the thread that forked, not its process. */
void tdm_os_die_with(int fd) {
  fcntl(fd, F_SETOWN, getpid());
  fcntl(fd, F_SETSIG, SIGKILL);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

void tdm_os_signal_thread(int pid, int tid, int signal) {
  syscall(SYS_tgkill, pid, tid, signal);
}

void tdm_os_close_from(int fd) {
  if (syscall(SYS_close_range, (unsigned)fd, ~0u, 0u) == 0) return;
  struct rlimit limit;
  int last = 65536;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536)
    last = (int)limit.rlim_cur;
  for (; fd < last; fd++) close(fd);
}

void tdm_os_set_title(char *argv0, size_t size, const char *name,
                      const char *title) {
  size_t n = strlen(title);
  prctl(PR_SET_NAME, name);
  if (size == 0) return;
  if (n > size - 1) n = size - 1;
  memset(argv0, 0, size);
  for (size_t i = 0; i < n; i++) argv0[i] = title[i];
}

int tdm_os_own_folder(char *path, size_t size) {
  Dl_info info;
  char full[PATH_MAX];
  if (dladdr((void *)(uintptr_t)tdm_os_own_folder, &info) == 0) return 0;
  /* A host may have shut itself up where the file cannot be seen. */
  if (realpath(info.dli_fname, full) == NULL &&
      (info.dli_fname[0] != '/' ||
       snprintf(full, sizeof full, "%s", info.dli_fname) >= (int)sizeof full))
    return 0;
  char *slash = strrchr(full, '/');
  if (slash == NULL || (size_t)(slash - full) >= size) return 0;
  *slash = '\0';
  memcpy(path, full, (size_t)(slash - full) + 1);
  return 1;
}

const char *tdm_os_object_at(const void *address, const void **base) {
  Dl_info info;
  if (dladdr(address, &info) == 0) return NULL;
  *base = info.dli_fbase;
  return info.dli_fname;
}
