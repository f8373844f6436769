/* One pool, several states: each as alone with its tasks as with a pool of its
 * own. A rig is a state here. */
#include <pthread.h>
#include <sched.h>

#include "check.h"
#include "jobs.h"
#include "shared.h"

/* The pool outlives the rig that makes it, and so must its recipe. */
static recipe common;
static tdm_time linger;

static int join_pool(tdm_executor_maker make, const char *kind,
                     const tdm_settings *s, const tdm_runner *r, void *own,
                     tdm_port *port, tdm_executor **out) {
  int found;
  tdm_shared_wish wish = {.kind = kind,
                          .settings = s,
                          .runner = r,
                          .note = "note",
                          .linger = linger,
                          .make = make};
  int err = tdm_shared_join(&wish, &common, port, out, &found);
  if (err == TDM_OK) r->release(own);
  return err;
}

static int join_threads(const tdm_settings *s, const tdm_runner *r, void *own,
                        tdm_port *port, tdm_executor **out) {
  return join_pool(tdm_threads_new, "thread", s, r, own, port, out);
}

static int join_procs(const tdm_settings *s, const tdm_runner *r, void *own,
                      tdm_port *port, tdm_executor **out) {
  return join_pool(tdm_procs_new, "process", s, r, own, port, out);
}

static void begin(void) {
  tdm_store_total(&common.opens_to_pass, 1 << 30);
  linger = 0;
}

/* Nothing is left of any pool. */
static void end(void) {
  while (tdm_shared_count() != 0) sched_yield();
  while (tdm_mem_live() != 0) sched_yield();
  CHECK_INT(tdm_load_total(&common.opened), tdm_load_total(&common.closed));
}

static void open_two(rig *a, rig *b, maker join, unsigned workers) {
  tdm_settings s = rig_settings(workers);
  begin();
  rig_open(a, join, &s);
  rig_open(b, join, &s);
  CHECK(a->e->pool == b->e->pool && a->e->pool != a->e);
  CHECK_INT(tdm_shared_count(), 1);
}

/* --- two states in one thread --------------------------------------------- */

static void check_both_use(maker join) {
  rig a, b;
  open_two(&a, &b, join, 2);
  for (int i = 0; i < 200; i++) {
    rig *r = i % 2 == 0 ? &a : &b;
    tdm_task *t = rig_submit(r, JOB_ECHO, &i, sizeof i);
    CHECK_INT(rig_wait(r, t), TDM_DONE);
    CHECK(payload_is(t, &i, sizeof i));
    tdm_port_release(t);
  }
  CHECK(rig_workers(&a) >= 1 && rig_workers(&a) == rig_workers(&b));
  rig_check_tally(&a, 200, 0, 0);
  rig_close(&b);
  CHECK_INT(rig_finish(&a, rig_submit(&a, JOB_ECHO, "x", 1)), TDM_DONE);
  rig_check_tally(&a, 201, 0, 0);
  rig_close(&a);
  end();
}

static void both_use_threads(void) { check_both_use(join_threads); }
static void both_use_processes(void) { check_both_use(join_procs); }

static void kinds_and_names_are_apart(void) {
  tdm_settings s = rig_settings(1), other = rig_settings(1);
  rig a, b, c;
  begin();
  other.name[0] = 'R';
  rig_open(&a, join_threads, &s);
  rig_open(&b, join_procs, &s);
  rig_open(&c, join_threads, &other);
  CHECK_INT(tdm_shared_count(), 3);
  rig_close(&a);
  rig_close(&b);
  rig_close(&c);
  end();
}

/* B's tasks lie behind those of A, which hold the only worker. */
static void cancels_its_own(void) {
  gate g = GATE_SHUT;
  int order[8];
  atomic_int n = 0;
  rig a, b;
  tdm_task *of_b[4];
  open_two(&a, &b, join_threads, 1);
  tdm_task *held = rig_submit_to(&a, JOB_GATE, &g);
  gate_await(&g, 1);
  for (int i = 0; i < 4; i++) {
    note in = {order, &n, i};
    tdm_port_release(rig_submit(&a, JOB_NOTE, &in, sizeof in));
    of_b[i] = rig_submit(&b, JOB_NOTE, &in, sizeof in);
  }
  CHECK(tdm_executor_try_cancel(of_b[2]));
  CHECK_INT(tdm_executor_cancel_pending(b.e), 3);
  for (int i = 0; i < 4; i++) CHECK_INT(rig_finish(&b, of_b[i]), TDM_CANCELLED);
  /* The worker is held, and B can go all the same. */
  rig_close(&b);
  gate_open(&g);
  CHECK_INT(rig_finish(&a, held), TDM_DONE);
  rig_wait_all(&a);
  CHECK_INT(n, 4);
  for (int i = 0; i < 4; i++) CHECK_INT(order[i], i);
  rig_close(&a);
  end();
}

/* One that is cancelled and watched is on two lists until it is home. */
static void watched_and_cancelled(void) {
  gate g = GATE_SHUT;
  rig a, b;
  open_two(&a, &b, join_threads, 1);
  tdm_task *held = rig_submit_to(&a, JOB_GATE, &g);
  gate_await(&g, 1);
  tdm_task *t[20];
  for (int i = 0; i < 20; i++) {
    t[i] = rig_submit(&b, JOB_ECHO, "x", 1);
    tdm_port_watch(t[i]);
  }
  for (int i = 0; i < 20; i += 2) CHECK(tdm_executor_try_cancel(t[i]));
  for (int i = 0; i < 20; i += 2) CHECK(tdm_port_try_ready(b.port) == t[i]);
  CHECK(tdm_port_try_ready(b.port) == NULL);
  gate_open(&g);
  rig_wait_all(&b);
  for (int i = 1; i < 20; i += 2) CHECK(tdm_port_try_ready(b.port) == t[i]);
  for (int i = 0; i < 20; i++) tdm_port_release(t[i]);
  CHECK_INT(rig_finish(&a, held), TDM_DONE);
  rig_close(&a);
  rig_close(&b);
  end();
}

static void interrupts_its_own(void) {
  int late = 0;
  gate g = GATE_SHUT;
  rig a, b;
  open_two(&a, &b, join_threads, 2);
  tdm_task *held = rig_submit_to(&a, JOB_GATE, &g);
  tdm_task *loop = rig_submit(&b, JOB_HEED, &late, sizeof late);
  gate_await(&g, 1);
  while (tdm_executor_state(loop) != TDM_RUNNING) sched_yield();
  tdm_executor_interrupt(b.e);
  CHECK_INT(rig_finish(&b, loop), TDM_CANCELLED);
  gate_open(&g);
  CHECK_INT(rig_finish(&a, held), TDM_DONE);
  rig_close(&a);
  rig_close(&b);
  end();
}

/* --- who comes when ------------------------------------------------------- */

static void lingers_for_the_next(void) {
  tdm_settings s = rig_settings(1);
  begin();
  linger = TDM_SECOND;
  int first = 0, who;
  tdm_time left = 0;
  for (int i = 0; i < 20; i++) {
    rig r;
    rig_open(&r, join_threads, &s);
    int in_time = tdm_clock_now() - left < linger; /* or it may have ended */
    tdm_task *t = rig_submit(&r, JOB_WHO, NULL, 0);
    CHECK_INT(rig_wait(&r, t), TDM_DONE);
    memcpy(&who, tdm_payload_bytes(&t->payload), sizeof who);
    if (in_time) CHECK_INT(who, first);
    first = who;
    tdm_port_release(t);
    left = tdm_clock_now();
    rig_close(&r);
    size_t count = tdm_shared_count();
    if (tdm_clock_now() - left < linger) CHECK_INT(count, 1);
  }
  end();
}

static void ends_after_a_while(void) {
  tdm_settings s = rig_settings(1);
  begin();
  linger = TDM_SECOND / 50;
  for (int i = 0; i < 5; i++) {
    rig r;
    rig_open(&r, join_threads, &s);
    CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
    rig_close(&r);
    if (i % 2 == 0) end();
  }
  end();
}

/* A broken pool is for those who have it; who comes next gets another. */
static void replaces_what_is_broken(void) {
  tdm_settings s = rig_settings(1);
  rig a, b;
  begin();
  common.error = TDM_BROKEN;
  tdm_store_total(&common.opens_to_pass, 0);
  tdm_store_total(&common.opens_to_fail, 1);
  rig_open(&a, join_threads, &s);
  CHECK_INT(rig_finish(&a, rig_submit(&a, JOB_ECHO, "x", 1)), TDM_FAILED);
  tdm_task *t = rig_task(&a, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(a.e, t), TDM_BROKEN);
  tdm_port_release(t);
  rig_open(&b, join_threads, &s);
  CHECK(a.e->pool != b.e->pool);
  CHECK_INT(rig_finish(&b, rig_submit(&b, JOB_ECHO, "x", 1)), TDM_DONE);
  rig_close(&a);
  rig_close(&b);
  end();
}

/* --- workers that start --------------------------------------------------- */

/* Of two guests one leaves while a worker starts for it, which is held at the
 * gate. */
static void leave_at_start(rig *a, rig *b, gate *g, tdm_time grace) {
  tdm_worker_set_grace(grace);
  open_two(a, b, join_threads, 1);
  common.at_open = g;
  tdm_task *t = rig_submit(a, JOB_ECHO, "x", 1);
  gate_await(g, 1);
  tdm_executor_close(a->e);
  tdm_executor_kill(a->e);
  CHECK_INT(t->state, TDM_CANCELLED);
}

static void close_both(rig *a, rig *b) {
  rig_end(a);
  CHECK(!a->e->pool->broken);
  CHECK_INT(rig_finish(b, rig_submit(b, JOB_ECHO, "x", 1)), TDM_DONE);
  rig_check_tally(b, 1, 0, 0);
  CHECK_INT(a->e->pool->cancelled, 1);
  common.at_open = NULL;
  rig_close(a);
  rig_close(b);
  end();
  tdm_worker_set_grace(TDM_GRACE);
}

/* It fails as it was told to end, and the pool goes on. */
static void ends_a_start(void) {
  gate g = GATE_SHUT;
  rig a, b;
  begin();
  common.error = TDM_BROKEN;
  tdm_store_total(&common.opens_to_fail, 1);
  leave_at_start(&a, &b, &g, 60 * TDM_SECOND);
  tdm_store_total(&common.opens_to_pass, 0);
  gate_open(&g);
  close_both(&a, &b);
}

/* The task had been settled before. */
static void gives_up_a_start(void) {
  gate g = GATE_SHUT;
  rig a, b;
  leave_at_start(&a, &b, &g, 0);
  rig_end(&a);
  gate_open(&g);
  close_both(&a, &b);
}

/* It is not told to end: what breaks does so by itself. */
static void breaks_where_others_wait(void) {
  gate g = GATE_SHUT;
  rig a, b;
  begin();
  common.error = TDM_BROKEN;
  tdm_store_total(&common.opens_to_fail, 1);
  open_two(&a, &b, join_threads, 1);
  common.at_open = &g;
  rig_submit(&a, JOB_ECHO, "x", 1);
  gate_await(&g, 1);
  tdm_task *waits = rig_submit(&b, JOB_ECHO, "x", 1);
  tdm_executor_close(a.e);
  tdm_executor_kill(a.e);
  tdm_store_total(&common.opens_to_pass, 0);
  gate_open(&g);
  CHECK_INT(rig_finish(&b, waits), TDM_FAILED);
  CHECK(b.e->pool->broken);
  common.at_open = NULL;
  rig_close(&a);
  rig_close(&b);
  end();
}

/* --- several threads ------------------------------------------------------ */

typedef struct state {
  maker join;
  tdm_settings settings;
  unsigned seed;
  long rounds;
  pthread_t thread;
} state;

static void use_somehow(rig *r, unsigned *seed) {
  tdm_task *t[16];
  int n = 1 + (int)check_random(seed, 16);
  for (int i = 0; i < n; i++) t[i] = rig_submit(r, JOB_ECHO, &i, sizeof i);
  if (check_random(seed, 4) == 0) tdm_executor_cancel_pending(r->e);
  for (int i = 0; i < n; i++) {
    int cancelled = check_random(seed, 4) == 0 && tdm_executor_try_cancel(t[i]);
    enum tdm_state end = rig_wait(r, t[i]);
    CHECK(end == TDM_CANCELLED || (end == TDM_DONE && !cancelled));
    if (end == TDM_DONE) CHECK(payload_is(t[i], &i, sizeof i));
    tdm_port_release(t[i]);
  }
}

static void *be_state(void *arg) {
  state *s = arg;
  for (long i = 0; i < s->rounds; i++) {
    rig r;
    rig_open(&r, s->join, &s->settings);
    for (int k = 0; k < 20; k++) use_somehow(&r, &s->seed);
    rig_close(&r);
  }
  return NULL;
}

static void check_many(maker join, long rounds, tdm_time stay) {
  state s[4];
  begin();
  linger = stay;
  for (unsigned i = 0; i < 4; i++) {
    s[i] = (state){join, rig_settings(2), i + 1, rounds, 0};
    CHECK_INT(pthread_create(&s[i].thread, NULL, be_state, &s[i]), 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(s[i].thread, NULL);
  end();
}

static void many_come_and_go(void) {
  check_many(join_threads, check_rounds(300), 0);
}

static void many_come_and_stay(void) {
  check_many(join_threads, check_rounds(300), TDM_SECOND / 1000);
}

static void many_processes(void) {
  check_many(join_procs, check_rounds(20), TDM_SECOND / 1000);
}

/* Each waits for room that another's task makes. */
static void *fill(void *arg) {
  state *s = arg;
  rig r;
  rig_open(&r, s->join, &s->settings);
  for (long i = 0; i < s->rounds; i++) {
    tdm_task *t = rig_task(&r, JOB_ECHO, &i, sizeof i);
    while (tdm_executor_submit(r.e, t) == TDM_FULL) {
      tdm_port_wait(r.port, NULL, 1, TDM_FOREVER, 0);
      tdm_port_drain(r.port);
    }
    tdm_port_release(t);
  }
  rig_wait_all(&r);
  rig_close(&r);
  return NULL;
}

static void check_full(maker join, long rounds) {
  state s[3];
  begin();
  for (unsigned i = 0; i < 3; i++) {
    s[i] = (state){join, rig_settings(1), i + 1, rounds, 0};
    s[i].settings.queue_limit = 2;
    CHECK_INT(pthread_create(&s[i].thread, NULL, fill, &s[i]), 0);
  }
  for (int i = 0; i < 3; i++) pthread_join(s[i].thread, NULL);
  end();
}

static void full_queue_of_threads(void) {
  check_full(join_threads, check_rounds(10000));
}

static void full_queue_of_processes(void) {
  check_full(join_procs, check_rounds(2000));
}

/* --- want of memory ------------------------------------------------------- */

static void each_allocation_fails(void) {
  tdm_settings s = rig_settings(1);
  int failed = 1;
  for (long n = 1; failed; n++) {
    int found;
    tdm_executor *e;
    begin();
    tdm_port *port = tdm_port_new();
    tdm_shared_wish wish = {"thread", &s, &jobs_runner,
                            "note",   0,  tdm_threads_new};
    CHECK(port != NULL);
    tdm_mem_fail_after(n);
    failed = tdm_shared_join(&wish, &common, port, &e, &found) != TDM_OK;
    tdm_mem_fail_after(0);
    if (!failed) {
      tdm_executor_close(e);
      CHECK(tdm_executor_is_over(e));
      tdm_executor_free(e);
    }
    CHECK_INT(tdm_shared_count(), 0);
    tdm_port_free(port);
  }
  end();
}

TESTS(TEST(both_use_threads), TEST(both_use_processes),
      TEST(kinds_and_names_are_apart), TEST(cancels_its_own),
      TEST(watched_and_cancelled), TEST(interrupts_its_own),
      TEST(lingers_for_the_next), TEST(ends_after_a_while),
      TEST(replaces_what_is_broken), TEST(ends_a_start), TEST(gives_up_a_start),
      TEST(breaks_where_others_wait), SLOW_TEST(many_come_and_go, 60),
      SLOW_TEST(many_come_and_stay, 60), SLOW_TEST(many_processes, 60),
      SLOW_TEST(full_queue_of_threads, 60),
      SLOW_TEST(full_queue_of_processes, 60), TEST(each_allocation_fails))
