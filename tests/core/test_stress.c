/* Races, over and over: every task has exactly one outcome, and no worker
 * sleeps while a task lies. */
#include <sched.h>

#include "check.h"
#include "jobs.h"

static void pause_for(unsigned n) {
  for (; n > 0; n--) tdm_pause();
}

/* --- one task at a time --------------------------------------------------- */

/* Gaps around the time that a worker spins before it sleeps. */
static void ping_pong(tdm_time spin, long rounds) {
  tdm_settings s = rig_settings(1);
  s.spin = spin;
  rig r;
  unsigned seed = 23;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = 0; i < rounds; i++) {
    tdm_task *t = rig_submit(&r, JOB_ECHO, &i, sizeof i);
    CHECK_INT(rig_wait(&r, t), TDM_DONE);
    CHECK(payload_is(t, &i, sizeof i));
    tdm_port_release(t);
    tdm_time gap = check_random(&seed, (unsigned)(2 * spin) + 2000);
    tdm_time until = tdm_clock_now() + (i % 8 == 0 ? gap : gap / 16);
    while (tdm_clock_now() < until) tdm_pause();
  }
  rig_close(&r);
}

static void ping_pong_without_spin(void) { ping_pong(0, check_rounds(100000)); }
static void ping_pong_with_spin(void) {
  ping_pong(50000, check_rounds(100000));
}

/* --- tasks that need each other ------------------------------------------- */

/* Each round all workers must come together, so each wake-up matters. */
static void all_must_meet(int n, tdm_time spin, long rounds) {
  tdm_settings s = rig_settings((unsigned)n);
  s.spin = spin;
  rig r;
  unsigned seed = 29;
  rig_open(&r, tdm_threads_new, &s);
  for (; rounds > 0; rounds--) {
    meeting all = {n};
    for (int k = 0; k < n; k++) {
      tdm_port_release(rig_submit_to(&r, JOB_MEET, &all));
      if (check_random(&seed, 4) == 0) pause_for(check_random(&seed, 500));
    }
    rig_wait_all(&r);
    if (check_random(&seed, 4) == 0) pause_for(check_random(&seed, 2000));
  }
  rig_close(&r);
}

static void two_meet(void) { all_must_meet(2, 0, check_rounds(30000)); }
static void three_meet(void) { all_must_meet(3, 20000, check_rounds(10000)); }
static void six_meet(void) { all_must_meet(6, 0, check_rounds(10000)); }

/* Short tasks go before, so that a worker that is busy, and does not count as
 * searching, takes the ones that must meet out of the inbox. */
static void meet_behind_short_tasks(void) {
  enum { N = 3 };
  tdm_settings s = rig_settings(N);
  s.spin = 5000;
  atomic_long ran = 0;
  rig r;
  unsigned seed = 31;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = check_rounds(30000); i > 0; i--) {
    meeting all = {N};
    unsigned before = check_random(&seed, 4);
    for (unsigned k = 0; k < before; k++)
      tdm_port_release(rig_submit_to(&r, JOB_COUNT, &ran));
    pause_for(check_random(&seed, 300));
    for (int k = 0; k < N; k++)
      tdm_port_release(rig_submit_to(&r, JOB_MEET, &all));
    rig_wait_all(&r);
  }
  rig_close(&r);
}

/* --- cancel against start ------------------------------------------------- */

static void cancel_races_start(void) {
  tdm_settings s = rig_settings(2);
  s.queue_limit = 100;
  atomic_long ran = 0;
  long rounds = check_rounds(100000), cancelled = 0, done = 0;
  rig r;
  unsigned seed = 37;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = 0; i < rounds; i++) {
    tdm_task *t = rig_submit_to(&r, JOB_COUNT, &ran);
    pause_for(check_random(&seed, 60));
    int won = tdm_executor_try_cancel(t);
    enum tdm_state state = rig_wait(&r, t);
    CHECK_INT(state, won ? TDM_CANCELLED : TDM_DONE);
    cancelled += won;
    done += !won;
    tdm_port_release(t);
    if (i % 64 == 0) rig_wait_all(&r);
    while (r.port->away > 50) tdm_port_drain(r.port);
  }
  rig_wait_all(&r);
  CHECK_INT(cancelled + done, rounds);
  CHECK_INT(ran, done);
  CHECK_INT(r.e->cancelled, cancelled);
  CHECK_INT(r.e->queued, 0);
  CHECK_INT(r.port->slab.live, 0);
  rig_close(&r);
}

static void cancel_pending_races_start(void) {
  tdm_settings s = rig_settings(2);
  atomic_long ran = 0;
  long sent = 0, cancelled = 0;
  rig r;
  unsigned seed = 41;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = check_rounds(10000); i > 0; i--) {
    for (unsigned k = check_random(&seed, 20); k > 0; k--, sent++)
      tdm_port_release(rig_submit_to(&r, JOB_COUNT, &ran));
    pause_for(check_random(&seed, 500));
    cancelled += (long)tdm_executor_cancel_pending(r.e);
  }
  rig_wait_all(&r);
  CHECK_INT(ran + cancelled, sent);
  CHECK_INT(r.port->slab.live, 0);
  rig_close(&r);
}

/* --- many ----------------------------------------------------------------- */

static void many_tiny_tasks(void) {
  tdm_settings s = rig_settings(4);
  atomic_long ran = 0;
  long n = check_rounds(1000000);
  rig r;
  unsigned seed = 43;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = 0; i < n; i++) {
    tdm_task *t = rig_submit_to(&r, JOB_COUNT, &ran);
    switch (check_random(&seed, 5000)) {
      case 0:
        CHECK_INT(rig_wait(&r, t), TDM_DONE);
        break;
      case 1:
        rig_wait_all(&r);
        break;
      case 2:
        pause_for(5000);
        break;
      default:
        break;
    }
    tdm_port_release(t);
    if (i % 128 == 0) tdm_port_drain(r.port);
  }
  rig_wait_all(&r);
  CHECK_INT(ran, n);
  CHECK_INT(r.port->slab.live, 0);
  tdm_tally *sum = tdm_mem_zero(sizeof *sum);
  CHECK(sum != NULL);
  tdm_executor_tally(r.e, sum);
  CHECK_INT(sum->done, n);
  tdm_mem_free(sum);
  rig_close(&r);
}

static void pools_come_and_go(void) {
  for (long i = check_rounds(1000); i > 0; i--) {
    tdm_settings s = rig_settings(1 + (unsigned)(i % 4));
    atomic_long ran = 0;
    rig r;
    rig_open(&r, tdm_threads_new, &s);
    for (long k = i % 7; k > 0; k--) rig_submit_to(&r, JOB_COUNT, &ran);
    if (i % 3 == 0) rig_wait_all(&r);
    if (i % 5 == 0) tdm_executor_interrupt(r.e);
    rig_close(&r);
    CHECK_INT(ran, i % 7);
  }
}

/* --- everything at once --------------------------------------------------- */

static void use_at_random(rig *r, atomic_long *ran, unsigned *seed) {
  tdm_tally sum = {0};
  tdm_worker_view views[8];
  switch (check_random(seed, 12)) {
    case 0:
      rig_wait_all(r);
      break;
    case 1:
      tdm_executor_cancel_pending(r->e);
      break;
    case 2:
      r->e->ops->resize(r->e, 1 + check_random(seed, 6));
      break;
    case 3:
      tdm_executor_tally(r->e, &sum);
      break;
    case 4:
      CHECK(r->e->ops->workers(r->e, views, 8) < 1000);
      break;
    case 5:
      pause_for(check_random(seed, 5000));
      break;
    case 6:
      sched_yield();
      break;
    default: {
      tdm_task *t = rig_task(r, JOB_COUNT, &ran, sizeof ran);
      t->priority = (int32_t)check_random(seed, 3) - 1;
      CHECK_INT(tdm_executor_submit(r->e, t), TDM_OK);
      tdm_port_release(t);
    }
  }
  tdm_port_drain(r->port);
}

static void everything_at_once(void) {
  tdm_settings s = rig_settings(4);
  s.max_tasks_per_worker = 50;
  s.spin = 3000;
  atomic_long ran = 0;
  rig r;
  unsigned seed = 47;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = check_rounds(100000); i > 0; i--)
    use_at_random(&r, &ran, &seed);
  rig_wait_all(&r);
  CHECK_INT((uint64_t)ran + r.e->cancelled, r.e->submitted);
  CHECK_INT(r.port->slab.live, 0);
  rig_close(&r);
}

TESTS(SLOW_TEST(ping_pong_without_spin, 60), SLOW_TEST(ping_pong_with_spin, 60),
      TEST(two_meet), TEST(three_meet), TEST(six_meet),
      TEST(meet_behind_short_tasks), TEST(cancel_races_start),
      TEST(cancel_pending_races_start), SLOW_TEST(many_tiny_tasks, 60),
      TEST(pools_come_and_go), TEST(everything_at_once))
