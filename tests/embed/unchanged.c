/* unchanged.c -- a program that minds what belongs to the whole process: its
 * signals, locale, umask and folder.
 *
 * All pools run, tasks are cancelled and crash, and all is as it was. Worker
 * threads take no signal of the host's.
 */
#include <dirent.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

typedef struct surroundings {
  struct sigaction actions[65];
  sigset_t blocked;
  mode_t mask;
  char locale[200], folder[1000];
} surroundings;

static void on_signal(int number) { (void)number; }

static void look(surroundings *s) {
  memset(s, 0, sizeof *s);
  for (int i = 1; i < 65; i++) sigaction(i, NULL, &s->actions[i]);
  pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
  s->mask = umask(0);
  umask(s->mask);
  snprintf(s->locale, sizeof s->locale, "%s", setlocale(LC_ALL, NULL));
  CHECK(getcwd(s->folder, sizeof s->folder) != NULL);
}

/* The number of the one signal that was not in use and is now; 0 for none. */
static int compare(const surroundings *a, const surroundings *b) {
  int taken = 0;
  for (int i = 1; i < 65; i++) {
    if (a->actions[i].sa_handler == b->actions[i].sa_handler &&
        a->actions[i].sa_flags == b->actions[i].sa_flags)
      continue;
    CHECK(i >= SIGRTMIN && taken == 0);
    CHECK(a->actions[i].sa_handler == SIG_DFL);
    taken = i;
  }
  for (int i = 1; i < 65; i++)
    CHECK(sigismember(&a->blocked, i) == sigismember(&b->blocked, i));
  CHECK(a->mask == b->mask);
  CHECK(strcmp(a->locale, b->locale) == 0);
  CHECK(strcmp(a->folder, b->folder) == 0);
  return taken;
}

/* What a thread blocks: bit n - 1 for signal n. */
static unsigned long long blocked_by(const char *tid) {
  char path[100], line[200];
  unsigned long long set = 0;
  snprintf(path, sizeof path, "/proc/self/task/%.20s/status", tid);
  FILE *file = fopen(path, "re");
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, "SigBlk:", 7) == 0) set = strtoull(line + 7, NULL, 16);
  fclose(file);
  return set;
}

static void check_blocked(const char *tid, int interrupt) {
  static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  unsigned long long blocked = blocked_by(tid);
  for (int i = 1; i < 65; i++) {
    int is_open = i == interrupt;
    /* Two between the classic and the free ones are the C library's. */
    if (i == SIGKILL || i == SIGSTOP || (i >= 32 && i < SIGRTMIN)) continue;
    for (size_t k = 0; k < sizeof open / sizeof *open; k++)
      is_open = is_open || i == open[k];
    if ((blocked >> (i - 1) & 1) == (unsigned long long)is_open &&
        i != interrupt) /* a thread of ours that runs no Lua blocks it too */
      host_fail("thread %s: signal %d is %s", tid, i,
                is_open ? "blocked" : "open");
  }
}

static int check_threads(int interrupt) {
  char own[30];
  int n = 0;
  DIR *dir = opendir("/proc/self/task");
  CHECK(dir != NULL);
  snprintf(own, sizeof own, "%d", (int)getpid());
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (e->d_name[0] == '.' || strcmp(e->d_name, own) == 0) continue;
    check_blocked(e->d_name, interrupt);
    n++;
  }
  closedir(dir);
  return n;
}

static const char begin[] =
    "threads, processes = tandem.thread_pool(3), tandem.process_pool(3)\n"
    "list = {}\n"
    "for _, pool in ipairs { threads, processes } do\n"
    "  works(pool)\n"
    "  for _ = 1, 3 do\n"
    "    list[#list + 1] = pool:submit('fixtures.inside:sleep', 600)\n"
    "  end\n"
    "end\n"
    "running(list)\n";

static const char end[] =
    "for _, f in ipairs(list) do f:cancel('interrupt') end\n"
    "local f = processes:submit('fixtures.low:raise', 'KILL')\n"
    "assert(f:error(100).kind == 'crashed')\n"
    "threads:shutdown {} processes:shutdown {}\n";

static void choose_surroundings(void) {
  sigset_t blocked;
  signal(SIGPIPE, on_signal);
  signal(SIGINT, on_signal);
  signal(SIGHUP, SIG_IGN);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, NULL);
  umask(037);
  setlocale(LC_ALL, "C.UTF-8");
  CHECK(chdir("/tmp") == 0);
}

int main(void) {
  static surroundings before, during, after;
  host_bound(60);
  choose_surroundings();
  look(&before);
  lua_State *L = host_open();
  host_do(L, begin);
  look(&during);
  compare(&before, &during);
  CHECK(check_threads(SIGRTMAX) >= 3);
  host_do(L, end);
  lua_close(L);
  look(&after);
  int interrupt = compare(&before, &after);
  CHECK(interrupt == 0 || interrupt == SIGRTMAX);
  return host_fine();
}
