/* Stopping what threads run: by hand, for want of time, with the pool. Each
 * task ends once, and in the way that was promised. */
#include <math.h>
#include <sched.h>

#include "check.h"
#include "jobs.h"
#include "shortage.h"

static void open_with(rig *r, unsigned workers) {
  tdm_settings s = rig_settings(workers);
  rig_open(r, tdm_threads_new, &s);
}

/* Loops until it is interrupted, and so many microseconds longer. */
static tdm_task *submit_loop(rig *r, int late) {
  return rig_submit(r, JOB_HEED, &late, sizeof late);
}

static tdm_task *submit_limited(rig *r, enum job job, const void *arg, size_t n,
                                float limit) {
  tdm_task *t = rig_task(r, job, arg, n);
  t->limit = limit;
  CHECK_INT(r->e->ops->keep_time(r->e), TDM_OK);
  CHECK_INT(tdm_executor_submit(r->e, t), TDM_OK);
  return t;
}

/* On a busy machine one may not even have come to look up in time. */
static void check_out_of_time(rig *r, tdm_task *t) {
  enum tdm_state state = rig_wait(r, t);
  CHECK(state == TDM_FAILED || state == TDM_EXPIRED);
  if (state == TDM_FAILED) CHECK(payload_is(t, "out of time", 11));
}

static void await_running(tdm_task *t) {
  while (tdm_executor_state(t) != TDM_RUNNING) sched_yield();
}

/* --- one that is told to end ---------------------------------------------- */

static void stops_what_runs(void) {
  rig r;
  open_with(&r, 1);
  for (int i = 0; i < 10; i++) {
    tdm_task *t = submit_loop(&r, 0);
    await_running(t);
    CHECK(!tdm_executor_try_cancel(t));
    CHECK(tdm_executor_try_interrupt(t));
    CHECK_INT(tdm_executor_state(t), TDM_RUNNING); /* until it is back */
    CHECK_INT(rig_wait(&r, t), TDM_CANCELLED);
    CHECK(!tdm_executor_try_interrupt(t));
    CHECK_INT(t->payload.n, 0);
    CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  }
  rig_check_tally(&r, 10, 10, 0);
  rig_close(&r);
}

/* The promise holds even where the task comes to its end. */
static void is_cancelled_though_it_succeeds(void) {
  gate g = GATE_SHUT;
  rig r;
  open_with(&r, 1);
  tdm_task *t = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  CHECK(tdm_executor_try_interrupt(t));
  gate_open(&g);
  CHECK_INT(rig_wait(&r, t), TDM_CANCELLED);
  rig_check_tally(&r, 0, 1, 0);
  rig_close(&r);
}

static void stops_a_sleep(void) {
  gate g = GATE_SHUT;
  rig r;
  open_with(&r, 1);
  gate_open(&g);
  tdm_task *t = rig_submit_to(&r, JOB_SLEEP, &g);
  gate_await(&g, 1);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK_INT(rig_wait(&r, t), TDM_CANCELLED);
  rig_close(&r);
}

static void stops_no_other(void) {
  enum { N = 4 };
  tdm_task *t[N];
  rig r;
  open_with(&r, N);
  for (int i = 0; i < N; i++) t[i] = submit_loop(&r, 0);
  for (int i = 0; i < N; i++) await_running(t[i]);
  for (int i = 0; i < N; i++) {
    CHECK(tdm_executor_try_interrupt(t[i]));
    CHECK_INT(rig_wait(&r, t[i]), TDM_CANCELLED);
    tdm_port_drain(r.port);
    for (int k = i + 1; k < N; k++) CHECK(!(t[k]->marks & TDM_SETTLED));
  }
  rig_check_tally(&r, 0, N, 0);
  rig_close(&r);
}

/* Without a keeper it is not promised, and the task goes on. */
static void no_thread_for_a_keeper(void) {
  gate g = GATE_SHUT;
  rig r;
  open_with(&r, 1);
  tdm_task *t = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  shortage_of_threads(0);
  CHECK_INT(r.e->ops->keep_time(r.e), TDM_LIMIT);
  CHECK(!tdm_executor_try_interrupt(t));
  CHECK_INT(t->state, TDM_RUNNING);
  tdm_executor_interrupt(r.e);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, t), TDM_DONE);
  shortage_of_threads(-1);
  t = submit_loop(&r, 0);
  await_running(t);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK_INT(rig_wait(&r, t), TDM_CANCELLED);
  rig_close(&r);
}

/* --- races ---------------------------------------------------------------- */

enum { ROUNDS = 100000 };

typedef struct score {
  uint64_t cancelled, done;
} score;

/* Waits for the task's outcome, which has to be the promised one. */
static void settle(rig *r, tdm_task *t, int promised, score *s) {
  enum tdm_state state = rig_finish(r, t);
  CHECK(state == TDM_DONE || state == TDM_CANCELLED);
  if (promised) CHECK_INT(state, TDM_CANCELLED);
  if (!promised) CHECK_INT(state, TDM_DONE);
  s->cancelled += state == TDM_CANCELLED;
  s->done += state == TDM_DONE;
}

static void check_score(rig *r, const score *s, long all) {
  CHECK_INT(s->done + s->cancelled, all);
  rig_check_tally(r, s->done, s->cancelled - r->e->cancelled, 0);
}

static void pause_at_random(unsigned *seed, unsigned most) {
  for (unsigned k = check_random(seed, most); k > 0; k--) tdm_pause();
}

/* A short task: the interrupt comes before its claim, while it runs, or when it
 * is on its way home; and then another one. */
static void races_start_and_finish(void) {
  unsigned seed = 23;
  score s = {0};
  rig r;
  open_with(&r, 2);
  for (long i = 0; i < ROUNDS; i++) {
    tdm_task *t = rig_submit(&r, JOB_ECHO, &i, sizeof i);
    pause_at_random(&seed, i % 2 ? 30 : 400);
    int promised = tdm_executor_try_interrupt(t);
    if (promised && !(t->marks & TDM_SETTLED))
      CHECK(!tdm_executor_try_interrupt(t)); /* one has been enough */
    settle(&r, t, promised, &s);
  }
  check_score(&r, &s, ROUNDS);
  rig_close(&r);
}

/* A task that ends only if the order reaches it: were one lost, or taken for
 * that of the task before it, this would go on for ever. */
static void no_order_is_lost(void) {
  unsigned seed = 29;
  score s = {0};
  rig r;
  open_with(&r, 1);
  for (long i = 0; i < ROUNDS; i++) {
    tdm_task *before = rig_submit(&r, JOB_ECHO, &i, sizeof i);
    tdm_task *t = submit_loop(&r, 0);
    pause_at_random(&seed, 400);
    int early = i % 2 ? tdm_executor_try_interrupt(before) : 0;
    CHECK(tdm_executor_try_interrupt(t));
    settle(&r, before, early, &s);
    settle(&r, t, 1, &s);
  }
  check_score(&r, &s, 2L * ROUNDS);
  rig_close(&r);
}

/* Orders for one worker, by several threads: a later run is never forgotten
 * for the sake of an earlier one. */
typedef struct orders {
  tdm_stop stop;
  atomic_uint_least64_t run;
  atomic_int end;
} orders;

static void *order_what_was(void *arg) {
  orders *o = arg;
  while (!tdm_load_total(&o->end)) {
    uint64_t run = tdm_load_total(&o->run);
    if (run > 1) tdm_stop_order(&o->stop, run - 1, TDM_WHY_TIMEOUT);
  }
  return NULL;
}

static void a_late_order_takes_none_back(void) {
  static orders o;
  tdm_ctl ctl = {.stop = &o.stop};
  pthread_t late;
  CHECK_INT(pthread_create(&late, NULL, order_what_was, &o), 0);
  for (uint64_t run = 1; run <= ROUNDS; run++) {
    ctl.run = run;
    tdm_store_total(&o.run, run);
    CHECK_INT(tdm_ctl_why(&ctl), TDM_WHY_NOT);
    tdm_stop_order(&o.stop, run, TDM_WHY_CANCEL);
    for (int i = 0; i < 20; i++) CHECK_INT(tdm_ctl_why(&ctl), TDM_WHY_CANCEL);
  }
  tdm_store_total(&o.end, 1);
  pthread_join(late, NULL);
}

/* --- limits --------------------------------------------------------------- */

static void ends_at_its_limit(void) {
  int at_once = 0;
  rig r;
  open_with(&r, 1);
  for (int i = 0; i < 10; i++) {
    tdm_task *t = submit_limited(&r, JOB_HEED, &at_once, sizeof at_once,
                                 i % 2 ? 0.003f : 1e-9f);
    check_out_of_time(&r, t);
  }
  rig_check_tally(&r, 0, 0, 10);
  rig_close(&r);
}

/* An earlier limit than all those that the keeper knows of. */
static void the_shortest_limit_comes_first(void) {
  int at_once = 0;
  rig r;
  open_with(&r, 2);
  tdm_task *slow = submit_limited(&r, JOB_HEED, &at_once, sizeof at_once, 3600);
  await_running(slow);
  tdm_task *t = submit_limited(&r, JOB_HEED, &at_once, sizeof at_once, 0.01f);
  check_out_of_time(&r, t);
  CHECK(tdm_executor_try_interrupt(slow));
  CHECK_INT(rig_wait(&r, slow), TDM_CANCELLED);
  rig_close(&r);
}

/* Held at the gate while the keeper has looked at it for certain. */
static void is_no_limit(float limit) {
  gate g = GATE_SHUT;
  void *at = &g;
  int at_once = 0;
  rig r;
  open_with(&r, 2);
  tdm_task *t = submit_limited(&r, JOB_GATE, &at, sizeof at, limit);
  gate_await(&g, 1);
  tdm_task *short_one =
      submit_limited(&r, JOB_HEED, &at_once, sizeof at_once, 0.001f);
  check_out_of_time(&r, short_one);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, t), TDM_DONE);
  rig_close(&r);
}

static void limits_that_are_none(void) {
  static const float none[] = {0,   -0.0f, -1,      -INFINITY,
                               NAN, 1e10f, 3.4e38f, INFINITY};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) is_no_limit(none[i]);
}

/* Limits about as long as the task takes, and an interrupt besides. */
static void limits_race_the_end(void) {
  unsigned seed = 31;
  uint64_t out[TDM_EXPIRED + 1] = {0};
  long rounds = check_rounds(20000);
  rig r;
  open_with(&r, 2);
  for (long i = 0; i < rounds; i++) {
    float limit = 1e-9f + 1e-7f * (float)check_random(&seed, 300);
    tdm_task *t = submit_limited(&r, JOB_ECHO, &i, sizeof i, limit);
    pause_at_random(&seed, 400);
    int promised = i % 3 == 0 && tdm_executor_try_interrupt(t);
    enum tdm_state state = rig_finish(&r, t);
    CHECK_INT(state == TDM_CANCELLED, promised);
    out[state]++;
  }
  CHECK_INT(out[TDM_DONE] + out[TDM_CANCELLED], rounds);
  rig_check_tally(&r, out[TDM_DONE], out[TDM_CANCELLED] - r.e->cancelled, 0);
  rig_close(&r);
}

/* --- all at once ---------------------------------------------------------- */

static void ends_with_the_pool(void) {
  tdm_task *t[3];
  rig r;
  open_with(&r, 3);
  for (int i = 0; i < 3; i++) t[i] = submit_loop(&r, 0);
  for (int i = 0; i < 3; i++) await_running(t[i]);
  tdm_executor_interrupt(r.e);
  for (int i = 0; i < 3; i++) CHECK_INT(rig_wait(&r, t[i]), TDM_CANCELLED);
  rig_check_tally(&r, 0, 3, 0);
  rig_close(&r);
}

/* The task that waits for it has not begun: it is cancelled. */
static void so_does_a_start(void) {
  gate g = GATE_SHUT;
  rig r;
  open_with(&r, 1);
  r.recipe.error = TDM_BROKEN;
  r.recipe.opens_to_pass = 0;
  r.recipe.opens_to_fail = 1;
  r.recipe.at_open = &g;
  tdm_task *t = rig_submit(&r, JOB_ECHO, "x", 1);
  gate_await(&g, 1);
  tdm_executor_close(r.e);
  tdm_executor_kill(r.e);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, t), TDM_CANCELLED);
  CHECK(!r.e->broken);
  rig_check_tally(&r, 0, 1, 0);
  rig_close(&r);
}

/* Claimed before, begun after the keeper has looked. */
static void so_does_what_begins_later(void) {
  rig r;
  open_with(&r, 2);
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  tdm_executor_interrupt(r.e);
  for (int i = 0; i < 20; i++) {
    tdm_task *t = submit_loop(&r, 0);
    CHECK_INT(rig_finish(&r, t), TDM_CANCELLED);
  }
  rig_close(&r);
}

static void the_end_races_the_beginning(void) {
  unsigned seed = 37;
  for (long i = check_rounds(60); i > 0; i--) {
    rig r;
    open_with(&r, 2);
    tdm_task *a = submit_loop(&r, 0), *b = submit_loop(&r, 0);
    pause_at_random(&seed, 20000);
    tdm_executor_interrupt(r.e);
    CHECK_INT(rig_wait(&r, a), TDM_CANCELLED);
    CHECK_INT(rig_wait(&r, b), TDM_CANCELLED);
    rig_close(&r);
  }
}

TESTS(TEST(stops_what_runs), TEST(is_cancelled_though_it_succeeds),
      TEST(stops_a_sleep), TEST(stops_no_other), TEST(no_thread_for_a_keeper),
      SLOW_TEST(races_start_and_finish, 120), SLOW_TEST(no_order_is_lost, 120),
      SLOW_TEST(a_late_order_takes_none_back, 60), TEST(ends_at_its_limit),
      TEST(the_shortest_limit_comes_first), TEST(limits_that_are_none),
      TEST(limits_race_the_end), TEST(ends_with_the_pool),
      TEST(so_does_a_start), TEST(so_does_what_begins_later),
      TEST(the_end_races_the_beginning))
