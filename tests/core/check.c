#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"

/* A busy machine may take so many times longer. */
enum { USUAL_LIMIT = 20 /* seconds */, PATIENCE = 5 };

/* How many times slower than a plain build this one is, at most. */
static unsigned slowness(void) {
  const char *mode = getenv("TANDEM_MODE");
  if (mode != NULL && strcmp(mode, "valgrind") == 0) return 50;
#if defined(__SANITIZE_THREAD__)
  return 12;
#elif defined(__SANITIZE_ADDRESS__)
  return 4;
#else
  return 1;
#endif
}

long check_rounds(long n) {
  long rounds = n / (long)slowness();
  return rounds < 1 ? 1 : rounds;
}

unsigned check_random(unsigned *seed, unsigned n) {
  *seed = *seed * 1664525u + 1013904223u;
  return (unsigned)(((unsigned long long)*seed * n) >> 32);
}

/* Other threads may be in the middle of anything: no exit handlers. */
static void give_up(void) {
  fflush(stdout);
  _exit(1);
}

void check_fail(const char *file, int line, const char *what) {
  printf("  %s:%d: not so: %s\n", file, line, what);
  give_up();
  abort();
}

void check_int(const char *file, int line, const char *what, long long got,
               long long wanted) {
  if (got == wanted) return;
  printf("  %s:%d: %s is %lld, not %lld\n", file, line, what, got, wanted);
  give_up();
}

static void run_here(const check_case *c) {
  alarm((c->seconds ? c->seconds : USUAL_LIMIT) * PATIENCE *
        (1 + slowness() / 3));
  c->run();
  CHECK_INT(tdm_mem_live(), 0);
  exit(0);
}

static const char *verdict(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? "ok" : "FAILED";
  if (WTERMSIG(status) == SIGALRM) return "FAILED: out of time";
  return strsignal(WTERMSIG(status));
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int passes(const check_case *c) {
  int status;
  double start = seconds_now();
  pid_t pid = fork();
  if (pid == 0) run_here(c);
  if (pid < 0 || waitpid(pid, &status, 0) != pid) {
    printf("%-40s no process to run it in\n", c->name);
    return 0;
  }
  printf("%-40s %s (%.2f s)\n", c->name, verdict(status),
         seconds_now() - start);
  return status == 0;
}

int check_main(int argc, char **argv, const check_case *cases, size_t n) {
  int passed = 0, failed = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < n; i++) {
    if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL) continue;
    if (passes(&cases[i]))
      passed++;
    else
      failed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
