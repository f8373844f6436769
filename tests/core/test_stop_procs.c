/* Stopping what worker processes run: told first, killed where that does not
 * help. Each task ends once, and in the way that was promised. */
#include <sched.h>
#include <signal.h>

#include "check.h"
#include "crew.h"
#include "procs.h"

/* Loops until it is interrupted. */
static tdm_task *submit_loop(crew *c) {
  int at_once = 0;
  return rig_submit(&c->r, JOB_HEED, &at_once, sizeof at_once);
}

static void await_running(tdm_task *t) {
  while (tdm_executor_state(t) != TDM_RUNNING) sched_yield();
}

/* A task that has begun, and does not look up; to be run again if its worker
 * dies, but not where it was to be stopped. */
static tdm_task *start_deaf(crew *c, door *d, float limit) {
  door_make(d);
  tdm_task *t = rig_task(&c->r, JOB_LOOP, &d->address, sizeof d->address);
  t->limit = limit;
  t->retries = 3;
  CHECK_INT(tdm_executor_submit(c->r.e, t), TDM_OK);
  door_await(d, 1);
  return t;
}

/* --- one that looks up ---------------------------------------------------- */

static void stops_what_runs(void) {
  crew c;
  pid_t before, after;
  tdm_worker_set_grace(RIG_LONG_GRACE);
  crew_open_with(&c, 1);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  CHECK_INT(crew_pids(&c, &before, 1), 1);
  for (int i = 0; i < 10; i++) {
    tdm_task *t = submit_loop(&c);
    await_running(t);
    CHECK(tdm_executor_try_interrupt(t));
    CHECK_INT(rig_wait(&c.r, t), TDM_CANCELLED);
    CHECK_INT(t->payload.n, 0);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  }
  rig_check_tally(&c.r, 11, 10, 0);
  CHECK_INT(crew_pids(&c, &after, 1), 1);
  CHECK_INT(after, before);
  crew_close(&c);
}

static void stops_a_sleep(void) {
  crew c;
  door d;
  tdm_worker_set_grace(RIG_LONG_GRACE);
  crew_open_with(&c, 1);
  door_make(&d);
  tdm_task *t = rig_submit(&c.r, JOB_NAP, &d.address, sizeof d.address);
  door_await(&d, 1);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK_INT(rig_wait(&c.r, t), TDM_CANCELLED);
  CHECK_INT(crew_restarts(&c), 0);
  door_fini(&d);
  crew_close(&c);
}

/* The promise holds even where the task comes to its end, with a result that
 * has a block of its own. */
static void is_cancelled_though_it_succeeds(void) {
  size_t n = 3000000;
  crew c;
  tdm_worker_set_grace(RIG_LONG_GRACE);
  crew_open_with(&c, 1);
  for (int i = 0; i < 20; i++) {
    tdm_task *t = rig_submit(&c.r, JOB_BIG, &n, sizeof n);
    await_running(t);
    int promised = tdm_executor_try_interrupt(t);
    CHECK_INT(rig_finish(&c.r, t), promised ? TDM_CANCELLED : TDM_DONE);
  }
  CHECK_INT(crew_restarts(&c), 0);
  crew_close(&c);
}

static void stops_no_other(void) {
  enum { N = 3 };
  tdm_task *t[N];
  crew c;
  crew_open_with(&c, N);
  for (int i = 0; i < N; i++) t[i] = submit_loop(&c);
  for (int i = 0; i < N; i++) await_running(t[i]);
  for (int i = 0; i < N; i++) {
    CHECK(tdm_executor_try_interrupt(t[i]));
    CHECK_INT(rig_wait(&c.r, t[i]), TDM_CANCELLED);
    tdm_port_drain(c.r.port);
    for (int k = i + 1; k < N; k++) CHECK(!(t[k]->marks & TDM_SETTLED));
  }
  rig_check_tally(&c.r, 0, N, 0);
  crew_close(&c);
}

static void ends_at_its_limit(void) {
  int at_once = 0;
  crew c;
  crew_open_with(&c, 1);
  for (int i = 0; i < 10; i++) {
    tdm_task *t = rig_task(&c.r, JOB_HEED, &at_once, sizeof at_once);
    t->limit = i % 2 ? 0.003f : 1e-9f;
    CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_OK);
    enum tdm_state state = rig_wait(&c.r, t);
    CHECK(state == TDM_FAILED || state == TDM_EXPIRED); /* not in time */
    if (state == TDM_FAILED) CHECK(payload_is(t, "out of time", 11));
  }
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  rig_check_tally(&c.r, 1, 0, 10);
  crew_close(&c);
}

/* --- one that does not ---------------------------------------------------- */

static void kills_who_does_not_look_up(void) {
  crew c;
  door d;
  pid_t pid;
  crew_open_with(&c, 1);
  tdm_task *t = start_deaf(&c, &d, 0);
  CHECK_INT(crew_pids(&c, &pid, 1), 1);
  tdm_task *next = rig_submit(&c.r, JOB_ECHO, "x", 1);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK_INT(rig_wait(&c.r, t), TDM_CANCELLED);
  await_death(pid);
  CHECK_INT(rig_finish(&c.r, next), TDM_DONE);
  rig_check_tally(&c.r, 1, 1, 0);
  CHECK_INT(crew_restarts(&c), 1);
  door_fini(&d);
  crew_close(&c);
}

static void kills_at_the_limit(void) {
  crew c;
  door d;
  crew_open_with(&c, 1);
  tdm_task *t = start_deaf(&c, &d, 0.01f);
  CHECK_INT(rig_wait(&c.r, t), TDM_EXPIRED);
  CHECK_INT(t->payload.n, 0);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  rig_check_tally(&c.r, 1, 0, 1);
  door_fini(&d);
  crew_close(&c);
}

/* A worker that dies while it is told to end is nobody's fault. */
static void dies_while_it_is_stopped(void) {
  crew c;
  door d;
  pid_t pid;
  crew_open_with(&c, 1);
  tdm_task *t = start_deaf(&c, &d, 0);
  CHECK_INT(crew_pids(&c, &pid, 1), 1);
  CHECK(tdm_executor_try_interrupt(t));
  strike(pid, SIGKILL);
  CHECK_INT(rig_wait(&c.r, t), TDM_CANCELLED);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  rig_check_tally(&c.r, 1, 1, 0);
  door_fini(&d);
  crew_close(&c);
}

static void kill_comes_after_interrupt(void) {
  crew c;
  door d;
  crew_open_with(&c, 1);
  tdm_task *t = start_deaf(&c, &d, 0);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK(tdm_executor_try_kill(t));
  CHECK(t->marks & TDM_SETTLED);
  CHECK_INT(t->state, TDM_CANCELLED);
  CHECK(!tdm_executor_try_interrupt(t));
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  door_fini(&d);
  crew_close(&c);
}

/* --- races ---------------------------------------------------------------- */

enum { ROUNDS = 100000 };

static void pause_at_random(unsigned *seed, unsigned most) {
  for (unsigned k = check_random(seed, most); k > 0; k--) tdm_pause();
}

/* A short task, and one that ends only if the order reaches it. */
static void each_has_one_outcome(void) {
  unsigned seed = 43;
  uint64_t done = 0, cancelled = 0;
  crew c;
  tdm_worker_set_grace(RIG_LONG_GRACE);
  crew_open_with(&c, 2);
  for (long i = 0; i < ROUNDS; i++) {
    int loops = i % 8 == 0;
    tdm_task *t =
        loops ? submit_loop(&c) : rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
    pause_at_random(&seed, i % 2 ? 30 : 400);
    int promised = tdm_executor_try_interrupt(t);
    CHECK(promised || !loops);
    enum tdm_state state = rig_wait(&c.r, t);
    CHECK_INT(state, promised ? TDM_CANCELLED : TDM_DONE);
    if (!promised) CHECK(payload_is(t, &i, sizeof i));
    tdm_port_release(t);
    done += !promised;
    cancelled += (uint64_t)promised;
  }
  rig_check_tally(&c.r, done, cancelled - c.r.e->cancelled, 0);
  CHECK_INT(crew_restarts(&c), 0);
  crew_close(&c);
}

/* --- all at once ---------------------------------------------------------- */

static void ends_with_the_pool(void) {
  tdm_task *t[3];
  crew c;
  crew_open_with(&c, 3);
  for (int i = 0; i < 3; i++) t[i] = submit_loop(&c);
  for (int i = 0; i < 3; i++) await_running(t[i]);
  tdm_executor_interrupt(c.r.e);
  for (int i = 0; i < 3; i++) CHECK_INT(rig_wait(&c.r, t[i]), TDM_CANCELLED);
  rig_check_tally(&c.r, 0, 3, 0);
  crew_close(&c);
}

/* Until the manager has looked, and found nobody to look after. */
static void await_nothing_to_watch(crew *c) {
  tdm_share *s = tdm_procs_of(c->r.e)->share;
  while (tdm_load_total(&s->next_look) != TDM_FOREVER) sched_yield();
}

/* Claimed before, begun after the manager has looked. */
static void so_does_what_begins_later(void) {
  crew c;
  crew_open_with(&c, 2);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  tdm_executor_interrupt(c.r.e);
  for (int i = 0; i < 20; i++) {
    await_nothing_to_watch(&c);
    CHECK_INT(rig_finish(&c.r, submit_loop(&c)), TDM_CANCELLED);
  }
  crew_close(&c);
}

TESTS(TEST(stops_what_runs), TEST(stops_a_sleep),
      TEST(is_cancelled_though_it_succeeds), TEST(stops_no_other),
      TEST(ends_at_its_limit), TEST(kills_who_does_not_look_up),
      TEST(kills_at_the_limit), TEST(dies_while_it_is_stopped),
      TEST(kill_comes_after_interrupt), SLOW_TEST(each_has_one_outcome, 120),
      TEST(ends_with_the_pool), TEST(so_does_what_begins_later))
