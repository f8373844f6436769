/* Threads whose run does not end though it was told to: the task is given up,
 * the pool goes on, and a thread that comes back does no harm. */
#include <sched.h>

#include "check.h"
#include "jobs.h"

static void open_with(rig *r, unsigned workers) {
  tdm_settings s = rig_settings(workers);
  rig_open(r, tdm_threads_new, &s);
}

static unsigned lost(rig *r) { return r->e->ops->lost(r->e); }

static void await_none_lost(rig *r) {
  while (lost(r) != 0) sched_yield();
}

/* A task that stands at the gate, and has been given up. */
static tdm_task *lose_one(rig *r, gate *g, int entered) {
  tdm_task *t = rig_submit_to(r, JOB_GATE, g);
  gate_await(g, entered);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK_INT(rig_wait(r, t), TDM_CANCELLED);
  return t;
}

static void the_pool_goes_on(void) {
  gate g = GATE_SHUT;
  rig r;
  open_with(&r, 1);
  for (int i = 1; i <= 3; i++) {
    lose_one(&r, &g, i);
    CHECK_INT(lost(&r), i);
    CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
    CHECK_INT(rig_workers(&r), i + 1);
  }
  rig_check_tally(&r, 3, 3, 0);
  gate_open(&g);
  await_none_lost(&r);
  rig_check_tally(&r, 3, 3, 0);
  CHECK_INT(rig_workers(&r), 1);
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  rig_close(&r);
}

/* What waits in the queue gets another worker as soon as this one is lost. */
static void the_queue_goes_on(void) {
  gate g = GATE_SHUT;
  atomic_long ran = 0;
  rig r;
  open_with(&r, 1);
  tdm_task *t = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  for (int i = 0; i < 100; i++) rig_submit_to(&r, JOB_COUNT, &ran);
  CHECK(tdm_executor_try_interrupt(t));
  rig_wait_all(&r);
  CHECK_INT(ran, 100);
  CHECK_INT(t->state, TDM_CANCELLED);
  CHECK_INT(lost(&r), 1);
  gate_open(&g);
  rig_close(&r);
}

/* The slot of the task is another's when the thread comes back, or nobody's: in
 * a debug build it is freed. */
static void a_late_return_touches_no_other_task(void) {
  gate g = GATE_SHUT, h = GATE_SHUT;
  rig r;
  open_with(&r, 1);
  tdm_task *t = lose_one(&r, &g, 1);
  tdm_port_release(t);
  tdm_task *next = rig_submit_to(&r, JOB_GATE, &h);
  gate_await(&h, 1);
  gate_open(&g);
  await_none_lost(&r);
  CHECK_INT(next->state, TDM_RUNNING);
  CHECK(!(next->marks & TDM_SETTLED));
  gate_open(&h);
  CHECK_INT(rig_finish(&r, next), TDM_DONE);
  rig_check_tally(&r, 1, 1, 0);
  rig_close(&r);
}

/* It may be all that is left of a pool, which is over, but not freed. */
static void outlives_the_end_of_the_pool(void) {
  gate g = GATE_SHUT;
  rig r;
  open_with(&r, 2);
  lose_one(&r, &g, 1);
  rig_end(&r);
  CHECK(tdm_executor_is_over(r.e));
  CHECK_INT(lost(&r), 1);
  gate_open(&g);
  await_none_lost(&r);
  CHECK(tdm_executor_is_over(r.e));
  rig_close(&r);
}

/* Given up while the pool waits for its end. */
static void is_lost_while_the_pool_closes(void) {
  gate g = GATE_SHUT;
  rig r;
  open_with(&r, 1);
  tdm_task *t = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  tdm_executor_close(r.e);
  tdm_executor_interrupt(r.e);
  rig_end(&r);
  CHECK_INT(t->state, TDM_CANCELLED);
  CHECK_INT(lost(&r), 1);
  gate_open(&g);
  rig_close(&r);
}

static void at_its_limit(void) {
  gate g = GATE_SHUT;
  void *at = &g;
  rig r;
  open_with(&r, 1);
  tdm_task *t = rig_task(&r, JOB_GATE, &at, sizeof at);
  t->limit = 0.01f;
  CHECK_INT(r.e->ops->keep_time(r.e), TDM_OK);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_OK);
  CHECK_INT(rig_wait(&r, t), TDM_EXPIRED);
  CHECK_INT(t->payload.n, 0);
  CHECK(t->limit > 0.009f && t->limit < 0.011f); /* for the message */
  rig_check_tally(&r, 0, 0, 1);
  gate_open(&g);
  await_none_lost(&r);
  rig_check_tally(&r, 0, 0, 1);
  rig_close(&r);
}

/* Cancelled by hand after its time was over: the promise counts. */
static void at_its_limit_and_by_hand(void) {
  gate g = GATE_SHUT;
  void *at = &g;
  rig r;
  open_with(&r, 1);
  tdm_task *t = rig_task(&r, JOB_GATE, &at, sizeof at);
  t->limit = 1e-9f;
  CHECK_INT(r.e->ops->keep_time(r.e), TDM_OK);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_OK);
  gate_await(&g, 1);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK_INT(rig_wait(&r, t), TDM_CANCELLED);
  rig_check_tally(&r, 0, 1, 0);
  gate_open(&g);
  rig_close(&r);
}

/* Those that end just when they are given up. Either way the task is cancelled,
 * once. */
static void giving_up_races_the_return(void) {
  enum { WORKERS = 6, ROUNDS = 15, ALL = ROUNDS * WORKERS };
  unsigned seed = 41;
  rig r;
  open_with(&r, WORKERS);
  for (int i = 0; i < ROUNDS; i++) {
    tdm_task *t[WORKERS];
    for (int k = 0; k < WORKERS; k++) {
      int late = (int)(TDM_GRACE / 1000) - 500 + (int)check_random(&seed, 4000);
      t[k] = rig_submit(&r, JOB_HEED, &late, sizeof late);
    }
    for (int k = 0; k < WORKERS; k++)
      while (tdm_executor_state(t[k]) != TDM_RUNNING) sched_yield();
    for (int k = 0; k < WORKERS; k++) CHECK(tdm_executor_try_interrupt(t[k]));
    for (int k = 0; k < WORKERS; k++)
      CHECK_INT(rig_finish(&r, t[k]), TDM_CANCELLED);
    await_none_lost(&r);
  }
  rig_check_tally(&r, 0, ALL, 0);
  rig_close(&r);
}

TESTS(TEST(the_pool_goes_on), TEST(the_queue_goes_on),
      TEST(a_late_return_touches_no_other_task),
      TEST(outlives_the_end_of_the_pool), TEST(is_lost_while_the_pool_closes),
      TEST(at_its_limit), TEST(at_its_limit_and_by_hand),
      SLOW_TEST(giving_up_races_the_return, 60))
