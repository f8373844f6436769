/* The executor of worker processes: who starts when, who gets what, who leaves;
 * what dies there is in test_deaths.c. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "crew.h"
#include "procs.h"

/* --- the journey ---------------------------------------------------------- */

static void runs_elsewhere(void) {
  crew c;
  pid_t pid;
  crew_open_with(&c, 2);
  CHECK_INT(rig_workers(&c.r), 0);
  tdm_task *t = rig_submit(&c.r, JOB_PID, "", 0);
  CHECK_INT(rig_wait(&c.r, t), TDM_DONE);
  CHECK_INT(t->payload.n, sizeof pid);
  memcpy(&pid, tdm_payload_bytes(&t->payload), sizeof pid);
  CHECK(pid != getpid() && pid != crew_zygote(&c));
  CHECK(getpgid(pid) == pid);
  CHECK_INT(t->worker, 1);
  tdm_port_release(t);
  crew_close(&c);
}

static void starts_no_more_than_needed(void) {
  crew c;
  crew_open_with(&c, 4);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
    rig_wait_asleep(&c.r, 1);
    CHECK_INT(rig_workers(&c.r), 1);
  }
  crew_close(&c);
}

static void starts_all_that_are_needed(void) {
  enum { WORKERS = 5 };
  door d;
  crew c;
  crew_open_with(&c, WORKERS);
  door_make(&d);
  for (int i = 0; i < 3 * WORKERS; i++)
    rig_submit(&c.r, JOB_DOOR, &d.address, sizeof d.address);
  door_await(&d, WORKERS);
  CHECK_INT(rig_workers(&c.r), WORKERS);
  door_let(&d, 3 * WORKERS);
  rig_wait_all(&c.r);
  CHECK_INT(rig_workers(&c.r), WORKERS);
  door_fini(&d);
  crew_close(&c);
}

static void check_number(tdm_task *t, void *arg) {
  long n;
  CHECK_INT(t->state, TDM_DONE);
  CHECK_INT(t->payload.n, sizeof n);
  memcpy(&n, tdm_payload_bytes(&t->payload), sizeof n);
  *(long *)arg += n;
}

/* More than there are slots, at once. */
static void many_tasks(unsigned workers, tdm_time spin, long n) {
  tdm_settings s = rig_settings(workers);
  s.spin = spin;
  long sum = 0;
  crew c;
  crew_open(&c, &s);
  for (long i = 0; i < n; i++) rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
  rig_wait_all(&c.r);
  tdm_slab_each(&c.r.port->slab, check_number, &sum);
  CHECK_INT(sum, n * (n - 1) / 2);
  crew_close(&c);
}

static void many_tasks_for_one(void) { many_tasks(1, 50000, 100000); }
static void many_tasks_for_three(void) { many_tasks(3, 50000, 100000); }
static void many_tasks_without_spin(void) { many_tasks(3, 0, 100000); }

/* Gaps around the time that a worker spins before it sleeps. */
static void ping_pong(void) {
  crew c;
  unsigned seed = 7;
  crew_open_with(&c, 2);
  for (long i = check_rounds(20000); i > 0; i--) {
    tdm_task *t = rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
    CHECK_INT(rig_wait(&c.r, t), TDM_DONE);
    CHECK(payload_is(t, &i, sizeof i));
    tdm_port_release(t);
    tdm_time gap = i % 8 == 0 ? check_random(&seed, 100000) : 2000;
    tdm_time until = tdm_clock_now() + gap;
    while (tdm_clock_now() < until) tdm_pause();
  }
  crew_close(&c);
}

/* All workers must come, so each wake-up matters. */
static void all_must_come(void) {
  enum { WORKERS = 3 };
  tdm_settings s = rig_settings(WORKERS);
  s.spin = 0;
  door d;
  crew c;
  crew_open(&c, &s);
  door_make(&d);
  for (long i = check_rounds(1500); i > 0; i--) {
    for (int k = 0; k < WORKERS; k++)
      tdm_port_release(
          rig_submit(&c.r, JOB_DOOR, &d.address, sizeof d.address));
    door_await(&d, WORKERS);
    door_let(&d, WORKERS);
    rig_wait_all(&c.r);
  }
  door_fini(&d);
  crew_close(&c);
}

/* --- big arguments and results -------------------------------------------- */

static char *pattern(size_t n) {
  char *bytes = malloc(n + 1);
  CHECK(bytes != NULL);
  for (size_t i = 0; i < n; i++) bytes[i] = big_byte(i);
  return bytes;
}

static void big_both_ways(size_t n, int times) {
  char *bytes = pattern(n);
  crew c;
  crew_open_with(&c, 2);
  for (int i = 0; i < times; i++) {
    tdm_task *a = rig_submit(&c.r, JOB_ECHO, bytes, n);
    tdm_task *b = rig_submit(&c.r, JOB_BIG, &n, sizeof n);
    CHECK_INT(rig_wait(&c.r, a), TDM_DONE);
    CHECK_INT(rig_wait(&c.r, b), TDM_DONE);
    CHECK(payload_is(a, bytes, n));
    CHECK(payload_is(b, bytes, n));
    tdm_port_release(a);
    tdm_port_release(b);
  }
  free(bytes);
  crew_close(&c);
}

static void sizes_around_the_bounds(void) {
  static const size_t sizes[] = {
      0,    1,    24,   25,    127,   128,   129,   511,   512,   513,
      4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 65537, 1000000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    big_both_ways(sizes[i], 3);
}

static void a_mebibyte(void) {
  big_both_ways((size_t)1 << 20, (int)check_rounds(200));
}
static void sixty_four_mebibytes(void) {
  big_both_ways((size_t)64 << 20, (int)check_rounds(3));
}

/* Results that are read in place outlive the pool. */
static void results_outlive_the_pool(void) {
  enum { N = 8 };
  size_t n = 100000;
  tdm_task *t[N];
  crew c;
  char *bytes = pattern(n);
  crew_open_with(&c, 2);
  for (int i = 0; i < N; i++) t[i] = rig_submit(&c.r, JOB_BIG, &n, sizeof n);
  rig_end(&c.r);
  tdm_executor_free(c.r.e);
  for (int i = 0; i < N; i++) {
    CHECK_INT(rig_wait(&c.r, t[i]), TDM_DONE);
    CHECK(payload_is(t[i], bytes, n));
    tdm_port_release(t[i]);
  }
  tdm_port_free(c.r.port);
  for (int i = 0; i < JOBS; i++) tdm_func_release(c.r.func[i]);
  free(bytes);
  belongings_check(c.before);
}

/* --- order ---------------------------------------------------------------- */

static void priorities_rule(void) {
  static const int priority[] = {0, 5, -5, 5, 0, 1, -5, 9};
  static const int order[] = {7, 1, 3, 5, 0, 4, 2, 6};
  enum { N = sizeof order / sizeof order[0] };
  tdm_task *t[N];
  door d;
  crew c;
  crew_open_with(&c, 1);
  door_make(&d);
  crew_hold(&c, &d);
  for (int i = 0; i < N; i++) {
    t[i] = rig_task(&c.r, JOB_ECHO, "x", 1);
    t[i]->priority = priority[i];
    CHECK_INT(tdm_executor_submit(c.r.e, t[i]), TDM_OK);
  }
  door_let(&d, 1);
  rig_wait_all(&c.r);
  for (int i = 1; i < N; i++)
    CHECK(t[order[i - 1]]->finished <= t[order[i]]->started);
  door_fini(&d);
  crew_close(&c);
}

/* A task with a priority overtakes what is posted already, and more than there
 * are slots. */
static void priority_overtakes_the_ring(void) {
  enum { N = 10000 };
  tdm_task *t[N];
  door d;
  crew c;
  crew_open_with(&c, 1);
  door_make(&d);
  crew_hold(&c, &d);
  for (int i = 0; i < N; i++) t[i] = rig_submit(&c.r, JOB_ECHO, "x", 1);
  tdm_task *first = rig_task(&c.r, JOB_ECHO, "x", 1);
  first->priority = 1;
  CHECK_INT(tdm_executor_submit(c.r.e, first), TDM_OK);
  door_let(&d, 1);
  rig_wait_all(&c.r);
  CHECK(first->finished <= t[0]->started);
  for (int i = 1; i < N; i++) CHECK(t[i - 1]->finished <= t[i]->started);
  door_fini(&d);
  crew_close(&c);
}

/* --- a bounded queue ------------------------------------------------------ */

static void full_queue_refuses(void) {
  tdm_settings s = rig_settings(1);
  s.queue_limit = 3;
  tdm_task *waiting[3];
  door d;
  crew c;
  crew_open(&c, &s);
  door_make(&d);
  crew_hold(&c, &d);
  for (int i = 0; i < 3; i++) waiting[i] = rig_submit(&c.r, JOB_ECHO, "x", 1);
  tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_FULL);
  CHECK_INT(tdm_executor_run_here(c.r.e, t), TDM_OK);
  CHECK_INT(rig_wait(&c.r, t), TDM_DONE);
  t = rig_task(&c.r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_FULL);
  CHECK(tdm_executor_try_cancel(waiting[1])); /* makes room */
  CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_OK);
  door_let(&d, 1);
  rig_wait_all(&c.r);
  CHECK_INT(c.r.e->submitted, 6);
  CHECK_INT(c.r.e->cancelled, 1);
  door_fini(&d);
  crew_close(&c);
}

/* Who waits for room is woken when a task is claimed, not when one is done. */
static void a_claim_wakes_who_waits_for_room(void) {
  tdm_settings s = rig_settings(1);
  s.queue_limit = 1;
  door d;
  crew c;
  crew_open(&c, &s);
  door_make(&d);
  for (long i = check_rounds(2000); i > 0; i--) {
    tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
    while (tdm_executor_submit(c.r.e, t) == TDM_FULL) {
      tdm_port_drain(c.r.port);
      CHECK_INT(tdm_port_wait(c.r.port, NULL, 1, TDM_FOREVER, 0), TDM_OK);
    }
  }
  rig_wait_all(&c.r);
  rig_submit(&c.r, JOB_DOOR, &d.address, sizeof d.address);
  tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
  while (tdm_executor_submit(c.r.e, t) == TDM_FULL)
    CHECK_INT(tdm_port_wait(c.r.port, NULL, 1, TDM_FOREVER, 0), TDM_OK);
  door_let(&d, 1);
  rig_wait_all(&c.r);
  door_fini(&d);
  crew_close(&c);
}

/* --- cancelling ----------------------------------------------------------- */

static void cancels_what_has_not_started(void) {
  door d;
  crew c;
  crew_open_with(&c, 1);
  door_make(&d);
  tdm_task *held = crew_hold(&c, &d);
  tdm_task *a = rig_submit(&c.r, JOB_ECHO, "a", 1);
  tdm_task *b = rig_submit(&c.r, JOB_ECHO, "b", 1);
  CHECK_INT(tdm_executor_state(held), TDM_RUNNING);
  CHECK_INT(tdm_executor_state(a), TDM_PENDING);
  CHECK(!tdm_executor_try_cancel(held));
  CHECK(tdm_executor_try_cancel(a));
  CHECK(!tdm_executor_try_cancel(a));
  CHECK_INT(a->state, TDM_CANCELLED);
  tdm_port_release(a);
  door_let(&d, 1);
  CHECK_INT(rig_wait(&c.r, b), TDM_DONE);
  rig_wait_all(&c.r);
  CHECK_INT(held->state, TDM_DONE);
  CHECK_INT(c.r.port->slab.live, 2);
  door_fini(&d);
  crew_close(&c);
}

static void cancels_all_pending(void) {
  enum { N = 10000 };
  tdm_task *t[N];
  door d;
  crew c;
  crew_open_with(&c, 1);
  door_make(&d);
  crew_hold(&c, &d);
  for (int i = 0; i < N; i++) t[i] = rig_submit(&c.r, JOB_ECHO, "x", 1);
  CHECK(tdm_executor_try_cancel(t[50]));
  CHECK(tdm_executor_try_cancel(t[N - 1]));
  CHECK_INT(tdm_executor_cancel_pending(c.r.e), N - 2);
  CHECK_INT(tdm_executor_cancel_pending(c.r.e), 0);
  for (int i = 0; i < N; i++) CHECK_INT(t[i]->state, TDM_CANCELLED);
  CHECK_INT(c.r.e->cancelled, N);
  door_let(&d, 1);
  rig_wait_all(&c.r);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  door_fini(&d);
  crew_close(&c);
}

/* Cancelling races claiming. */
static void cancel_races_claim(void) {
  unsigned seed = 3;
  long cancelled = 0, n = check_rounds(50000);
  crew c;
  crew_open_with(&c, 2);
  for (long i = 0; i < n; i++) {
    tdm_task *t = rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
    for (unsigned k = check_random(&seed, 1000); k > 0; k--) tdm_pause();
    if (tdm_executor_try_cancel(t)) {
      CHECK_INT(t->state, TDM_CANCELLED);
      cancelled++;
    } else {
      CHECK_INT(rig_wait(&c.r, t), TDM_DONE);
      CHECK(payload_is(t, &i, sizeof i));
    }
    tdm_port_release(t);
  }
  rig_wait_all(&c.r);
  CHECK_INT(c.r.e->cancelled, cancelled);
  CHECK_INT(c.r.port->slab.live, 0);
  crew_close(&c);
}

static void kills_what_runs(void) {
  door d;
  crew c;
  pid_t before, after;
  crew_open_with(&c, 1);
  door_make(&d);
  for (int i = 0; i < 5; i++) {
    tdm_task *t = rig_submit(&c.r, JOB_LOOP, &d.address, sizeof d.address);
    door_await(&d, 1);
    CHECK_INT(crew_pids(&c, &before, 1), 1);
    CHECK(!tdm_executor_try_cancel(t));
    CHECK(tdm_executor_try_kill(t));
    CHECK(!tdm_executor_try_kill(t));
    CHECK_INT(t->state, TDM_CANCELLED);
    tdm_port_release(t);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
    CHECK_INT(crew_pids(&c, &after, 1), 1);
    CHECK(before != after);
  }
  CHECK_INT(c.r.e->cancelled, 5);
  CHECK(!c.r.e->broken);
  door_fini(&d);
  crew_close(&c);
}

/* Killing races finishing: of each task either is true, and no other task is
 * hit. */
static void kill_races_finish(void) {
  unsigned seed = 5;
  crew c;
  crew_open_with(&c, 2);
  for (long i = check_rounds(400); i > 0; i--) {
    tdm_task *t = rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
    tdm_task *other = rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
    for (unsigned k = check_random(&seed, 2000); k > 0; k--) tdm_pause();
    if (!tdm_executor_try_kill(t)) CHECK_INT(rig_wait(&c.r, t), TDM_DONE);
    CHECK_INT(rig_wait(&c.r, other), TDM_DONE);
    CHECK(payload_is(other, &i, sizeof i));
    tdm_port_release(t);
    tdm_port_release(other);
  }
  rig_wait_all(&c.r);
  crew_close(&c);
}

/* --- closing -------------------------------------------------------------- */

static void unused_ends_at_once(void) {
  crew c;
  crew_open_with(&c, 4);
  CHECK(!tdm_executor_is_over(c.r.e));
  tdm_executor_close(c.r.e);
  CHECK(tdm_executor_is_over(c.r.e));
  crew_close(&c);
}

static void close_runs_what_is_pending(void) {
  enum { N = 6000 };
  door d;
  crew c;
  long sum = 0;
  crew_open_with(&c, 2);
  door_make(&d);
  tdm_port_release(crew_hold(&c, &d));
  tdm_port_release(crew_hold(&c, &d));
  for (long i = 0; i < N; i++) rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
  tdm_executor_close(c.r.e);
  CHECK(!tdm_executor_is_over(c.r.e));
  door_let(&d, 2);
  rig_end(&c.r);
  tdm_slab_each(&c.r.port->slab, check_number, &sum);
  CHECK_INT(sum, (long)N * (N - 1) / 2);
  door_fini(&d);
  crew_close(&c);
}

static void close_and_cancel(void) {
  door d;
  crew c;
  crew_open_with(&c, 2);
  door_make(&d);
  crew_hold(&c, &d);
  crew_hold(&c, &d);
  for (int i = 0; i < 500; i++) rig_submit(&c.r, JOB_ECHO, "x", 1);
  tdm_executor_close(c.r.e);
  CHECK_INT(tdm_executor_cancel_pending(c.r.e), 500);
  door_let(&d, 2);
  rig_end(&c.r);
  CHECK_INT(c.r.e->cancelled, 500);
  door_fini(&d);
  crew_close(&c);
}

static void close_and_kill(void) {
  door d;
  crew c;
  tdm_task *t[2];
  crew_open_with(&c, 2);
  door_make(&d);
  for (int i = 0; i < 2; i++) {
    t[i] = rig_submit(&c.r, JOB_LOOP, &d.address, sizeof d.address);
    door_await(&d, 1);
  }
  for (int i = 0; i < 500; i++) rig_submit(&c.r, JOB_ECHO, "x", 1);
  tdm_executor_close(c.r.e);
  tdm_executor_cancel_pending(c.r.e);
  tdm_executor_kill(c.r.e);
  rig_end(&c.r);
  for (int i = 0; i < 2; i++) CHECK_INT(t[i]->state, TDM_CANCELLED);
  CHECK_INT(c.r.e->cancelled, 502);
  door_fini(&d);
  crew_close(&c);
}

/* Without closing it: what is pending runs in new workers. */
static void kill_alone(void) {
  door d;
  crew c;
  crew_open_with(&c, 2);
  door_make(&d);
  for (int i = 0; i < 3; i++) {
    tdm_task *t = rig_submit(&c.r, JOB_LOOP, &d.address, sizeof d.address);
    door_await(&d, 1);
    tdm_executor_kill(c.r.e);
    CHECK_INT(rig_finish(&c.r, t), TDM_CANCELLED);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  }
  door_fini(&d);
  crew_close(&c);
}

static void close_wakes_all_sleepers(void) {
  enum { WORKERS = 20 };
  tdm_settings s = rig_settings(WORKERS);
  s.spin = 0;
  door d;
  crew c;
  crew_open(&c, &s);
  door_make(&d);
  for (int i = 0; i < WORKERS; i++) crew_hold(&c, &d);
  door_let(&d, WORKERS);
  rig_wait_all(&c.r);
  rig_wait_asleep(&c.r, WORKERS);
  door_fini(&d);
  crew_close(&c);
}

static void interrupt_ends_sleeps(void) {
  tdm_task *t[3];
  door d;
  crew c;
  crew_open_with(&c, 3);
  door_make(&d);
  for (int i = 0; i < 3; i++) {
    t[i] = rig_submit(&c.r, JOB_NAP, &d.address, sizeof d.address);
    door_await(&d, 1);
  }
  tdm_executor_interrupt(c.r.e);
  for (int i = 0; i < 3; i++) {
    CHECK_INT(rig_wait(&c.r, t[i]), TDM_FAILED);
    CHECK(payload_is(t[i], "told to end", 11));
  }
  tdm_task *next = rig_submit(&c.r, JOB_NAP, &d.address, sizeof d.address);
  CHECK_INT(rig_wait(&c.r, next), TDM_FAILED); /* it is told from the start */
  door_fini(&d);
  crew_close(&c);
}

/* --- resizing ------------------------------------------------------------- */

static void resize_down_and_up(void) {
  door d;
  crew c;
  crew_open_with(&c, 8);
  door_make(&d);
  for (int i = 0; i < 8; i++) crew_hold(&c, &d);
  door_let(&d, 8);
  rig_wait_all(&c.r);
  CHECK_INT(c.r.e->ops->resize(c.r.e, 3), TDM_OK);
  crew_await_workers(&c, 3);
  for (int i = 0; i < 10; i++)
    rig_submit(&c.r, JOB_DOOR, &d.address, sizeof d.address);
  door_await(&d, 3);
  CHECK_INT(rig_workers(&c.r), 3);
  CHECK_INT(c.r.e->ops->resize(c.r.e, 6), TDM_OK); /* work lies there */
  door_await(&d, 3);
  CHECK_INT(rig_workers(&c.r), 6);
  CHECK_INT(c.r.e->ops->resize(c.r.e, 1), TDM_OK);
  door_let(&d, 10);
  rig_wait_all(&c.r);
  crew_await_workers(&c, 1);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  door_fini(&d);
  crew_close(&c);
}

/* Workers on their way to sleep see that they are too many, too. */
static void resize_races_sleep(void) {
  tdm_settings s = rig_settings(4);
  s.spin = 0;
  unsigned seed = 19;
  door d;
  crew c;
  crew_open(&c, &s);
  door_make(&d);
  for (long i = check_rounds(200); i > 0; i--) {
    for (int k = 0; k < 4; k++)
      tdm_port_release(
          rig_submit(&c.r, JOB_DOOR, &d.address, sizeof d.address));
    door_await(&d, 4);
    door_let(&d, 4);
    for (unsigned k = check_random(&seed, 2000); k > 0; k--) tdm_pause();
    CHECK_INT(c.r.e->ops->resize(c.r.e, 1), TDM_OK);
    rig_wait_all(&c.r);
    CHECK_INT(c.r.e->ops->resize(c.r.e, 4), TDM_OK);
  }
  door_fini(&d);
  crew_close(&c);
}

static void workers_wear_out(void) {
  tdm_settings s = rig_settings(2);
  s.max_tasks_per_worker = 10;
  long n = check_rounds(2000), sum = 0;
  crew c;
  crew_open(&c, &s);
  for (long i = 0; i < n; i++) rig_submit(&c.r, JOB_ECHO, &i, sizeof i);
  rig_wait_all(&c.r);
  tdm_slab_each(&c.r.port->slab, check_number, &sum);
  CHECK_INT(sum, n * (n - 1) / 2);
  while (crew_restarts(&c) < (uint64_t)n / 10 - 2) usleep(1000);
  CHECK(!c.r.e->broken);
  crew_close(&c);
}

static void each_worker_does_one(void) {
  tdm_settings s = rig_settings(2);
  s.max_tasks_per_worker = 1;
  crew c;
  crew_open(&c, &s);
  for (long i = check_rounds(200); i > 0; i--)
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  crew_close(&c);
}

/* --- looking on ----------------------------------------------------------- */

static void views_tell_who_works(void) {
  tdm_worker_view v[3];
  door d;
  crew c;
  crew_open_with(&c, 3);
  door_make(&d);
  for (int i = 0; i < 3; i++) crew_hold(&c, &d);
  CHECK_INT(c.r.e->ops->workers(c.r.e, v, 2), 3);
  CHECK_INT(c.r.e->ops->workers(c.r.e, v, 3), 3);
  double now = (double)tdm_clock_now() * 1e-9;
  for (int i = 0; i < 3; i++) {
    CHECK(v[i].func == c.r.func[JOB_DOOR]);
    CHECK(v[i].since > 0 && v[i].since <= now);
    CHECK(v[i].id >= 1 && v[i].id <= 3 && kill(v[i].pid, 0) == 0);
    CHECK(v[i].id != v[(i + 1) % 3].id && v[i].pid != v[(i + 1) % 3].pid);
  }
  door_let(&d, 3);
  rig_wait_all(&c.r);
  CHECK_INT(c.r.e->ops->workers(c.r.e, v, 3), 3);
  for (int i = 0; i < 3; i++) {
    CHECK(v[i].func == NULL && v[i].since <= 0);
    CHECK_INT(v[i].tasks, 1);
  }
  door_fini(&d);
  crew_close(&c);
}

static void two_pools_share_a_port(void) {
  tdm_settings s = rig_settings(2);
  recipe other_recipe = {.opens_to_pass = 100};
  tdm_executor *other;
  crew c;
  crew_open(&c, &s);
  CHECK_INT(tdm_procs_new(&c.r.e->settings, &jobs_runner, &other_recipe,
                          c.r.port, &other),
            TDM_OK);
  for (int i = 0; i < 1000; i++) {
    tdm_task *t = rig_task(&c.r, JOB_ECHO, &i, sizeof i);
    CHECK_INT(tdm_executor_submit(i % 3 ? c.r.e : other, t), TDM_OK);
    if (i % 10 == 0) CHECK_INT(rig_wait(&c.r, t), TDM_DONE);
  }
  rig_wait_all(&c.r);
  tdm_executor_close(other);
  while (!tdm_executor_is_over(other))
    tdm_port_wait(c.r.port, NULL, 1, TDM_FOREVER, 0);
  tdm_executor_free(other);
  CHECK_INT(other_recipe.released, 1);
  crew_close(&c);
}

/* --- a forked child ------------------------------------------------------- */

static void use_in_child(crew *c, tdm_task *t) {
  static tdm_tally sum;
  alarm(10); /* the case's own is not inherited */
  CHECK(tdm_executor_is_foreign(c->r.e));
  CHECK_INT(tdm_executor_submit(c->r.e, t), TDM_FORKED);
  CHECK_INT(tdm_executor_run_here(c->r.e, t), TDM_FORKED);
  tdm_executor_interrupt(c->r.e);
  tdm_executor_close(c->r.e);
  tdm_executor_kill(c->r.e);
  CHECK(!tdm_executor_is_over(c->r.e));
  CHECK_INT(tdm_executor_cancel_pending(c->r.e), 0);
  tdm_executor_tally(c->r.e, &sum);
  CHECK_INT(rig_workers(&c->r), 0);
  CHECK_INT(c->r.e->ops->resize(c->r.e, 2), TDM_FORKED);
}

static void foreign_after_a_fork(void) {
  crew c;
  crew_open_with(&c, 2);
  for (long i = check_rounds(100); i > 0; i--) {
    int status;
    for (int k = 0; k < 20; k++)
      tdm_port_release(rig_submit(&c.r, JOB_ECHO, "x", 1));
    tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
    pid_t pid = fork();
    if (pid == 0) {
      use_in_child(&c, t);
      _exit(0);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_OK);
    CHECK_INT(rig_finish(&c.r, t), TDM_DONE);
  }
  rig_wait_all(&c.r);
  crew_close(&c);
}

/* A child that lives on keeps no worker alive, and no host waiting. */
static void a_child_holds_nothing_open(void) {
  crew c;
  pid_t worker;
  crew_open_with(&c, 1);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  CHECK_INT(crew_pids(&c, &worker, 1), 1);
  pid_t zygote = crew_zygote(&c), child = fork();
  if (child == 0) {
    alarm(60);
    for (;;) pause();
  }
  strike(worker, SIGKILL); /* and its death is seen */
  await_death(worker);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  rig_end(&c.r);
  await_death(zygote);
  strike(child, SIGKILL);
  CHECK_INT(waitpid(child, NULL, 0), child);
  crew_close(&c);
}

/* What a worker has lent so far, some. */
static int lend_some(crew *c) {
  for (int i = 0; i < 20; i++) CHECK_INT(crew_do(c, JOB_LEND), TDM_DONE);
  return tdm_procs_errands_fd(tdm_procs_of(c->r.e));
}

static void a_child_holds_no_errands(void) {
  crew c;
  int status;
  crew_open_with(&c, 3);
  int fd = lend_some(&c);
  CHECK(fd >= 0);
  pid_t child = fork();
  if (child == 0) _exit(fcntl(fd, F_GETFD) >= 0);
  CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
  crew_close(&c);
}

/* JOB_LEND, and what it lends: however often that has come and gone. */
static void what_is_lent_keeps_its_number(void) {
  crew c;
  crew_open_with(&c, 3);
  lend_some(&c);
  CHECK_INT(tdm_procs_of(c.r.e)->func_count, 2);
  crew_close(&c);
}

/* --- again and again ------------------------------------------------------ */

static void cold_cycles(void) {
  belongings before = belongings_now();
  for (long i = check_rounds(100); i > 0; i--) {
    crew c;
    crew_open_with(&c, 2);
    for (int k = 0; k < 4; k++) rig_submit(&c.r, JOB_ECHO, "x", 1);
    if (i % 3 != 0) rig_wait_all(&c.r);
    crew_close(&c);
  }
  belongings_check(before);
}

TESTS(TEST(runs_elsewhere), TEST(starts_no_more_than_needed),
      TEST(starts_all_that_are_needed), TEST(many_tasks_for_one),
      TEST(many_tasks_for_three), TEST(many_tasks_without_spin),
      TEST(ping_pong), TEST(all_must_come), TEST(sizes_around_the_bounds),
      TEST(a_mebibyte), TEST(sixty_four_mebibytes),
      TEST(results_outlive_the_pool), TEST(priorities_rule),
      TEST(priority_overtakes_the_ring), TEST(full_queue_refuses),
      TEST(a_claim_wakes_who_waits_for_room),
      TEST(cancels_what_has_not_started), TEST(cancels_all_pending),
      TEST(cancel_races_claim), TEST(kills_what_runs), TEST(kill_races_finish),
      TEST(unused_ends_at_once), TEST(close_runs_what_is_pending),
      TEST(close_and_cancel), TEST(close_and_kill), TEST(kill_alone),
      TEST(close_wakes_all_sleepers), TEST(interrupt_ends_sleeps),
      TEST(resize_down_and_up), TEST(resize_races_sleep),
      TEST(workers_wear_out), TEST(each_worker_does_one),
      TEST(views_tell_who_works), TEST(two_pools_share_a_port),
      TEST(foreign_after_a_fork), TEST(a_child_holds_nothing_open),
      TEST(a_child_holds_no_errands), TEST(what_is_lent_keeps_its_number),
      TEST(cold_cycles))
