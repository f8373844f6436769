/* reaping.c -- a server that waits for every child of its process, whosever it
 * is: by a handler of SIGCHLD ("handler"), or by a thread that does nothing
 * else ("thread").
 *
 * The pool of processes works, also after crashes, and the host gets the end of
 * its own children, with their exit codes.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

enum { CHILDREN = 5, CODE = 40 };

static atomic_int own[CHILDREN]; /* pids of its own children */
static atomic_int ended;         /* how many of those have been waited for */
static atomic_int stolen;        /* how many others */
static atomic_int wrong;         /* with another code than theirs */
static atomic_int over;

static void note(pid_t pid, int status) {
  for (int i = 0; i < CHILDREN; i++)
    if (atomic_load(&own[i]) == pid) {
      int good = WIFEXITED(status) && WEXITSTATUS(status) == CODE + i;
      atomic_fetch_add(good ? &ended : &wrong, 1);
      return;
    }
  atomic_fetch_add(&stolen, 1);
}

static void on_child(int number) {
  int err = errno, status;
  pid_t pid;
  (void)number;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) note(pid, status);
  errno = err;
}

static void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void *reap(void *arg) {
  while (!atomic_load(&over)) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    if (pid > 0)
      note(pid, status);
    else
      nap(); /* there is no child just now */
  }
  return arg;
}

/* The child waits until its number is written down. */
static void start_own(int i) {
  int go[2];
  char c;
  CHECK(pipe(go) == 0);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    close(go[1]);
    if (read(go[0], &c, 1) < 0) _exit(1);
    _exit(CODE + i);
  }
  atomic_store(&own[i], pid);
  close(go[0]);
  close(go[1]);
}

static const char crash[] =
    "local f = pool:submit('fixtures.low:raise', 'KILL')\n"
    "local err = assert(f:error(100))\n"
    "assert(err.kind == 'crashed' and err.pid, tostring(err))\n"
    "works(pool)\n";

static void use_pool(lua_State *L) {
  host_do(L, "pool = tandem.process_pool(2) works(pool)");
  for (int i = 0; i < CHILDREN; i++) {
    start_own(i);
    host_do(L, crash);
  }
  host_do(L,
          "assert(pool:stats().restarts == 5, pool:stats().restarts)\n"
          "assert(pool:shutdown { timeout = 100 })");
}

/* Pools come and go until the host was quicker than we to wait for a child of
 * ours, the zygote of one. */
static void lose_a_child(lua_State *L) {
  while (atomic_load(&stolen) == 0)
    host_do(L, "local pool <close> = tandem.process_pool(1) works(pool)");
}

static int is_same(const struct sigaction *a, const struct sigaction *b) {
  return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART};
  struct sigaction before, after;
  pthread_t reaper;
  host_bound(60);
  CHECK(argc == 2);
  int by_handler = strcmp(argv[1], "handler") == 0;
  if (by_handler)
    sigaction(SIGCHLD, &action, NULL);
  else
    CHECK(pthread_create(&reaper, NULL, reap, NULL) == 0);
  sigaction(SIGCHLD, NULL, &before);
  lua_State *L = host_open();
  use_pool(L);
  lose_a_child(L);
  lua_close(L);
  sigaction(SIGCHLD, NULL, &after);
  CHECK(is_same(&before, &after));
  while (atomic_load(&ended) < CHILDREN && atomic_load(&wrong) == 0) nap();
  CHECK(atomic_load(&wrong) == 0);
  atomic_store(&over, 1);
  if (!by_handler) pthread_join(reaper, NULL);
  return host_fine();
}
