/* Continuations: who hands them on, and that each has one outcome, whatever
 * happens meanwhile. */
#include "then.h"

#include <sched.h>
#include <string.h>

#include "check.h"
#include "crew.h"
#include "shortage.h"

/* --- helpers -------------------------------------------------------------- */

/* A second executor on the rig's port. */
typedef struct second {
  rig *r;
  recipe recipe;
  tdm_executor *e;
} second;

static void second_open(second *s, rig *r, maker make, tdm_settings settings) {
  *s = (second){.r = r};
  tdm_store_total(&s->recipe.opens_to_pass, 1 << 30);
  settings.recipe_size = sizeof(recipe);
  CHECK_INT(make(&settings, &jobs_runner, &s->recipe, r->port, &s->e), TDM_OK);
}

static void second_close(second *s) {
  tdm_executor_close(s->e);
  while (!tdm_executor_is_over(s->e)) {
    tdm_port_drain(s->r->port);
    tdm_port_wait(s->r->port, NULL, 1, TDM_FOREVER, 0);
  }
  tdm_executor_free(s->e);
}

/* Until nothing is away. A serial continuation runs when the one before it has
 * come home, so any that comes may matter. */
static void come_home(rig *r) {
  while (tdm_port_drain(r->port), r->port->away != 0)
    CHECK_INT(tdm_port_wait(r->port, NULL, 1, TDM_FOREVER, 0), TDM_OK);
}

static tdm_task *fresh(rig *r, enum job job, const void *arg, size_t n) {
  tdm_task *t = rig_task(r, job, arg, n);
  t->job = JOBS_THEN;
  return t;
}

static tdm_task *then_on(rig *r, tdm_executor *e, tdm_task *before,
                         enum job job, const void *arg, size_t n) {
  tdm_task *t = fresh(r, job, arg, n);
  CHECK_INT(tdm_then_add(before, t, e), TDM_OK);
  return t;
}

static tdm_task *then_add(rig *r, tdm_executor *e, tdm_task *before, int n) {
  return then_on(r, e, before, JOB_ADD, &n, sizeof n);
}

static tdm_task *then_to(rig *r, tdm_task *before, enum job job,
                         const void *target) {
  return then_on(r, r->e, before, job, &target, sizeof target);
}

static tdm_task *submit_int(rig *r, int n) {
  return rig_submit(r, JOB_ADD, &n, sizeof n);
}

static int is_int(const tdm_task *t, int n) {
  return payload_is(t, &n, sizeof n);
}

static void open_threads(rig *r, unsigned workers) {
  tdm_settings s = rig_settings(workers);
  rig_open(r, tdm_threads_new, &s);
}

/* Holds the one worker until the gate is opened. */
static tdm_task *hold(rig *r, gate *g) {
  tdm_task *t = rig_submit_to(r, JOB_GATE, g);
  gate_await(g, 1);
  return t;
}

/* --- results -------------------------------------------------------------- */

static void add_three(rig *r, tdm_executor *other) {
  tdm_task *a = submit_int(r, 1);
  tdm_task *b = then_add(r, other, a, 10);
  tdm_task *c = then_add(r, r->e, b, 100);
  CHECK_INT(rig_wait(r, c), TDM_DONE);
  CHECK(is_int(c, 111));
  CHECK(is_int(b, 11));
  tdm_task *late = then_add(r, other, c, 1000); /* it is over */
  CHECK_INT(rig_wait(r, late), TDM_DONE);
  CHECK(is_int(late, 1111));
  CHECK(is_int(c, 111)); /* what is handed on is a copy */
}

static void between(maker first, maker other) {
  tdm_settings s = rig_settings(2);
  rig r;
  second two;
  rig_open(&r, first, &s);
  second_open(&two, &r, other, s);
  add_three(&r, r.e);
  add_three(&r, two.e);
  second_close(&two);
  rig_close(&r);
}

static void threads_to_threads(void) {
  between(tdm_threads_new, tdm_threads_new);
}
static void threads_to_serial(void) {
  between(tdm_threads_new, tdm_serial_new);
}
static void serial_to_threads(void) {
  between(tdm_serial_new, tdm_threads_new);
}
static void serial_to_serial(void) { between(tdm_serial_new, tdm_serial_new); }

static void processes_and_threads(void) {
  crew c;
  second two;
  crew_open_with(&c, 2);
  second_open(&two, &c.r, tdm_threads_new, rig_settings(2));
  add_three(&c.r, c.r.e);
  add_three(&c.r, two.e);
  second_close(&two);
  crew_close(&c);
}

/* In the order in which they were added, before and after the end. */
static void several_in_order(void) {
  enum { N = 20 };
  gate g = GATE_SHUT;
  int list[N];
  atomic_int n = 0;
  rig r;
  open_threads(&r, 1);
  tdm_task *a = hold(&r, &g);
  for (int i = 0; i < N; i++) {
    note x = {list, &n, i};
    if (i == N / 2) {
      gate_open(&g);
      CHECK_INT(rig_wait(&r, a), TDM_DONE);
    }
    then_on(&r, r.e, a, JOB_NOTE, &x, sizeof x);
  }
  rig_wait_all(&r);
  for (int i = 0; i < N; i++) CHECK_INT(list[i], i);
  rig_close(&r);
}

/* The port's thread does nothing here until the last one runs. */
static void needs_no_port_thread(void) {
  gate g = GATE_SHUT, end = GATE_SHUT;
  rig r;
  open_threads(&r, 1);
  tdm_task *t = hold(&r, &g);
  for (int i = 0; i < 10; i++) t = then_add(&r, r.e, t, 1);
  tdm_task *last = then_to(&r, t, JOB_GATE, &end);
  gate_open(&g);
  gate_await(&end, 1);
  CHECK(!(last->marks & TDM_SETTLED) && r.port->away == 12);
  gate_open(&end);
  CHECK_INT(rig_wait(&r, last), TDM_DONE);
  rig_close(&r);
}

/* Nor with processes: the manager takes the results in. */
static void needs_no_port_thread__processes(void) {
  crew c;
  door d, end;
  crew_open_with(&c, 1);
  door_make(&d);
  door_make(&end);
  tdm_task *t = crew_hold(&c, &d);
  tdm_task *last =
      then_on(&c.r, c.r.e, t, JOB_DOOR, &end.address, sizeof end.address);
  door_let(&d, 1);
  door_await(&end, 1);
  CHECK(!(t->marks & TDM_SETTLED));
  door_let(&end, 1);
  CHECK_INT(rig_wait(&c.r, last), TDM_DONE);
  rig_wait_all(&c.r);
  door_fini(&d);
  door_fini(&end);
  crew_close(&c);
}

/* --- failure and cancelling ----------------------------------------------- */

static void check_failed(const tdm_task *t, const tdm_task *culprit) {
  CHECK_INT(t->state, TDM_FAILED);
  CHECK(payload_is(t, "oops", 4));
  CHECK(t->func == culprit->func && t->worker == culprit->worker);
  CHECK(t->queued != 0 && t->finished != 0);
}

static void failure_passes(void) {
  gate g = GATE_SHUT;
  rig r;
  open_threads(&r, 1);
  tdm_task *held = hold(&r, &g);
  tdm_task *bad = rig_submit(&r, JOB_FAIL, "", 0);
  tdm_task *b = then_add(&r, r.e, bad, 1), *c = then_add(&r, r.e, b, 1);
  tdm_task *d = then_add(&r, r.e, b, 1);
  gate_open(&g);
  rig_wait_all(&r);
  check_failed(b, bad);
  check_failed(c, bad);
  check_failed(d, bad);
  check_failed(then_add(&r, r.e, d, 1), bad);
  CHECK_INT(held->state, TDM_DONE);
  tdm_tally sum;
  memset(&sum, 0, sizeof sum);
  tdm_executor_tally(r.e, &sum);
  CHECK_INT(sum.failed, 5);
  CHECK_INT(r.e->submitted, 6);
  rig_close(&r);
}

static void cancelling_passes(void) {
  gate g = GATE_SHUT;
  atomic_long ran = 0;
  rig r;
  open_threads(&r, 1);
  hold(&r, &g);
  tdm_task *a = rig_submit_to(&r, JOB_COUNT, &ran);
  tdm_task *b = then_to(&r, a, JOB_COUNT, &ran);
  tdm_task *c = then_to(&r, b, JOB_COUNT, &ran);
  CHECK_INT(tdm_executor_state(b), TDM_PENDING);
  CHECK(tdm_executor_try_cancel(a));
  CHECK_INT(a->state, TDM_CANCELLED);
  tdm_port_drain(r.port);
  CHECK_INT(b->state, TDM_CANCELLED);
  CHECK_INT(c->state, TDM_CANCELLED);
  CHECK(c->marks & TDM_SETTLED);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(ran, 0);
  rig_close(&r);
}

/* One that is cancelled alone settles at once, and goes home with the task that
 * it waited for. */
static void one_of_two_is_cancelled(void) {
  gate g = GATE_SHUT;
  rig r;
  open_threads(&r, 1);
  tdm_task *held = hold(&r, &g);
  tdm_task *b = then_add(&r, r.e, held, 1);
  tdm_task *c = then_add(&r, r.e, b, 1), *d = then_to(&r, held, JOB_GATE, &g);
  CHECK(tdm_executor_try_cancel(b));
  CHECK(!tdm_executor_try_cancel(b));
  CHECK(b->marks == (TDM_SETTLED | TDM_AWAY));
  tdm_port_drain(r.port);
  CHECK_INT(c->state, TDM_CANCELLED);
  tdm_port_release(b);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, d), TDM_DONE);
  rig_wait_all(&r);
  CHECK_INT(r.e->reserved, 0);
  rig_close(&r);
}

static void cancels_all_that_is_held(void) {
  tdm_settings s = rig_settings(1);
  s.queue_limit = 5;
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  tdm_task *held = hold(&r, &g), *last = held;
  for (int i = 0; i < 10; i++) {
    last = then_add(&r, r.e, last, 1);
    then_add(&r, r.e, held, 1);
  }
  CHECK_INT(tdm_executor_cancel_pending(r.e), 20);
  CHECK_INT(last->state, TDM_CANCELLED);
  CHECK_INT(r.e->queued, 0);
  gate_open(&g);
  rig_wait_all(&r);
  CHECK_INT(held->state, TDM_DONE);
  CHECK_INT(r.e->cancelled, 20);
  rig_close(&r);
}

/* A task of no executor that nobody can settle any more. */
static void abandoned_with_its_promise(void) {
  rig r;
  open_threads(&r, 1);
  tdm_task *promise = tdm_port_new_task(r.port);
  tdm_task *a = then_add(&r, r.e, promise, 1), *b = then_add(&r, r.e, a, 1);
  tdm_port_release(promise);
  rig_wait_all(&r);
  CHECK_INT(a->state, TDM_CANCELLED);
  CHECK_INT(b->state, TDM_CANCELLED);
  rig_close(&r);
}

/* --- executors that end --------------------------------------------------- */

static void closed_takes_none_and_runs_what_it_has(void) {
  gate g = GATE_SHUT;
  rig r;
  second two;
  open_threads(&r, 1);
  second_open(&two, &r, tdm_threads_new, rig_settings(1));
  tdm_task *held = hold(&r, &g);
  tdm_task *kept = then_on(&r, two.e, held, JOB_ECHO, "x", 1);
  tdm_executor_close(two.e);
  CHECK(!tdm_executor_is_over(two.e));
  tdm_task *t = fresh(&r, JOB_ADD, "1234", 4);
  CHECK_INT(tdm_then_add(held, t, two.e), TDM_CLOSED);
  CHECK_INT(t->marks, 0);
  tdm_port_release(t);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, kept), TDM_DONE);
  second_close(&two);
  rig_close(&r);
}

/* Nor is there a worker to say that it is over. */
static void closed_without_ever_a_worker(void) {
  static const maker makers[] = {tdm_threads_new, tdm_serial_new};
  for (int i = 0; i < 2; i++) {
    gate g = GATE_SHUT;
    rig r;
    second two;
    open_threads(&r, 1);
    second_open(&two, &r, makers[i], rig_settings(1));
    hold(&r, &g);
    tdm_task *bad = rig_submit(&r, JOB_FAIL, "", 0);
    tdm_task *next = then_add(&r, two.e, bad, 1);
    tdm_executor_close(two.e);
    gate_open(&g);
    second_close(&two);
    CHECK_INT(next->state, TDM_FAILED);
    rig_close(&r);
  }
}

static void broken_fails_what_comes(void) {
  gate g = GATE_SHUT;
  rig r;
  second two;
  open_threads(&r, 1);
  second_open(&two, &r, tdm_threads_new, rig_settings(1));
  two.recipe.error = TDM_BROKEN;
  two.recipe.opens_to_pass = 0;
  two.recipe.opens_to_fail = 1 << 30;
  tdm_task *held = hold(&r, &g);
  tdm_task *a = then_add(&r, two.e, held, 1);
  tdm_task *breaks = rig_task(&r, JOB_ECHO, "x", 1);
  CHECK_INT(tdm_executor_submit(two.e, breaks), TDM_OK);
  CHECK_INT(rig_wait(&r, breaks), TDM_FAILED);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, a), TDM_FAILED);
  CHECK(payload_is(a, JOBS_CAUSE, strlen(JOBS_CAUSE)));
  second_close(&two);
  rig_close(&r);
}

static void no_thread_to_run_it(void) {
  tdm_settings s = rig_settings(1);
  s.queue_limit = 3;
  gate g = GATE_SHUT;
  rig r;
  second two;
  open_threads(&r, 1);
  second_open(&two, &r, tdm_threads_new, s);
  tdm_task *held = hold(&r, &g);
  tdm_task *a = then_add(&r, two.e, held, 1), *b = then_add(&r, r.e, a, 1);
  shortage_of_threads(0);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, b), TDM_FAILED);
  CHECK_INT(a->state, TDM_FAILED);
  CHECK_INT(note_of(b).kind, TDM_NOTE_NO_WORKER);
  CHECK_INT(two.e->queued, 0);
  shortage_of_threads(-1);
  tdm_task *c = then_on(&r, two.e, held, JOB_ECHO, "x", 1);
  CHECK_INT(rig_wait(&r, c), TDM_DONE);
  second_close(&two);
  rig_close(&r);
}

/* --- races ---------------------------------------------------------------- */

/* So many also under the sanitizers, whose look at each is the point. */
static long many_rounds(void) {
  long n = check_rounds(1200000);
  return n < 100000 ? n : 100000;
}

static void adding_races_the_end(maker make) {
  tdm_settings s = rig_settings(2);
  rig r;
  rig_open(&r, make, &s);
  for (long i = many_rounds(); i > 0; i--) {
    tdm_task *a = submit_int(&r, 1), *next[3];
    for (int k = 0; k < 3; k++) next[k] = then_add(&r, r.e, a, 10 * k);
    for (int k = 0; k < 3; k++) {
      CHECK_INT(rig_wait(&r, next[k]), TDM_DONE);
      CHECK(is_int(next[k], 1 + 10 * k));
      tdm_port_release(next[k]);
    }
    tdm_port_release(a);
  }
  CHECK_INT(r.e->reserved, 0);
  rig_close(&r);
}

static void adding_races_the_end__threads(void) {
  adding_races_the_end(tdm_threads_new);
}

static void adding_races_the_end__serial_after_threads(void) {
  rig r;
  second two;
  open_threads(&r, 2);
  second_open(&two, &r, tdm_serial_new, rig_settings(1));
  for (long i = check_rounds(50000); i > 0; i--) {
    tdm_task *a = submit_int(&r, 1), *b = then_add(&r, two.e, a, 10);
    tdm_task *c = then_add(&r, r.e, b, 100), *d = then_add(&r, two.e, c, 1000);
    if (i % 3 == 0) tdm_executor_try_cancel(i % 2 ? b : d);
    rig_wait(&r, d);
    CHECK(d->state == TDM_CANCELLED || is_int(d, 1111));
    come_home(&r);
    tdm_task *all[] = {a, b, c, d};
    for (int k = 0; k < 4; k++) tdm_port_release(all[k]);
  }
  second_close(&two);
  rig_close(&r);
}

static void pause_for(unsigned *seed) {
  for (unsigned k = check_random(seed, 400); k > 0; k--) tdm_pause();
}

/* One outcome, and the one that cancelling was told. */
static void check_cancelled(rig *r, tdm_task *t, int is_cancelled) {
  rig_wait(r, t);
  CHECK_INT(t->state, is_cancelled ? TDM_CANCELLED : TDM_DONE);
}

static void cancelling_races_handing_on(void) {
  tdm_settings s = rig_settings(2);
  s.queue_limit = 1000;
  unsigned seed = 1;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  for (long i = many_rounds(); i > 0; i--) {
    tdm_task *a = submit_int(&r, 1), *b = then_add(&r, r.e, a, 1);
    tdm_task *c = then_add(&r, r.e, b, 1);
    tdm_port_watch(b); /* its executor's field is then used otherwise */
    pause_for(&seed);
    int is_cancelled = tdm_executor_try_cancel(b);
    check_cancelled(&r, c, is_cancelled);
    check_cancelled(&r, b, is_cancelled);
    rig_wait_all(&r);
    while (tdm_port_try_ready(r.port) != NULL) continue;
    tdm_port_release(a);
    tdm_port_release(b);
    tdm_port_release(c);
  }
  CHECK_INT(r.e->queued, 0);
  CHECK_INT(r.e->reserved, 0);
  rig_close(&r);
}

/* The executor ends in the very moment in which a task is handed to it, which
 * is cancelled meanwhile. */
static void the_end_races_handing_on(maker make, long rounds) {
  unsigned seed = 7;
  rig r;
  second two;
  open_threads(&r, 1);
  for (long i = rounds; i > 0; i--) {
    second_open(&two, &r, make, rig_settings(1));
    tdm_task *a = submit_int(&r, 1), *b = then_add(&r, two.e, a, 1);
    tdm_executor_close(two.e);
    pause_for(&seed);
    int is_cancelled = tdm_executor_try_cancel(b);
    second_close(&two);
    CHECK_INT(b->state, is_cancelled ? TDM_CANCELLED : TDM_DONE);
    come_home(&r);
    tdm_port_release(a);
    tdm_port_release(b);
  }
  rig_close(&r);
}

static void the_end_races_handing_on__threads(void) {
  the_end_races_handing_on(tdm_threads_new, check_rounds(10000));
}

static void the_end_races_handing_on__serial(void) {
  the_end_races_handing_on(tdm_serial_new, check_rounds(10000));
}

static void cancelling_races_handing_on__processes(void) {
  unsigned seed = 3;
  crew c;
  crew_open_with(&c, 2);
  rig *r = &c.r;
  for (long i = check_rounds(10000); i > 0; i--) {
    tdm_task *a = submit_int(r, 1), *b = then_add(r, r->e, a, 1);
    tdm_task *d = then_add(r, r->e, b, 1);
    pause_for(&seed);
    tdm_executor_state(b); /* looks at it */
    int is_cancelled = tdm_executor_try_cancel(b);
    check_cancelled(r, d, is_cancelled);
    rig_wait_all(r);
    tdm_port_release(a);
    tdm_port_release(b);
    tdm_port_release(d);
  }
  crew_close(&c);
}

/* --- long chains ---------------------------------------------------------- */

enum { LONG = 100000 };

static tdm_task *chain(rig *r, tdm_task *first, long n) {
  for (; n > 0; n--) first = then_add(r, r->e, first, 1);
  return first;
}

static void long_chain_is_done(void) {
  gate g = GATE_SHUT;
  rig r;
  open_threads(&r, 2);
  hold(&r, &g);
  tdm_task *last = chain(&r, submit_int(&r, 0), LONG);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, last), TDM_DONE);
  CHECK(is_int(last, LONG));
  rig_close(&r);
}

static void long_chain_fails(void) {
  gate g = GATE_SHUT;
  rig r;
  open_threads(&r, 1);
  hold(&r, &g);
  tdm_task *bad = rig_submit(&r, JOB_FAIL, "", 0);
  tdm_task *last = chain(&r, bad, LONG);
  gate_open(&g);
  CHECK_INT(rig_wait(&r, last), TDM_FAILED);
  check_failed(last, bad);
  rig_close(&r);
}

static void long_chain_is_cancelled(void) {
  gate g = GATE_SHUT;
  rig r;
  open_threads(&r, 1);
  hold(&r, &g);
  tdm_task *first = submit_int(&r, 0), *last = chain(&r, first, LONG);
  CHECK(tdm_executor_try_cancel(first));
  gate_open(&g);
  CHECK_INT(rig_wait(&r, last), TDM_CANCELLED);
  rig_close(&r);
}

static void long_chain_is_serial(void) {
  tdm_settings s = rig_settings(1);
  rig r;
  rig_open(&r, tdm_serial_new, &s);
  tdm_task *promise = tdm_port_new_task(r.port);
  tdm_task *last = chain(&r, promise, LONG);
  tdm_store_total(&promise->state, (uint8_t)TDM_FAILED);
  tdm_port_settle(promise);
  tdm_then_pass(promise, 1);
  CHECK_INT(rig_wait(&r, last), TDM_FAILED);
  last = chain(&r, submit_int(&r, 0), LONG);
  CHECK_INT(rig_wait(&r, last), TDM_DONE);
  CHECK(is_int(last, LONG));
  rig_close(&r);
}

/* --- each allocation in turn ---------------------------------------------- */

/* NULL where it was refused. */
static tdm_task *try_add(rig *r, tdm_task *before, size_t n) {
  tdm_buf b = {0};
  tdm_task *t = tdm_port_new_task(r->port);
  if (t == NULL) return NULL;
  t->job = JOBS_THEN;
  int err = tdm_buf_reserve(&b, n);
  if (err == TDM_OK) {
    memset(b.p, 'x', n);
    b.n = n;
    err = tdm_payload_take(&t->payload, &b);
  }
  tdm_buf_fini(&b);
  if (err == TDM_OK && before == NULL) err = tdm_executor_submit(r->e, t);
  if (err == TDM_OK && before != NULL) err = tdm_then_add(before, t, r->e);
  if (err == TDM_OK) return t;
  tdm_port_release(t);
  return NULL;
}

/* A chain of echoes, which grow from link to link. What went wrong. */
static int use_chain(rig *r) {
  enum { N = 8 };
  tdm_task *t[N];
  int bad = 0;
  for (int i = 0; i < N; i++)
    t[i] =
        i > 0 && t[i - 1] == NULL ? NULL : try_add(r, i ? t[i - 1] : NULL, 700);
  rig_wait_all(r);
  for (int i = 0; i < N; i++) {
    bad += t[i] == NULL || t[i]->state != TDM_DONE;
    if (t[i] == NULL) continue;
    CHECK(t[i]->state == TDM_DONE || t[i]->payload.n == 0 ||
          tdm_note_is(tdm_payload_bytes(&t[i]->payload), t[i]->payload.n));
    tdm_port_release(t[i]);
  }
  return bad;
}

static void each_allocation_fails__threads(void) {
  for (long i = check_rounds(20); i > 0; i--)
    CHECK(rig_fail_each_allocation(tdm_threads_new, 0, use_chain) > 10);
}

static void each_allocation_fails__serial(void) {
  CHECK(rig_fail_each_allocation(tdm_serial_new, 0, use_chain) > 10);
}

TESTS(TEST(threads_to_threads), TEST(threads_to_serial),
      TEST(serial_to_threads), TEST(serial_to_serial),
      TEST(processes_and_threads), TEST(several_in_order),
      TEST(needs_no_port_thread), TEST(needs_no_port_thread__processes),
      TEST(failure_passes), TEST(cancelling_passes),
      TEST(one_of_two_is_cancelled), TEST(cancels_all_that_is_held),
      TEST(abandoned_with_its_promise),
      TEST(closed_takes_none_and_runs_what_it_has),
      TEST(closed_without_ever_a_worker), TEST(broken_fails_what_comes),
      TEST(no_thread_to_run_it), SLOW_TEST(adding_races_the_end__threads, 60),
      TEST(adding_races_the_end__serial_after_threads),
      SLOW_TEST(cancelling_races_handing_on, 60),
      TEST(cancelling_races_handing_on__processes),
      TEST(the_end_races_handing_on__threads),
      TEST(the_end_races_handing_on__serial), TEST(long_chain_is_done),
      TEST(long_chain_fails), TEST(long_chain_is_cancelled),
      TEST(long_chain_is_serial), TEST(each_allocation_fails__threads),
      TEST(each_allocation_fails__serial))
