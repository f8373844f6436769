/* Pools that lack threads or memory: fewer workers or clear errors, and never
 * a task that nobody runs. */
#include <sched.h>
#include <string.h>

#include "check.h"
#include "jobs.h"
#include "shortage.h"

/* --- threads -------------------------------------------------------------- */

static void no_thread_at_all(void) {
  tdm_settings s = rig_settings(3);
  s.queue_limit = 10;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  shortage_of_threads(0);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  for (int i = 0; i < 20; i++)
    CHECK_INT(tdm_executor_submit(r.e, t), TDM_LIMIT);
  CHECK_INT(r.port->away, 0);
  CHECK_INT(r.e->queued, 0);
  CHECK_INT(r.e->submitted, 0);
  CHECK_INT(r.e->missing, 3);
  CHECK_INT(rig_workers(&r), 0);
  shortage_of_threads(-1); /* asked again at every submit: this one works */
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_OK);
  CHECK_INT(rig_finish(&r, t), TDM_DONE);
  rig_close(&r);
}

static void refused_is_as_if_never_submitted(void) {
  tdm_settings s = rig_settings(3);
  s.queue_limit = 10;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  shortage_of_threads(0);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_LIMIT);
  CHECK(tdm_executor_try_cancel(t));
  CHECK_INT(r.e->queued, 0);
  CHECK_INT(r.e->cancelled, 0);
  tdm_port_release(t);
  rig_close(&r);
}

static void fewer_threads_than_asked(void) {
  enum { WORKERS = 6, CAN = 2 };
  tdm_settings s = rig_settings(WORKERS);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  shortage_of_threads(CAN);
  for (int i = 0; i < 20; i++) rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, CAN);
  rig_submit_to(&r, JOB_GATE, &g);
  CHECK_INT(rig_workers(&r), CAN);
  CHECK_INT(r.e->missing, WORKERS - CAN);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(gate_entered(&g), 21);
  rig_close(&r);
}

static void resize_asks_again(void) {
  tdm_settings s = rig_settings(4);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  shortage_of_threads(1);
  for (int i = 0; i < 4; i++) rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  shortage_of_threads(-1);
  CHECK_INT(r.e->ops->resize(r.e, 4), TDM_OK);
  gate_await(&g, 4);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(r.e->missing, 0);
  rig_close(&r);
}

/* A start that fails counts as searching for a moment: nobody may be left
 * asleep for having relied on it. */
static void failing_starts_lose_no_wake(void) {
  tdm_settings s = rig_settings(3);
  s.spin = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  shortage_of_threads(2);
  for (long i = check_rounds(20000); i > 0; i--) {
    meeting both = {2};
    for (int k = 0; k < 2; k++)
      tdm_port_release(rig_submit_to(&r, JOB_MEET, &both));
    if (i % 16 == 0) CHECK_INT(r.e->ops->resize(r.e, 3), TDM_OK);
    rig_wait_all(&r);
  }
  CHECK_INT(rig_workers(&r), 2);
  rig_close(&r);
}

/* --- memory for machines -------------------------------------------------- */

/* The one that cannot work gives its task to the other and leaves. */
static void fewer_machines_than_asked(void) {
  tdm_settings s = rig_settings(2);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  r.recipe.error = TDM_NOMEM;
  r.recipe.opens_to_pass = 1;
  r.recipe.opens_to_fail = 1 << 30;
  tdm_task *a = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  tdm_task *b = rig_submit_to(&r, JOB_GATE, &g);
  while (rig_workers(&r) != 1 || r.recipe.opens_to_fail == 1 << 30)
    sched_yield();
  CHECK_INT(r.e->missing, 1);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, a), TDM_DONE);
  CHECK_INT(rig_wait(&r, b), TDM_DONE);
  rig_close(&r);
}

static void count_failed(tdm_task *t, void *arg) {
  *(int *)arg += t->state == TDM_FAILED;
}

/* At every place of the one failing open among many workers. */
static void one_failing_open(void) {
  for (int nth = 0; nth < 8; nth++) {
    tdm_settings s = rig_settings(4);
    int failed = 0;
    rig r;
    rig_open(&r, tdm_threads_new, &s);
    r.recipe.error = TDM_NOMEM;
    r.recipe.opens_to_pass = nth;
    r.recipe.opens_to_fail = 1;
    for (int i = 0; i < 100; i++) rig_submit(&r, JOB_ECHO, "x", 1);
    rig_wait_all(&r);
    tdm_slab_each(&r.port->slab, count_failed, &failed);
    CHECK(failed <= 1);
    rig_close(&r);
  }
}

/* Nor may a worker give up because of another that is about to start, for that
 * one's thread may fail. */
static void giving_up_races_failing_starts(void) {
  for (long i = check_rounds(3000); i > 0; i--) {
    tdm_settings s = rig_settings(4);
    rig r;
    rig_open(&r, tdm_threads_new, &s);
    r.recipe.error = TDM_NOMEM;
    r.recipe.opens_to_pass = 0;
    r.recipe.opens_to_fail = 1 << 30;
    shortage_of_threads(1 + (int)(i % 2));
    for (int k = 0; k < 8; k++) {
      tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
      int err = tdm_executor_submit(r.e, t);
      CHECK(err == TDM_OK || err == TDM_LIMIT);
    }
    rig_wait_all(&r);
    rig_close(&r);
  }
}

/* Workers that give up race the pool's end: none leaves a task behind. */
static void giving_up_races_close(void) {
  for (long i = check_rounds(3000); i > 0; i--) {
    tdm_settings s = rig_settings(4);
    rig r;
    rig_open(&r, tdm_threads_new, &s);
    r.recipe.error = TDM_NOMEM;
    r.recipe.opens_to_pass = (int)(i % 3);
    r.recipe.opens_to_fail = 1 << 30;
    for (int k = 0; k < 8; k++) rig_submit(&r, JOB_ECHO, "x", 1);
    rig_close(&r); /* checks that nothing is away */
  }
}

/* --- a broken pool -------------------------------------------------------- */

static void check_cause(tdm_task *t, void *arg) {
  (void)arg;
  CHECK_INT(t->state, TDM_FAILED);
  CHECK(payload_is(t, JOBS_CAUSE, strlen(JOBS_CAUSE)));
}

/* Many workers fail at once: each task learns the one cause. */
static void all_break_at_once(void) {
  enum { WORKERS = 4 };
  for (long i = check_rounds(300); i > 0; i--) {
    tdm_settings s = rig_settings(WORKERS);
    gate g = GATE_SHUT;
    rig r;
    rig_open(&r, tdm_threads_new, &s);
    r.recipe.error = TDM_BROKEN;
    r.recipe.opens_to_pass = 0;
    r.recipe.opens_to_fail = 1 << 30;
    r.recipe.at_open = &g;
    for (int k = 0; k < 10; k++) rig_submit(&r, JOB_ECHO, "x", 1);
    gate_await(&g, WORKERS);
    gate_open(&g);
    rig_wait_all(&r);
    tdm_slab_each(&r.port->slab, check_cause, NULL);
    tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
    CHECK_INT(tdm_executor_submit(r.e, t), TDM_BROKEN);
    rig_close(&r);
  }
}

/* Machines that are open already are no use in a broken pool. */
static void breaks_while_others_work(void) {
  tdm_settings s = rig_settings(2);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  r.recipe.error = TDM_BROKEN;
  r.recipe.opens_to_pass = 1;
  r.recipe.opens_to_fail = 1;
  tdm_task *held = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  tdm_task *broken = rig_submit(&r, JOB_ECHO, "x", 1);
  CHECK_INT(rig_wait(&r, broken), TDM_FAILED);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, held), TDM_DONE); /* it had begun before */
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_BROKEN);
  rig_close(&r);
}

/* --- each allocation in turn ---------------------------------------------- */

static tdm_task *try_task(rig *r, size_t n) {
  tdm_buf b = {0};
  tdm_task *t = tdm_port_new_task(r->port);
  if (t == NULL) return NULL;
  int err = tdm_buf_reserve(&b, n);
  if (err == TDM_OK) {
    memset(b.p, 'x', n);
    b.n = n;
    err = tdm_payload_take(&t->payload, &b);
  }
  tdm_buf_fini(&b);
  if (err == TDM_OK) err = tdm_executor_submit(r->e, t);
  if (err == TDM_OK) return t;
  CHECK(err == TDM_NOMEM || err == TDM_LIMIT);
  tdm_port_release(t);
  return NULL;
}

/* What went wrong: refused or failed tasks. */
static int use_pool(rig *r) {
  static const size_t sizes[] = {1, 20, 100, 3000, 5000, 50000};
  tdm_task *tasks[12];
  int bad = 0;
  for (int i = 0; i < 12; i++) tasks[i] = try_task(r, sizes[i % 6]);
  rig_wait_all(r);
  for (int i = 0; i < 12; i++) {
    if (tasks[i] != NULL) {
      CHECK(tasks[i]->state == TDM_DONE || tasks[i]->payload.n == 0);
      bad += rig_finish(r, tasks[i]) != TDM_DONE;
    } else {
      bad++;
    }
  }
  return bad;
}

static void each_allocation_fails__threads(void) {
  for (long i = check_rounds(20); i > 0; i--) /* each time another timing */
    CHECK(rig_fail_each_allocation(tdm_threads_new, 4, use_pool) > 10);
}

static void each_allocation_fails__serial(void) {
  CHECK(rig_fail_each_allocation(tdm_serial_new, 4, use_pool) > 10);
}

TESTS(TEST(no_thread_at_all), TEST(refused_is_as_if_never_submitted),
      TEST(fewer_threads_than_asked), TEST(resize_asks_again),
      TEST(failing_starts_lose_no_wake), TEST(fewer_machines_than_asked),
      TEST(one_failing_open), TEST(giving_up_races_failing_starts),
      TEST(giving_up_races_close), TEST(all_break_at_once),
      TEST(breaks_while_others_work), TEST(each_allocation_fails__threads),
      TEST(each_allocation_fails__serial))
