#include "crew.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "procs.h"

/* --- what is there -------------------------------------------------------- */

static int entries(const char *path) {
  int n = 0;
  DIR *d = opendir(path);
  CHECK(d != NULL);
  while (readdir(d) != NULL) n++;
  closedir(d);
  return n;
}

#if defined(__SANITIZE_THREAD__)
static void *do_nothing(void *arg) { return arg; }

/* The first thread of a process brings one of the sanitizer's with it. */
static void start_helpers(void) {
  pthread_t t;
  if (pthread_create(&t, NULL, do_nothing, NULL) == 0) pthread_join(t, NULL);
}
#else
static void start_helpers(void) {}
#endif

belongings belongings_now(void) {
  start_helpers();
  return (belongings){entries("/proc/self/fd"), entries("/proc/self/task")};
}

static int has_children(void) {
  pid_t pid;
  do pid = waitpid(-1, NULL, WNOHANG);
  while (pid > 0);
  return !(pid < 0 && errno == ECHILD);
}

void belongings_check(belongings before) {
  tdm_time until = tdm_clock_now() + 60 * TDM_SECOND;
  belongings now;
  for (;; usleep(1000)) {
    now = belongings_now();
    int children = has_children();
    if (!children && now.descriptors == before.descriptors &&
        now.threads == before.threads)
      return;
    if (tdm_clock_now() < until) continue;
    CHECK(!children);
    CHECK_INT(now.descriptors, before.descriptors);
    CHECK_INT(now.threads, before.threads);
  }
}

/* --- the crew ------------------------------------------------------------- */

void crew_open(crew *c, const tdm_settings *s) {
  CHECK_INT(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  c->before = belongings_now();
  rig_open(&c->r, tdm_procs_new, s);
}

void crew_open_with(crew *c, unsigned workers) {
  tdm_settings s = rig_settings(workers);
  crew_open(c, &s);
}

void crew_close(crew *c) {
  rig_close(&c->r);
  belongings_check(c->before);
}

tdm_task *crew_hold(crew *c, door *d) {
  tdm_task *t = rig_submit(&c->r, JOB_DOOR, &d->address, sizeof d->address);
  door_await(d, 1);
  return t;
}

size_t crew_pids(crew *c, pid_t *pids, size_t max) {
  static tdm_worker_view views[64];
  size_t n = c->r.e->ops->workers(c->r.e, views, 64);
  for (size_t i = 0; i < n && i < max; i++)
    pids[i] = views[i].pid > 0 ? views[i].pid : 0;
  return n;
}

pid_t crew_zygote(crew *c) {
  tdm_procs *p = tdm_procs_of(c->r.e);
  tdm_mutex_lock(&p->lock);
  pid_t pid = p->zygote;
  tdm_mutex_unlock(&p->lock);
  return pid;
}

void crew_await_workers(crew *c, size_t n) {
  while (rig_workers(&c->r) != n) sched_yield();
}

void strike(pid_t pid, int signal) {
  CHECK(pid > 1);
  kill(pid, signal); /* it may be gone already */
}

void await_death(pid_t pid) {
  char path[64], line[512];
  for (;; usleep(500)) {
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL) return;
    const char *got = fgets(line, sizeof line, f);
    const char *end = got != NULL ? strrchr(line, ')') : NULL;
    fclose(f);
    if (end == NULL || end[2] == 'Z') return;
  }
}

tdm_note note_of(const tdm_task *t) {
  tdm_note why;
  CHECK_INT(t->state, TDM_FAILED);
  CHECK(tdm_note_is(tdm_payload_bytes(&t->payload), t->payload.n));
  memcpy(&why, tdm_payload_bytes(&t->payload), sizeof why);
  return why;
}

enum tdm_state crew_do(crew *c, enum job job) {
  return rig_finish(&c->r, rig_submit(&c->r, job, "x", 1));
}

enum tdm_state crew_do_int(crew *c, enum job job, int n) {
  return rig_finish(&c->r, rig_submit(&c->r, job, &n, sizeof n));
}

uint64_t crew_restarts(crew *c) {
  tdm_tally *sum = tdm_mem_zero(sizeof *sum);
  CHECK(sum != NULL);
  tdm_executor_tally(c->r.e, sum);
  uint64_t n = sum->restarts;
  tdm_mem_free(sum);
  return n;
}
