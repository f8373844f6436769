/* The executor of threads: who starts when, who gets what, who leaves. */
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "jobs.h"

/* Has all `n` workers stand at the gate. */
static void saturate(rig *r, gate *g, int n) {
  for (int i = 0; i < n; i++) tdm_port_release(rig_submit_to(r, JOB_GATE, g));
  gate_await(g, n);
}

/* --- starting ------------------------------------------------------------- */

static void starts_no_more_than_needed(void) {
  tdm_settings s = rig_settings(4);
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  CHECK_INT(rig_workers(&r), 0);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
    rig_wait_asleep(&r, 1);
    CHECK_INT(rig_workers(&r), 1);
  }
  rig_close(&r);
}

static void starts_all_that_are_needed(void) {
  enum { WORKERS = 5 };
  tdm_settings s = rig_settings(WORKERS);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  for (int i = 0; i < 3 * WORKERS; i++) rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, WORKERS);
  rig_submit_to(&r, JOB_GATE, &g);
  CHECK_INT(rig_workers(&r), WORKERS);
  CHECK_INT(gate_entered(&g), WORKERS);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(gate_entered(&g), 3 * WORKERS + 1);
  CHECK_INT(rig_workers(&r), WORKERS);
  rig_close(&r);
}

/* --- order ---------------------------------------------------------------- */

static void priorities_rule(void) {
  static const int priority[] = {0, 5, -5, 5, 0, 1, -5, 9};
  static const int order[] = {7, 1, 3, 5, 0, 4, 2, 6};
  enum { N = sizeof order / sizeof order[0] };
  tdm_settings s = rig_settings(1);
  gate g = GATE_SHUT;
  int list[N];
  atomic_int n = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, 1);
  for (int i = 0; i < N; i++) {
    note x = {list, &n, i};
    tdm_task *t = rig_task(&r, JOB_NOTE, &x, sizeof x);
    t->priority = priority[i];
    CHECK_INT(tdm_executor_submit(r.e, t), TDM_OK);
  }
  gate_open(&g);
  rig_wait_all(&r);
  for (int i = 0; i < N; i++) CHECK_INT(list[i], order[i]);
  rig_close(&r);
}

/* A task with a priority overtakes what lies in the queue already. */
static void priority_overtakes_the_queue(void) {
  tdm_settings s = rig_settings(1);
  gate g = GATE_SHUT;
  int list[10];
  atomic_int n = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, 1);
  rig_submit_to(&r, JOB_GATE, &g);
  for (int i = 0; i < 3; i++) {
    note x = {list, &n, i};
    rig_submit(&r, JOB_NOTE, &x, sizeof x);
  }
  gate_let(&g, 1);
  gate_await(&g, 2); /* the rest is in the queue, not in the inbox */
  note x = {list, &n, 99};
  tdm_task *t = rig_task(&r, JOB_NOTE, &x, sizeof x);
  t->priority = 1;
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_OK);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(list[0], 99);
  CHECK_INT(list[3], 2);
  rig_close(&r);
}

/* --- a bounded queue ------------------------------------------------------ */

static void full_queue_refuses(void) {
  tdm_settings s = rig_settings(1);
  s.queue_limit = 3;
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, 1);
  tdm_task *waiting[3];
  for (int i = 0; i < 3; i++) waiting[i] = rig_submit(&r, JOB_ECHO, "x", 1);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_FULL);
  CHECK_INT(tdm_executor_run_here(r.e, t), TDM_OK); /* what "caller" does */
  CHECK_INT(rig_wait(&r, t), TDM_DONE);
  t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_FULL);
  CHECK(tdm_executor_try_cancel(waiting[1])); /* makes room */
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_OK);
  CHECK_INT(r.e->queued, 3);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(r.e->queued, 0);
  CHECK_INT(r.e->submitted, 6);
  CHECK_INT(r.e->cancelled, 1);
  rig_close(&r);
}

/* Who waits for room is woken when a task is claimed, not when one is done. */
static void a_claim_wakes_who_waits_for_room(void) {
  tdm_settings s = rig_settings(1);
  s.queue_limit = 1;
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  for (int i = 0; i < 200; i++) {
    tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
    while (tdm_executor_submit(r.e, t) == TDM_FULL) {
      tdm_port_drain(r.port);
      CHECK_INT(tdm_port_wait(r.port, NULL, 1, TDM_FOREVER, 0), TDM_OK);
    }
  }
  rig_wait_all(&r);
  rig_submit_to(&r, JOB_GATE, &g);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  while (tdm_executor_submit(r.e, t) == TDM_FULL)
    CHECK_INT(tdm_port_wait(r.port, NULL, 1, TDM_FOREVER, 0), TDM_OK);
  gate_open(&g);
  rig_wait_all(&r);
  rig_close(&r);
}

/* --- cancelling ----------------------------------------------------------- */

static void cancels_what_has_not_started(void) {
  tdm_settings s = rig_settings(1);
  gate g = GATE_SHUT;
  atomic_long ran = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  tdm_task *held = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  tdm_task *a = rig_submit_to(&r, JOB_COUNT, &ran);
  tdm_task *b = rig_submit_to(&r, JOB_COUNT, &ran);
  CHECK(!tdm_executor_try_cancel(held));
  CHECK(tdm_executor_try_cancel(a));
  CHECK(!tdm_executor_try_cancel(a));
  CHECK(a->marks == (TDM_SETTLED | TDM_AWAY));
  tdm_port_release(a); /* while it is still in the queue */
  gate_open(&g);
  CHECK_INT(rig_wait(&r, b), TDM_DONE);
  rig_wait_all(&r);
  CHECK_INT(ran, 1);
  CHECK_INT(r.port->slab.live, 2);
  rig_close(&r);
}

static void cancels_all_pending(void) {
  enum { N = 100 };
  tdm_settings s = rig_settings(2);
  s.queue_limit = 1000;
  gate g = GATE_SHUT;
  atomic_long ran = 0;
  tdm_task *t[N];
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, 2);
  for (int i = 0; i < N; i++) {
    t[i] = rig_submit_to(&r, JOB_COUNT, &ran);
    tdm_port_watch(t[i]);
  }
  CHECK(tdm_executor_try_cancel(t[50]));
  CHECK_INT(tdm_executor_cancel_pending(r.e), N - 1);
  CHECK_INT(tdm_executor_cancel_pending(r.e), 0);
  for (int i = 0; i < N; i++) CHECK_INT(t[i]->state, TDM_CANCELLED);
  CHECK_INT(r.e->cancelled, N);
  CHECK_INT(r.e->queued, 0);
  CHECK(tdm_port_try_ready(r.port) == t[50]);
  CHECK(tdm_port_try_ready(r.port) == t[0]);
  CHECK(tdm_port_try_ready(r.port) == t[1]);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(ran, 0);
  rig_close(&r);
}

/* --- closing -------------------------------------------------------------- */

static void close_runs_what_is_pending(void) {
  tdm_settings s = rig_settings(3);
  gate g = GATE_SHUT;
  atomic_long ran = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, 3);
  for (int i = 0; i < 500; i++) rig_submit_to(&r, JOB_COUNT, &ran);
  tdm_executor_close(r.e);
  CHECK(!tdm_executor_is_over(r.e));
  gate_open(&g);
  rig_end(&r);
  CHECK_INT(ran, 500);
  CHECK_INT(rig_workers(&r), 0);
  rig_close(&r);
}

static void close_and_cancel(void) {
  tdm_settings s = rig_settings(3);
  gate g = GATE_SHUT;
  atomic_long ran = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, 3);
  for (int i = 0; i < 500; i++) rig_submit_to(&r, JOB_COUNT, &ran);
  tdm_executor_close(r.e);
  CHECK_INT(tdm_executor_cancel_pending(r.e), 500);
  gate_open(&g);
  rig_end(&r);
  CHECK_INT(ran, 0);
  rig_close(&r);
}

static void close_wakes_all_sleepers(void) {
  enum { WORKERS = 20 };
  tdm_settings s = rig_settings(WORKERS);
  s.spin = 0;
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, WORKERS);
  gate_open(&g);
  rig_wait_all(&r);
  rig_wait_asleep(&r, WORKERS);
  CHECK(tdm_load_total(&r.recipe.idled) >= WORKERS);
  rig_close(&r);
  CHECK_INT(r.recipe.opened, WORKERS);
}

static void interrupt_ends_sleeps(void) {
  tdm_settings s = rig_settings(3);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  tdm_task *t[3];
  for (int i = 0; i < 3; i++) t[i] = rig_submit_to(&r, JOB_SLEEP, &g);
  gate_await(&g, 3);
  gate_open(&g);
  rig_wait_asleep(&r, 0);
  tdm_executor_interrupt(r.e);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(rig_wait(&r, t[i]), TDM_FAILED);
    CHECK(payload_is(t[i], "told to end", 11));
  }
  rig_close(&r);
}

/* --- resizing ------------------------------------------------------------- */

static void await_workers(rig *r, size_t n) {
  while (rig_workers(r) != n) sched_yield();
}

static void resize_down_and_up(void) {
  tdm_settings s = rig_settings(8);
  gate a = GATE_SHUT, b = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &a, 8);
  gate_open(&a);
  rig_wait_all(&r);
  CHECK_INT(r.e->ops->resize(r.e, 3), TDM_OK);
  await_workers(&r, 3);
  CHECK_INT(r.e->settings.max_workers, 3);
  for (int i = 0; i < 10; i++) rig_submit_to(&r, JOB_GATE, &b);
  gate_await(&b, 3);
  CHECK_INT(rig_workers(&r), 3);
  CHECK_INT(r.e->ops->resize(r.e, 6), TDM_OK); /* work lies there: they start */
  gate_await(&b, 6);
  CHECK_INT(rig_workers(&r), 6);
  CHECK_INT(r.e->ops->resize(r.e, 1), TDM_OK);
  gate_open(&b);
  rig_wait_all(&r);
  await_workers(&r, 1);
  CHECK_INT(gate_entered(&b), 10);
  tdm_tally *sum = tdm_mem_zero(sizeof *sum);
  CHECK(sum != NULL);
  tdm_executor_tally(r.e, sum);
  CHECK_INT(sum->done, 18); /* with what those who left have done */
  tdm_mem_free(sum);
  rig_close(&r);
}

/* Workers on their way to sleep see a smaller target, too. */
static void resize_races_sleep(void) {
  tdm_settings s = rig_settings(4);
  s.spin = 0;
  rig r;
  unsigned seed = 19;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = check_rounds(2000); i > 0; i--) {
    meeting all = {4};
    for (int k = 0; k < 4; k++)
      tdm_port_release(rig_submit_to(&r, JOB_MEET, &all));
    rig_wait_all(&r);
    for (unsigned k = check_random(&seed, 2000); k > 0; k--) tdm_pause();
    CHECK_INT(r.e->ops->resize(r.e, 1), TDM_OK);
    await_workers(&r, 1);
    CHECK_INT(r.e->ops->resize(r.e, 4), TDM_OK);
  }
  rig_close(&r);
}

/* --- a forked child ------------------------------------------------------- */

static void look_in_child(rig *r) {
  static tdm_tally sum;
  alarm(10); /* the case's own is not inherited */
  tdm_executor_tally(r->e, &sum);
  tdm_executor_cancel_pending(r->e);
  CHECK_INT(rig_workers(r), 0);
  CHECK_INT(r->e->ops->resize(r->e, 2), TDM_FORKED);
  _exit(0);
}

/* Workers sleep and wake all the time, so that many a fork finds a lock held:
 * no child may wait for it. */
static void forks_while_locks_are_held(void) {
  tdm_settings s = rig_settings(4);
  s.spin = 0;
  unsigned seed = 53;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = check_rounds(500); i > 0; i--) {
    int status;
    for (int k = 0; k < 20; k++)
      tdm_port_release(rig_submit(&r, JOB_ECHO, "x", 1));
    for (unsigned k = check_random(&seed, 2000); k > 0; k--) tdm_pause();
    pid_t pid = fork();
    if (pid == 0) look_in_child(&r);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    tdm_port_drain(r.port);
  }
  rig_wait_all(&r);
  rig_close(&r);
}

/* --- looking on ----------------------------------------------------------- */

static void views_tell_who_works(void) {
  tdm_settings s = rig_settings(3);
  gate g = GATE_SHUT;
  tdm_worker_view v[3];
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  saturate(&r, &g, 3);
  CHECK_INT(r.e->ops->workers(r.e, v, 2), 3); /* room for two */
  CHECK_INT(r.e->ops->workers(r.e, v, 3), 3);
  double now = (double)tdm_clock_now() * 1e-9;
  for (int i = 0; i < 3; i++) {
    CHECK(v[i].func == r.func[JOB_GATE] && v[i].since > 0 && v[i].since <= now);
    CHECK(v[i].tid > 0 && v[i].id >= 1 && v[i].id <= 3);
    CHECK(v[i].id != v[(i + 1) % 3].id && v[i].tid != v[(i + 1) % 3].tid);
  }
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(r.e->ops->workers(r.e, v, 3), 3);
  for (int i = 0; i < 3; i++) {
    CHECK(v[i].func == NULL && v[i].since <= 0);
    CHECK_INT(v[i].tasks, 1);
  }
  rig_close(&r);
}

static void a_pool_of_one_does_all(void) {
  tdm_settings s = rig_settings(1);
  atomic_long ran = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  for (int i = 0; i < 1000; i++) rig_submit_to(&r, JOB_COUNT, &ran);
  rig_wait_all(&r);
  CHECK_INT(ran, 1000);
  CHECK_INT(rig_workers(&r), 1);
  rig_close(&r);
}

static void two_pools_share_a_port(void) {
  tdm_settings s = rig_settings(2);
  recipe other_recipe = {.opens_to_pass = 100};
  tdm_executor *other;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  CHECK_INT(tdm_threads_new(&s, &jobs_runner, &other_recipe, r.port, &other),
            TDM_OK);
  for (int i = 0; i < 1000; i++) {
    tdm_task *t = rig_task(&r, JOB_ECHO, &i, sizeof i);
    CHECK_INT(tdm_executor_submit(i % 3 ? r.e : other, t), TDM_OK);
    if (i % 10 == 0) CHECK_INT(rig_wait(&r, t), TDM_DONE);
  }
  rig_wait_all(&r);
  tdm_executor_close(other);
  while (!tdm_executor_is_over(other))
    tdm_port_wait(r.port, NULL, 1, TDM_FOREVER, 0);
  tdm_executor_free(other);
  CHECK_INT(other_recipe.released, 1);
  rig_close(&r);
}

TESTS(TEST(starts_no_more_than_needed), TEST(starts_all_that_are_needed),
      TEST(priorities_rule), TEST(priority_overtakes_the_queue),
      TEST(full_queue_refuses), TEST(a_claim_wakes_who_waits_for_room),
      TEST(cancels_what_has_not_started), TEST(cancels_all_pending),
      TEST(close_runs_what_is_pending), TEST(close_and_cancel),
      TEST(close_wakes_all_sleepers), TEST(interrupt_ends_sleeps),
      TEST(resize_down_and_up), TEST(resize_races_sleep),
      TEST(views_tell_who_works), TEST(a_pool_of_one_does_all),
      TEST(two_pools_share_a_port), TEST(forks_while_locks_are_held))
