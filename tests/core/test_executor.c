/* What every executor does alike. Each case runs on each kind. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "jobs.h"

/* --- tasks ---------------------------------------------------------------- */

static void echoes_every_size(maker make) {
  static const size_t sizes[] = {0, 1, 24, 25, 4095, 4096, 1 << 20};
  tdm_settings s = rig_settings(2);
  rig r;
  rig_open(&r, make, &s);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t n = sizes[i];
    char *bytes = malloc(n + 1);
    CHECK(bytes != NULL);
    memset(bytes, 'a' + (int)i, n);
    tdm_task *t = rig_submit(&r, JOB_ECHO, bytes, n);
    CHECK_INT(rig_wait(&r, t), TDM_DONE);
    CHECK(payload_is(t, bytes, n));
    CHECK(t->bytes_in == n && t->bytes_out == n);
    tdm_port_release(t);
    free(bytes);
  }
  rig_close(&r);
}

static void check_times(tdm_task *t, void *now) {
  CHECK(t->queued <= t->started && t->started <= t->finished);
  CHECK(t->finished <= *(tdm_time *)now);
  CHECK(t->cpu >= 0 && t->cpu < 1);
  CHECK_INT(t->worker, 1);
}

/* Also of those that are submitted while the one before ends. */
static void times_are_in_order(maker make) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, make, &s);
  tdm_time now = tdm_clock_now();
  for (long i = check_rounds(50000); i > 0; i--)
    CHECK(rig_submit(&r, JOB_ECHO, "x", 1)->queued >= now);
  rig_wait_all(&r);
  now = tdm_clock_now();
  tdm_slab_each(&r.port->slab, check_times, &now);
  rig_close(&r);
}

static void failures_are_outcomes(maker make) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, make, &s);
  tdm_task *t = rig_submit(&r, JOB_FAIL, "", 0);
  CHECK_INT(rig_wait(&r, t), TDM_FAILED);
  CHECK(payload_is(t, "oops", 4));
  tdm_task *u = rig_submit(&r, JOB_NOMEM, "argument", 8);
  CHECK_INT(rig_wait(&r, u), TDM_FAILED);
  CHECK(payload_is(u, "", 0));
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "on", 2)), TDM_DONE);
  rig_close(&r);
}

static void tallies_add_up(maker make) {
  tdm_settings s = rig_settings(3);
  rig r;
  rig_open(&r, make, &s);
  for (int i = 0; i < 100; i++) rig_submit(&r, JOB_ECHO, "12345", 5);
  for (int i = 0; i < 10; i++) rig_submit(&r, JOB_FAIL, "", 0);
  rig_wait_all(&r);
  tdm_tally *sum = tdm_mem_zero(sizeof *sum);
  CHECK(sum != NULL);
  tdm_executor_tally(r.e, sum);
  CHECK_INT(r.e->submitted, 110);
  CHECK_INT(sum->taken, 110);
  CHECK_INT(sum->done, 100);
  CHECK_INT(sum->failed, 10);
  CHECK_INT(sum->bytes_in, 500);
  CHECK_INT(sum->bytes_out, 540);
  tdm_mem_free(sum);
  rig_close(&r);
}

/* --- the end -------------------------------------------------------------- */

static void unused_ends_at_once(maker make) {
  tdm_settings s = rig_settings(4);
  rig r;
  rig_open(&r, make, &s);
  CHECK(!tdm_executor_is_over(r.e));
  tdm_executor_close(r.e);
  CHECK(tdm_executor_is_over(r.e));
  CHECK_INT(rig_workers(&r), 0);
  rig_close(&r);
  CHECK_INT(r.recipe.opened, 0);
}

static void closed_refuses(maker make) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, make, &s);
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  tdm_executor_close(r.e);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_CLOSED);
  CHECK_INT(tdm_executor_run_here(r.e, t), TDM_CLOSED);
  CHECK_INT(r.port->away, 0);
  tdm_port_release(t);
  rig_close(&r);
}

static void ends_with_what_nobody_wants(maker make) {
  tdm_settings s = rig_settings(2);
  rig r;
  rig_open(&r, make, &s);
  for (int i = 0; i < 100; i++)
    tdm_port_release(rig_submit(&r, JOB_ECHO, JOBS_CAUSE, sizeof JOBS_CAUSE));
  rig_end(&r);
  CHECK_INT(r.port->slab.live, 0);
  rig_close(&r);
}

static void interrupted_tells_new_tasks_too(maker make) {
  tdm_settings s = rig_settings(1);
  gate g = GATE_SHUT;
  rig r;
  gate_open(&g);
  rig_open(&r, make, &s);
  tdm_executor_interrupt(r.e);
  tdm_task *t = rig_submit_to(&r, JOB_SLEEP, &g);
  CHECK_INT(rig_wait(&r, t), TDM_FAILED);
  CHECK(payload_is(t, "told to end", 11));
  rig_close(&r);
}

/* --- virtual machines ----------------------------------------------------- */

static int who_ran(rig *r) {
  int number;
  tdm_task *t = rig_submit(r, JOB_WHO, "", 0);
  CHECK_INT(rig_wait(r, t), TDM_DONE);
  CHECK_INT(t->payload.n, sizeof number);
  memcpy(&number, tdm_payload_bytes(&t->payload), sizeof number);
  tdm_port_release(t);
  return number;
}

static void machines_wear_out(maker make) {
  tdm_settings s = rig_settings(1);
  s.max_tasks_per_worker = 3;
  rig r;
  rig_open(&r, make, &s);
  for (int i = 0; i < 10; i++) CHECK_INT(who_ran(&r), 1 + i / 3);
  tdm_tally *sum = tdm_mem_zero(sizeof *sum);
  CHECK(sum != NULL);
  tdm_executor_tally(r.e, sum);
  CHECK_INT(sum->restarts, 3);
  tdm_mem_free(sum);
  rig_close(&r);
  CHECK_INT(r.recipe.opened, 4);
}

static void broken_for_good(maker make) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, make, &s);
  r.recipe.error = TDM_BROKEN;
  r.recipe.opens_to_pass = 0;
  r.recipe.opens_to_fail = 1; /* one is enough */
  tdm_task *t = rig_submit(&r, JOB_ECHO, "x", 1);
  CHECK_INT(rig_wait(&r, t), TDM_FAILED);
  CHECK(payload_is(t, JOBS_CAUSE, strlen(JOBS_CAUSE)));
  tdm_port_release(t);
  t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_BROKEN);
  CHECK_INT(tdm_executor_run_here(r.e, t), TDM_BROKEN);
  CHECK(r.e->cause.n == strlen(JOBS_CAUSE));
  tdm_port_release(t);
  rig_close(&r);
}

static void breaks_at_a_restart(maker make) {
  tdm_settings s = rig_settings(1);
  s.max_tasks_per_worker = 1;
  rig r;
  rig_open(&r, make, &s);
  r.recipe.error = TDM_BROKEN;
  r.recipe.opens_to_pass = 1;
  r.recipe.opens_to_fail = 1;
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_FAILED);
  rig_close(&r);
}

/* The last worker goes on without a machine: its tasks fail, one after
 * another, until there is memory again. */
static void without_memory_for_a_machine(maker make) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, make, &s);
  r.recipe.error = TDM_NOMEM;
  r.recipe.opens_to_pass = 0;
  r.recipe.opens_to_fail = 3;
  for (int i = 0; i < 3; i++) {
    tdm_task *t = rig_submit(&r, JOB_ECHO, "x", 1);
    CHECK_INT(rig_wait(&r, t), TDM_FAILED);
    CHECK(payload_is(t, "", 0));
    tdm_port_release(t);
  }
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  rig_close(&r);
}

/* --- run_here, cancel, fork ----------------------------------------------- */

static void runs_here(maker make) {
  tdm_settings s = rig_settings(1);
  s.queue_limit = 5;
  rig r;
  rig_open(&r, make, &s);
  for (int i = 0; i < 20; i++) {
    tdm_task *t = rig_task(&r, JOB_ECHO, "here", 4);
    CHECK_INT(tdm_executor_run_here(r.e, t), TDM_OK);
    tdm_port_drain(r.port);
    CHECK(t->marks == TDM_SETTLED && t->state == TDM_DONE);
    CHECK(payload_is(t, "here", 4));
    CHECK_INT(t->worker, 0);
    tdm_port_release(t);
  }
  tdm_tally *sum = tdm_mem_zero(sizeof *sum);
  CHECK(sum != NULL);
  tdm_executor_tally(r.e, sum);
  CHECK_INT(sum->done, 20);
  CHECK_INT(r.e->submitted, 20);
  CHECK_INT(r.e->queued, 0);
  tdm_mem_free(sum);
  rig_close(&r);
  CHECK_INT(r.recipe.opened, 1);
}

static void runs_here_without_memory(maker make) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, make, &s);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  tdm_mem_fail_after(1);
  CHECK_INT(tdm_executor_run_here(r.e, t), TDM_NOMEM);
  CHECK_INT(r.port->away, 0);
  tdm_mem_fail_after(2); /* the machine */
  CHECK_INT(tdm_executor_run_here(r.e, t), TDM_OK);
  CHECK_INT(rig_finish(&r, t), TDM_FAILED);
  t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_run_here(r.e, t), TDM_OK);
  CHECK_INT(rig_finish(&r, t), TDM_DONE);
  rig_close(&r);
}

static void cancels_before_submit_only_itself(maker make) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, make, &s);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK(tdm_executor_try_cancel(t));
  CHECK(!tdm_executor_try_cancel(t));
  CHECK_INT(t->marks, TDM_SETTLED);
  CHECK_INT(t->state, TDM_CANCELLED);
  CHECK_INT(r.e->cancelled, 0);
  tdm_port_release(t);
  tdm_task *done = rig_submit(&r, JOB_ECHO, "x", 1);
  rig_wait(&r, done);
  CHECK(!tdm_executor_try_cancel(done));
  CHECK_INT(done->state, TDM_DONE);
  rig_close(&r);
}

/* With the locks in whatever state the parent's threads had them. */
static void use_in_child(rig *r, tdm_task *t) {
  static tdm_tally sum;
  CHECK(tdm_executor_is_foreign(r->e));
  CHECK_INT(tdm_executor_submit(r->e, t), TDM_FORKED);
  CHECK_INT(tdm_executor_run_here(r->e, t), TDM_FORKED);
  tdm_executor_interrupt(r->e);
  tdm_executor_close(r->e);
  CHECK(!tdm_executor_is_over(r->e));
  CHECK_INT(tdm_executor_cancel_pending(r->e), 0);
  tdm_executor_tally(r->e, &sum);
}

static void foreign_after_a_fork(maker make) {
  tdm_settings s = rig_settings(1);
  int status;
  rig r;
  rig_open(&r, make, &s);
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  tdm_task *t = rig_task(&r, JOB_ECHO, "x", 1);
  pid_t pid = fork();
  if (pid == 0) {
    use_in_child(&r, t);
    _exit(0);
  }
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
  CHECK(!tdm_executor_is_foreign(r.e));
  CHECK_INT(tdm_executor_submit(r.e, t), TDM_OK);
  CHECK_INT(rig_finish(&r, t), TDM_DONE);
  rig_close(&r);
}

static void without_memory_to_make(maker make) {
  tdm_settings s = rig_settings(1);
  recipe rec = {0};
  tdm_executor *e = NULL;
  tdm_mem_fail_after(1);
  CHECK_INT(make(&s, &jobs_runner, &rec, NULL, &e), TDM_NOMEM);
  CHECK(e == NULL);
  CHECK_INT(rec.released, 0);
}

/* --- each on each --------------------------------------------------------- */

/* The first ones keep no eye on the machines, which may be far away. */
/* clang-format off */
#define FAR_CASES(X) \
  X(echoes_every_size) \
  X(times_are_in_order) \
  X(failures_are_outcomes) \
  X(tallies_add_up) \
  X(unused_ends_at_once) \
  X(closed_refuses) \
  X(ends_with_what_nobody_wants) \
  X(runs_here) \
  X(runs_here_without_memory) \
  X(cancels_before_submit_only_itself) \
  X(foreign_after_a_fork) \
  X(without_memory_to_make)
#define CASES(X) \
  FAR_CASES(X) \
  X(interrupted_tells_new_tasks_too) \
  X(machines_wear_out) \
  X(broken_for_good) \
  X(breaks_at_a_restart) \
  X(without_memory_for_a_machine)
/* clang-format on */

#define DEFINE(name)                                           \
  static void name##__threads(void) { name(tdm_threads_new); } \
  static void name##__serial(void) { name(tdm_serial_new); }
CASES(DEFINE)

#define DEFINE_FAR(name) \
  static void name##__procs(void) { name(tdm_procs_new); }
FAR_CASES(DEFINE_FAR)

#define LIST(name) TEST(name##__threads), TEST(name##__serial),
#define LIST_FAR(name) TEST(name##__procs),
TESTS(CASES(LIST) FAR_CASES(LIST_FAR))
