/* What dies in a pool of worker processes, and what is made of it: a task at
 * most, and never the pool. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "crew.h"
#include "procs.h"

static tdm_task *submit_int(crew *c, enum job job, int n) {
  return rig_submit(&c->r, job, &n, sizeof n);
}

/* --- tasks that take their worker with them ------------------------------- */

static tdm_note crash(crew *c, enum job job, int n) {
  tdm_task *t = submit_int(c, job, n);
  CHECK_INT(rig_wait(&c->r, t), TDM_FAILED);
  tdm_note why = note_of(t);
  CHECK_INT(why.kind, TDM_NOTE_CRASHED);
  CHECK_INT(t->worker, why.worker);
  tdm_port_release(t);
  return why;
}

static void says_how_it_died(void) {
  static const int signals[] = {SIGKILL, SIGSEGV, SIGABRT, SIGTERM, SIGBUS};
  crew c;
  crew_open_with(&c, 1);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    pid_t pid;
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE); /* or that would be a storm */
    CHECK_INT(crew_pids(&c, &pid, 1), 1);
    tdm_note why = crash(&c, JOB_DIE, signals[i]);
    CHECK(why.status_known);
    CHECK_INT(why.pid, pid);
    CHECK_INT(why.worker, 1);
    CHECK(why.ran >= 0 && why.ran < 10);
    CHECK_INT(why.signal, signals[i]);
  }
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  tdm_note why = crash(&c, JOB_EXIT, 3);
  CHECK_INT(why.signal, 0);
  CHECK_INT(why.code, 3);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  CHECK_INT(crash(&c, JOB_EXIT, 0).code, 0);
  CHECK_INT(crew_restarts(&c), 7);
  crew_close(&c);
}

/* Only the culprit's task fails. */
static void costs_one_task(void) {
  enum { N = 300 };
  tdm_task *t[N];
  crew c;
  crew_open_with(&c, 3);
  for (int i = 0; i < N; i++)
    t[i] = submit_int(&c, i % 50 == 49 ? JOB_EXIT : JOB_ECHO, i);
  for (int i = 0; i < N; i++) {
    rig_wait(&c.r, t[i]);
    if (i % 50 == 49)
      CHECK_INT(note_of(t[i]).kind, TDM_NOTE_CRASHED);
    else
      CHECK(t[i]->state == TDM_DONE && payload_is(t[i], &i, sizeof i));
  }
  crew_close(&c);
}

static void retries_where_it_may(void) {
  crew c;
  crew_open_with(&c, 1);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  for (int needed = 1; needed <= 3; needed++) {
    tdm_task *t = rig_task(&c.r, JOB_ATTEMPT, &needed, sizeof needed);
    t->retries = 2;
    CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_OK);
    CHECK_INT(rig_wait(&c.r, t), TDM_DONE);
    CHECK(payload_is(t, &needed, sizeof needed));
    CHECK_INT(t->attempt, needed);
    tdm_port_release(t);
  }
  int needed = 4;
  tdm_task *t = rig_task(&c.r, JOB_ATTEMPT, &needed, sizeof needed);
  t->retries = 1;
  CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_OK);
  CHECK_INT(rig_wait(&c.r, t), TDM_FAILED);
  CHECK_INT(note_of(t).kind, TDM_NOTE_CRASHED);
  CHECK_INT(t->attempt, 2);
  crew_close(&c);
}

/* --- workers that are killed ---------------------------------------------- */

static void an_idle_one_is_replaced(void) {
  pid_t pid, next;
  crew c;
  crew_open_with(&c, 1);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  for (int i = 0; i < 10; i++) {
    rig_wait_asleep(&c.r, 1);
    CHECK_INT(crew_pids(&c, &pid, 1), 1);
    strike(pid, SIGKILL);
    if (i % 2) await_death(pid);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
    CHECK_INT(crew_pids(&c, &next, 1), 1);
    CHECK(pid != next);
  }
  CHECK(!c.r.e->broken);
  crew_close(&c);
}

static void a_running_one_fails_its_task(void) {
  door d;
  pid_t pid;
  crew c;
  crew_open_with(&c, 1);
  door_make(&d);
  tdm_task *t = rig_submit(&c.r, JOB_LOOP, &d.address, sizeof d.address);
  tdm_task *other = rig_submit(&c.r, JOB_ECHO, "x", 1);
  door_await(&d, 1);
  CHECK_INT(crew_pids(&c, &pid, 1), 1);
  strike(pid, SIGSTOP);
  strike(pid, SIGKILL);
  CHECK_INT(rig_wait(&c.r, t), TDM_FAILED);
  CHECK_INT(note_of(t).pid, pid);
  CHECK_INT(note_of(t).signal, SIGKILL);
  CHECK_INT(rig_wait(&c.r, other), TDM_DONE);
  door_fini(&d);
  crew_close(&c);
}

/* The death is seen by who polls the port's descriptor, too. */
static void a_death_signals_the_descriptor(void) {
  door d;
  pid_t pid;
  crew c;
  crew_open_with(&c, 1);
  door_make(&d);
  struct pollfd fd = {.fd = tdm_port_fileno(c.r.port), .events = POLLIN};
  tdm_task *t = rig_submit(&c.r, JOB_LOOP, &d.address, sizeof d.address);
  door_await(&d, 1);
  CHECK_INT(crew_pids(&c, &pid, 1), 1);
  strike(pid, SIGKILL);
  while (!(t->marks & TDM_SETTLED)) {
    CHECK_INT(poll(&fd, 1, -1), 1);
    tdm_port_clear_fd(c.r.port);
    tdm_port_drain(c.r.port);
  }
  CHECK_INT(note_of(t).kind, TDM_NOTE_CRASHED);
  door_fini(&d);
  crew_close(&c);
}

/* True if it hit somebody. */
static int kill_somebody(crew *c, unsigned *seed) {
  pid_t pids[8];
  size_t n = crew_pids(c, pids, 8);
  pid_t pid = n > 0 ? pids[check_random(seed, (unsigned)n)] : 0;
  if (pid <= 0) return 0; /* it is not forked yet */
  strike(pid, SIGKILL);
  return 1;
}

typedef struct sum {
  int done, crashed;
} sum;

static void count_outcomes(tdm_task *t, void *arg) {
  sum *s = arg;
  if (t->state == TDM_DONE) {
    s->done++;
    return;
  }
  CHECK_INT(note_of(t).kind, TDM_NOTE_CRASHED);
  s->crashed++;
}

/* Waits until so many are buried and somebody has got something done after
 * that, so that it is no storm. */
static void await_progress(crew *c, unsigned dead) {
  while (crew_restarts(c) < dead) sched_yield();
  while (crew_do(c, JOB_ECHO) != TDM_DONE) continue;
}

/* A thousand tasks and twenty kills at random: what is lost is what ran. */
static void random_kills(void) {
  enum { N = 1000, KILLS = 20 };
  size_t big = 100000;
  for (unsigned seed = 1; seed <= (unsigned)check_rounds(20); seed++) {
    unsigned random = seed;
    unsigned dead = 0;
    sum s = {0, 0};
    crew c;
    crew_open_with(&c, 4);
    for (int i = 0; i < N; i++) {
      if (i % 10 == 0)
        rig_submit(&c.r, JOB_BIG, &big, sizeof big);
      else
        submit_int(&c, JOB_ECHO, i);
      if (i % (N / KILLS) == 5) await_progress(&c, dead);
      if (i % (N / KILLS) == 45) dead += (unsigned)kill_somebody(&c, &random);
    }
    rig_wait_all(&c.r);
    tdm_slab_each(&c.r.port->slab, count_outcomes, &s);
    CHECK_INT(s.done + s.crashed, N);
    CHECK(s.crashed <= KILLS);
    crew_close(&c);
  }
}

/* --- storms and other ends ------------------------------------------------ */

static void a_storm_breaks_the_pool(void) {
  enum { N = 20 };
  tdm_task *t[N];
  int crashed = 0, refused = 0;
  crew c;
  crew_open_with(&c, 1);
  for (int i = 0; i < N; i++) {
    t[i] = rig_task(&c.r, JOB_EXIT, &i, sizeof i);
    if (tdm_executor_submit(c.r.e, t[i]) != TDM_OK) refused++;
  }
  rig_wait_all(&c.r);
  for (int i = 0; i < N - refused; i++) {
    tdm_note why = note_of(t[i]);
    crashed += why.kind == TDM_NOTE_CRASHED;
    CHECK(why.kind == TDM_NOTE_CRASHED || why.kind == TDM_NOTE_STORM);
    CHECK(why.status_known);
  }
  CHECK_INT(crashed, 3);
  tdm_task *late = rig_task(&c.r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(c.r.e, late), TDM_BROKEN);
  CHECK(tdm_note_is(c.r.e->cause.p, c.r.e->cause.n));
  crew_close(&c);
}

/* A result in between is a sign of life. */
static void no_storm_where_work_gets_done(void) {
  crew c;
  crew_open_with(&c, 1);
  for (int i = 0; i < 10; i++) {
    crash(&c, JOB_EXIT, 1);
    crash(&c, JOB_EXIT, 1);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  }
  crew_close(&c);
}

static void opens_with(crew *c, const char *program) {
  tdm_settings s = rig_settings(2);
  snprintf(s.program, sizeof s.program, "%s", program);
  crew_open(c, &s);
}

static void no_program(void) {
  crew c;
  opens_with(&c, "/nowhere/at/all");
  tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
  for (int i = 0; i < 5; i++) {
    CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_LIMIT);
    CHECK(strstr(c.r.e->trouble, "/nowhere/at/all") != NULL);
    CHECK(strstr(c.r.e->trouble, strerror(ENOENT)) != NULL);
  }
  CHECK_INT(c.r.port->away, 0);
  crew_close(&c);
}

/* A program that ends at once: the pool breaks, and each task until then was
 * refused or learns of it. */
static void a_wrong_program(const char *program) {
  crew c;
  opens_with(&c, program);
  while (!tdm_load_total(&c.r.e->broken)) {
    tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
    int err = tdm_executor_submit(c.r.e, t);
    CHECK(err == TDM_OK || err == TDM_BROKEN || err == TDM_LIMIT);
    if (err == TDM_OK) CHECK_INT(rig_wait(&c.r, t), TDM_FAILED);
    if (err == TDM_OK) note_of(t);
  }
  crew_close(&c);
}

static void a_program_that_ends_well(void) { a_wrong_program("/bin/true"); }
static void a_program_that_ends_badly(void) { a_wrong_program("/bin/false"); }

/* It may even be dead before it is told to fork, and before anybody has heard
 * of that: all the same it is why there is no worker. */
static void dies_before_its_first_order(void) {
  for (int i = 0; i < 20; i++) {
    crew c;
    opens_with(&c, "/bin/false");
    tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
    CHECK_INT(c.r.e->ops->open(c.r.e, t), TDM_OK);
    tdm_procs *p = tdm_procs_of(c.r.e);
    tdm_mutex_lock(&p->lock);
    if (p->control >= 0) {
      await_death(p->zygote);
      CHECK_INT(tdm_procs_start_locked(p), TDM_OK);
    }
    tdm_mutex_unlock(&p->lock);
    while (!tdm_load_total(&c.r.e->broken)) sched_yield();
    CHECK(strstr(c.r.e->trouble, "exited with code 1") != NULL);
    tdm_port_release(t);
    crew_close(&c);
  }
}

/* --- initializers --------------------------------------------------------- */

enum order { AS_IT_COMES, BREAKS_FIRST, ORDERS };

/* The zygote needs no task to fail. */
static void await_broken(crew *c, tdm_task *t) {
  CHECK_INT(c->r.e->ops->open(c->r.e, t), TDM_OK);
  while (!tdm_load_total(&c->r.e->broken)) sched_yield();
}

/* The pool may break before its first task is there, which is then refused. */
static void breaks_by(crew *c, enum tdm_error error, enum order order) {
  crew_open_with(c, 2);
  c->r.recipe.error = error;
  c->r.recipe.opens_to_pass = 0;
  c->r.recipe.opens_to_fail = 1 << 30;
  tdm_task *t = rig_task(&c->r, JOB_ECHO, "x", 1);
  if (order == BREAKS_FIRST) await_broken(c, t);
  int err = tdm_executor_submit(c->r.e, t);
  if (err == TDM_OK) {
    CHECK_INT(rig_wait(&c->r, t), TDM_FAILED);
    CHECK(payload_is(t, c->r.e->cause.p, c->r.e->cause.n));
  } else {
    CHECK_INT(err, TDM_BROKEN);
  }
  tdm_port_release(t);
  t = rig_task(&c->r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(c->r.e, t), TDM_BROKEN);
  tdm_port_release(t);
}

static void a_failing_initializer_breaks_the_pool(void) {
  for (enum order order = 0; order < ORDERS; order++) {
    crew c;
    breaks_by(&c, TDM_BROKEN, order);
    const tdm_buf *why = &c.r.e->cause;
    CHECK_INT(why->n, strlen(JOBS_CAUSE));
    CHECK(memcmp(why->p, JOBS_CAUSE, why->n) == 0);
    crew_close(&c);
  }
}

static void no_memory_for_a_zygote(void) {
  for (enum order order = 0; order < ORDERS; order++) {
    tdm_note why;
    crew c;
    breaks_by(&c, TDM_NOMEM, order);
    CHECK(tdm_note_is(c.r.e->cause.p, c.r.e->cause.n));
    memcpy(&why, c.r.e->cause.p, sizeof why);
    CHECK_INT(why.kind, TDM_NOTE_NO_WORKER);
    crew_close(&c);
  }
}

/* --- the zygote ----------------------------------------------------------- */

static void await_new_zygote(crew *c, pid_t old) {
  pid_t pid;
  do CHECK_INT(crew_do(c, JOB_ECHO), TDM_DONE);
  while (pid = crew_zygote(c), pid == old && kill(pid, 0) == 0);
}

/* Its workers go on; it is replaced when another worker is needed. */
static void the_zygote_is_replaced(void) {
  pid_t worker;
  crew c;
  crew_open_with(&c, 1);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  for (int i = 0; i < 5; i++) {
    pid_t old = crew_zygote(&c);
    strike(old, SIGKILL);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
    CHECK_INT(crew_pids(&c, &worker, 1), 1);
    strike(worker, SIGKILL);
    await_new_zygote(&c, old);
    CHECK(crew_zygote(&c) != old);
  }
  CHECK(!c.r.e->broken);
  crew_close(&c);
}

static void zygote_and_worker_die_under_a_task(void) {
  door d;
  pid_t worker;
  crew c;
  crew_open_with(&c, 1);
  door_make(&d);
  for (int i = 0; i < 5; i++) {
    tdm_task *t = rig_submit(&c.r, JOB_LOOP, &d.address, sizeof d.address);
    door_await(&d, 1);
    CHECK_INT(crew_pids(&c, &worker, 1), 1);
    strike(crew_zygote(&c), SIGKILL);
    strike(worker, SIGKILL);
    CHECK_INT(rig_wait(&c.r, t), TDM_FAILED);
    CHECK_INT(note_of(t).pid, worker);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  }
  door_fini(&d);
  crew_close(&c);
}

/* At any moment of a start, and of an end. */
static void zygotes_die_at_random(void) {
  unsigned seed = 11;
  for (long i = check_rounds(200); i > 0; i--) {
    crew c;
    crew_open_with(&c, 3);
    for (int k = 0; k < 10; k++) submit_int(&c, JOB_ECHO, k);
    for (unsigned k = check_random(&seed, 40000); k > 0; k--) tdm_pause();
    pid_t pid = crew_zygote(&c);
    if (pid > 0) strike(pid, SIGKILL);
    rig_wait_all(&c.r);
    CHECK(!c.r.e->broken);
    sum s = {0, 0};
    tdm_slab_each(&c.r.port->slab, count_outcomes, &s);
    CHECK_INT(s.done, 10);
    crew_close(&c);
  }
}

/* --- the host ------------------------------------------------------------- */

typedef struct family {
  pid_t zygote, workers[3];
} family;

/* A host that has all its workers in loops, and tells who they are. */
static void be_host(int out) {
  family f;
  door d;
  crew c;
  crew_open_with(&c, 3);
  door_make(&d);
  for (int i = 0; i < 3; i++)
    rig_submit(&c.r, i == 0 ? JOB_DOOR : JOB_LOOP, &d.address,
               sizeof d.address);
  door_await(&d, 3);
  f.zygote = crew_zygote(&c);
  CHECK_INT(crew_pids(&c, f.workers, 3), 3);
  CHECK_INT(write(out, &f, sizeof f), sizeof f);
  for (;;) pause();
}

/* Whatever they do, nobody outlives a host. */
static void nobody_outlives_the_host(void) {
  family f;
  int ends[2];
  CHECK_INT(pipe(ends), 0);
  belongings before = belongings_now();
  pid_t host = fork();
  if (host == 0) be_host(ends[1]);
  CHECK_INT(read(ends[0], &f, sizeof f), sizeof f);
  strike(host, SIGKILL);
  CHECK_INT(waitpid(host, NULL, 0), host);
  await_death(f.zygote);
  for (int i = 0; i < 3; i++) await_death(f.workers[i]);
  belongings_check(before);
}

/* A host that reaps whatever there is, or nothing at all. */
static void a_host_that_reaps_all(void) {
  pid_t pid;
  crew c;
  signal(SIGCHLD, SIG_IGN);
  crew_open_with(&c, 1);
  for (int i = 0; i < 5; i++) {
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
    crash(&c, JOB_EXIT, 1);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
    CHECK_INT(crew_pids(&c, &pid, 1), 1);
    strike(crew_zygote(&c), SIGKILL);
    strike(pid, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  crew_close(&c);
}

static void a_host_without_stdio(void) {
  int saved = dup(1);
  crew c;
  CHECK(saved > 2);
  for (int fd = 0; fd <= 2; fd++) close(fd);
  crew_open_with(&c, 2);
  for (int i = 0; i < 10; i++) CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  for (int fd = 0; fd <= 2; fd++) CHECK(close(fd) < 0); /* nothing is there */
  crew_close(&c);
  CHECK_INT(dup2(saved, 1), 1);
}

TESTS(TEST(says_how_it_died), TEST(costs_one_task), TEST(retries_where_it_may),
      TEST(an_idle_one_is_replaced), TEST(a_running_one_fails_its_task),
      TEST(a_death_signals_the_descriptor), SLOW_TEST(random_kills, 60),
      TEST(a_storm_breaks_the_pool), TEST(no_storm_where_work_gets_done),
      TEST(no_program), TEST(a_program_that_ends_well),
      TEST(a_program_that_ends_badly), TEST(dies_before_its_first_order),
      TEST(a_failing_initializer_breaks_the_pool), TEST(no_memory_for_a_zygote),
      TEST(the_zygote_is_replaced), TEST(zygote_and_worker_die_under_a_task),
      SLOW_TEST(zygotes_die_at_random, 60), TEST(nobody_outlives_the_host),
      TEST(a_host_that_reaps_all), TEST(a_host_without_stdio))
