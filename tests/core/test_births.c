/* Threads that are to have a heap, where address space is limited. */
#include "births.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "gate.h"

#define STACK ((size_t)1 << 20)

/* Room for one heap, not for two. */
static void limit_room(void) {
  char line[100];
  FILE *file = fopen("/proc/self/statm", "re");
  CHECK(file != NULL && fgets(line, sizeof line, file) != NULL);
  fclose(file);
  rlim_t pages = strtoul(line, NULL, 10);
  rlim_t room = pages * (rlim_t)getpagesize() + ((rlim_t)130 << 20);
  struct rlimit limit = {room, room};
  CHECK_INT(setrlimit(RLIMIT_AS, &limit), 0);
}

static void all_fit_where_nothing_is_limited(void) {
  for (int i = 0; i < 1000; i++) CHECK(tdm_birth_expect(STACK, 0));
}

static void none_fits_where_there_is_no_room(void) {
  limit_room();
  CHECK(!tdm_birth_expect((size_t)200 << 20, 0));
  CHECK(tdm_birth_expect((size_t)200 << 20, 1)); /* but who must, may */
  tdm_birth_forget();
}

static gate limited = GATE_SHUT;

static void *come_later(void *may) {
  gate_enter(&limited);
  *(int *)may = tdm_birth_expect(STACK, 0);
  tdm_birth_give();
  return NULL;
}

/* They are not refused for those who turn out to need less. */
static void those_who_come_later_wait(void) {
  enum { N = 8 };
  mallopt(M_ARENA_MAX, 1);
  pthread_t threads[N];
  int may[N];
  for (int i = 0; i < N; i++)
    CHECK_INT(pthread_create(&threads[i], NULL, come_later, &may[i]), 0);
  limit_room();
  CHECK(tdm_birth_expect(STACK, 0));
  gate_open(&limited);
  tdm_birth_forget();
  for (int i = 0; i < N; i++) {
    CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK(may[i]);
  }
}

/* Nobody gives birth there to what the parent expected. */
static void a_forked_child_expects_nothing(void) {
  limit_room();
  CHECK(tdm_birth_expect(STACK, 0));
  pid_t pid = fork();
  if (pid == 0) _exit(tdm_birth_expect(STACK, 0) ? 0 : 1);
  int status;
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  CHECK_INT(status, 0);
  tdm_birth_forget();
}

TESTS(TEST(all_fit_where_nothing_is_limited),
      TEST(none_fits_where_there_is_no_room), TEST(those_who_come_later_wait),
      TEST(a_forked_child_expects_nothing))
