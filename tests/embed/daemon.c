/* daemon.c -- a daemon that loads its scripts anew at SIGHUP and ends in good
 * order at SIGTERM, in the middle of work: lighttpd, nginx, prosody.
 *
 *     daemon thread|process sleep|loop|blocked PATH
 *
 * It sends itself five SIGHUP and one SIGTERM while its pool is busy. PATH is a
 * FIFO that nobody writes to before the end. Each signal meets the main thread,
 * and each end of a state is brief and leaves nothing behind.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

/* What stays of a pool whose two workers do not end: they, and the thread that
 * told them to. */
enum { RELOADS = 5, PARKED = 3 };

static volatile sig_atomic_t reload, finish, elsewhere;
static pthread_t main_thread;

static void on_signal(int number) {
  if (!pthread_equal(pthread_self(), main_thread)) elsewhere = 1;
  if (number == SIGHUP) reload = 1;
  if (number == SIGTERM) finish = 1;
}

static const char begin[] =
    "local tasks = { sleep = 'fixtures.gate:sleep',\n"
    "  loop = 'fixtures.gate:loop', blocked = 'fixtures.gate:wait' }\n"
    "pool = tandem[KIND .. '_pool'] { max_workers = 2, exit_timeout = 0.2 }\n"
    "works(pool)\n"
    "list = {}\n"
    "for i = 1, 4 do list[i] = pool:submit(tasks[DEED], PATH, 600) end\n"
    "running { list[1], list[2] }\n";

static lua_State *load(char **argv) {
  static const char *const names[] = {"KIND", "DEED", "PATH"};
  lua_State *L = host_open();
  for (int i = 0; i < 3; i++) {
    lua_pushstring(L, argv[i + 1]);
    lua_setglobal(L, names[i]);
  }
  host_do(L, begin);
  return L;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A thread that is held in C code cannot be ended: it stays, and is all that
 * does. ThreadSanitizer's counts know no threads. */
static void unload(lua_State *L, int parked, host_counts *expected) {
  double began = now();
  lua_close(L);
  CHECK(now() - began < 50); /* the tasks last longer */
  if (expected->threads != 0) expected->threads += parked;
  host_check_back(*expected);
}

/* Once what held them lets them go, nothing is left of the threads, either. */
static void release(const char *path, host_counts expected, host_counts now) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  CHECK(fd >= 0);
  expected.threads = now.threads;
  expected.fds++;
  host_check_back(expected);
  close(fd);
}

static void serve(lua_State *L) {
  while (!reload && !finish) host_do(L, "tandem.poll(0.01)");
}

/* What is made once a process, at first use, is no leak. */
static void warm_up(host_counts *expected) {
  lua_State *L = host_open();
  host_do(L, "works(tandem.process_pool(1)) works(tandem.thread_pool(1))");
  lua_close(L);
  expected->fds = host_now().fds;
}

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  host_bound(60);
  CHECK(argc == 4);
  main_thread = pthread_self();
  sigaction(SIGHUP, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  int parked = strcmp(argv[1], "thread") == 0 && strcmp(argv[2], "blocked") == 0
                   ? PARKED
                   : 0;
  host_counts expected = host_now(), before = expected;
  warm_up(&expected);
  lua_State *L = load(argv);
  if (strcmp(argv[1], "process") == 0) CHECK(host_now().children == 1);
  for (int i = 0; i < RELOADS; i++) {
    kill(getpid(), SIGHUP);
    serve(L);
    CHECK(reload);
    reload = 0;
    unload(L, parked, &expected);
    L = load(argv);
  }
  kill(getpid(), SIGTERM);
  serve(L);
  unload(L, parked, &expected);
  CHECK(finish && !elsewhere);
  if (parked != 0) release(argv[3], expected, before);
  return host_fine();
}
