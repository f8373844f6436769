/* The nest: who runs what tasks have submitted, and what is left of it when
 * their machine goes. */
#include "nest.h"

#include <sched.h>
#include <string.h>

#include "check.h"
#include "error.h"
#include "executor.h"
#include "gate.h"
#include "mem.h"
#include "then.h"

/* --- a machine whose tasks call a function -------------------------------- */

typedef struct counts {
  atomic_int opened, closed, released;
} counts;

typedef struct machine {
  counts *counts;
  tdm_worker *worker;
  tdm_port *port;
  tdm_nest *nest; /* both NULL until a task submits */
  tdm_func *func; /* of the task that runs */
} machine;

/* What a task does, with its argument. False: it fails. */
typedef int (*deed)(machine *m, void *arg);

typedef struct call {
  deed deed;
  void *arg;
} call;

static int open_machine(const void *recipe, tdm_ctl *ctl, void **vm,
                        tdm_buf *why) {
  (void)why;
  machine *m = tdm_mem_zero(sizeof *m);
  if (m == NULL) return TDM_NOMEM;
  m->counts = (counts *)recipe;
  m->worker = (tdm_worker *)ctl; /* its first member */
  tdm_add_total(&m->counts->opened, 1);
  *vm = m;
  return TDM_OK;
}

static int start_machine(void *vm, tdm_buf *why) {
  (void)vm;
  (void)why;
  return TDM_OK;
}

static enum tdm_state run_call(void *vm, tdm_task *t, tdm_buf *out) {
  machine *m = vm;
  call c;
  size_t head = t->payload.n - sizeof c; /* of a continuation there is one */
  memcpy(&c, tdm_payload_bytes(&t->payload) + head, sizeof c);
  m->func = t->func;
  (void)out;
  return c.deed(m, c.arg) ? TDM_DONE : TDM_FAILED;
}

static void do_nothing(void *vm) { (void)vm; }

static int has_garbage(void *vm) {
  (void)vm;
  return 0;
}

static void close_machine(void *vm) {
  machine *m = vm;
  if (m->nest != NULL)
    tdm_nest_leave(m->nest, (tdm_funcs){0});
  else if (m->port != NULL)
    tdm_port_free(m->port);
  tdm_add_total(&m->counts->closed, 1);
  tdm_mem_free(m);
}

static void release(void *recipe) {
  tdm_add_total(&((counts *)recipe)->released, 1);
}

static const tdm_runner runner = {
    .open = open_machine,
    .start = start_machine,
    .run = run_call,
    .interrupt = do_nothing,
    .has_garbage = has_garbage,
    .idle = do_nothing,
    .close = close_machine,
    .release = release,
};

/* --- in a task ------------------------------------------------------------ */

static int has_nest(machine *m) {
  if (m->port == NULL) m->port = tdm_port_new();
  if (m->port == NULL) return 0;
  if (m->nest != NULL) return 1;
  return tdm_nest_new(m->worker, m->port, &m->nest) == TDM_OK;
}

static tdm_task *new_task(tdm_port *port, tdm_func *f, deed d, void *arg) {
  call c = {d, arg};
  tdm_task *t = tdm_port_new_task(port);
  if (t == NULL) return NULL;
  t->func = f;
  CHECK_INT(tdm_payload_copy(&t->payload, &c, sizeof c), TDM_OK);
  return t;
}

/* NULL where there is no memory. */
static tdm_task *nest_task(machine *m, deed d, void *arg) {
  return has_nest(m) ? new_task(m->port, m->func, d, arg) : NULL;
}

static tdm_task *submit(machine *m, deed d, void *arg) {
  tdm_task *t = nest_task(m, d, arg);
  if (t != NULL) CHECK_INT(tdm_executor_submit(&m->nest->base, t), TDM_OK);
  return t;
}

static char no_cycle[200];

/* Its state; or, where the wait would be one for itself, TDM_HELD. */
static enum tdm_state await_in(machine *m, tdm_task *t, char *cycle) {
  for (;;) {
    tdm_port_drain(m->port);
    if (t->marks & TDM_SETTLED) return (enum tdm_state)t->state;
    if (tdm_nest_try_run(m->nest, t)) continue;
    if (!tdm_nest_try_wait(m->nest, t, cycle, sizeof no_cycle)) return TDM_HELD;
    tdm_port_wait(m->port, t, 1, TDM_FOREVER, 0);
    tdm_nest_end_wait(m->nest);
  }
}

static enum tdm_state finish(machine *m, tdm_task *t) {
  enum tdm_state state = await_in(m, t, no_cycle);
  tdm_port_release(t);
  return state;
}

static int count(machine *m, void *arg) {
  (void)m;
  tdm_add_total((atomic_long *)arg, 1);
  return 1;
}

static int stand(machine *m, void *arg) {
  (void)m;
  gate_enter(arg);
  return 1;
}

/* --- a pool of such machines ---------------------------------------------- */

typedef int (*maker)(const tdm_settings *s, const tdm_runner *r, void *recipe,
                     tdm_port *port, tdm_executor **out);

typedef struct pool {
  tdm_port *port;
  tdm_executor *e;
  tdm_func *func;
  counts counts;
} pool;

static int try_open(pool *p, maker make, const tdm_settings *s) {
  *p = (pool){.port = tdm_port_new()};
  p->func = tdm_func_new(TDM_FUNC_NAME, "f", 1, "deed");
  if (p->port != NULL && p->func != NULL &&
      make(s, &runner, &p->counts, p->port, &p->e) == TDM_OK)
    return 1;
  if (p->port != NULL) tdm_port_free(p->port);
  if (p->func != NULL) tdm_func_free(p->func);
  return 0;
}

static tdm_settings settings(unsigned workers) {
  return (tdm_settings){.max_workers = workers, .spin = 0, .name = "nest"};
}

static void open_pool(pool *p, unsigned workers) {
  tdm_settings s = settings(workers);
  CHECK(try_open(p, tdm_threads_new, &s));
}

static void close_pool(pool *p) {
  tdm_executor_close(p->e);
  /* In that order: one that is lost may have others started before it goes. */
  while (p->e->ops->lost != NULL && p->e->ops->lost(p->e) != 0) sched_yield();
  while (!tdm_executor_is_over(p->e))
    tdm_port_wait(p->port, NULL, 1, TDM_FOREVER, 0), tdm_port_drain(p->port);
  tdm_port_drain(p->port);
  CHECK_INT(p->port->away, 0);
  tdm_executor_free(p->e);
  CHECK_INT(p->counts.opened, p->counts.closed);
  CHECK_INT(p->counts.released, 1);
  tdm_port_free(p->port);
  tdm_func_free(p->func);
}

static tdm_task *begin(pool *p, deed d, void *arg) {
  tdm_task *t = new_task(p->port, p->func, d, arg);
  CHECK(t != NULL);
  CHECK_INT(tdm_executor_submit(p->e, t), TDM_OK);
  return t;
}

static enum tdm_state end(pool *p, tdm_task *t) {
  while (tdm_port_drain(p->port), !(t->marks & TDM_SETTLED))
    tdm_port_wait(p->port, t, 1, TDM_FOREVER, 0);
  enum tdm_state state = (enum tdm_state)t->state;
  tdm_port_release(t);
  return state;
}

/* All that was submitted has an end, and is counted once. */
static void check_sums(pool *p) {
  tdm_tally sum = {0};
  tdm_executor_tally(p->e, &sum);
  CHECK_INT(
      p->e->submitted + sum.submitted,
      p->e->cancelled + sum.withdrawn + sum.done + sum.failed + sum.stopped);
}

/* --- who gets it ---------------------------------------------------------- */

typedef struct race {
  atomic_long ran, cancelled;
  long rounds;
} race;

/* Each is run here, taken by another worker, or cancelled; never two of it. */
static int race_for_each(machine *m, void *arg) {
  race *r = arg;
  for (long i = 0; i < r->rounds; i++) {
    tdm_task *a = submit(m, count, &r->ran), *b = submit(m, count, &r->ran);
    tdm_task *dropped = submit(m, count, &r->ran);
    tdm_port_release(dropped);
    if (tdm_executor_try_cancel(b)) tdm_add_total(&r->cancelled, 1);
    enum tdm_state state = finish(m, a);
    CHECK(state == TDM_DONE || state == TDM_CANCELLED);
    finish(m, b);
  }
  return 1;
}

static void takes_runs_and_cancels_race(void) {
  enum { WORKERS = 3 };
  race r = {.rounds = check_rounds(100000) / WORKERS};
  tdm_task *t[WORKERS];
  pool p;
  open_pool(&p, WORKERS);
  for (int i = 0; i < WORKERS; i++) t[i] = begin(&p, race_for_each, &r);
  for (int i = 0; i < WORKERS; i++) CHECK_INT(end(&p, t[i]), TDM_DONE);
  tdm_executor_close(p.e);
  while (!tdm_executor_is_over(p.e)) sched_yield();
  CHECK_INT(r.ran + r.cancelled, r.rounds * 3 * WORKERS);
  check_sums(&p);
  close_pool(&p);
}

/* The host withdraws meanwhile what is pending. */
static void cancelling_from_outside_races(void) {
  race r = {.rounds = check_rounds(20000)};
  size_t withdrawn = 0;
  pool p;
  open_pool(&p, 2);
  tdm_task *t = begin(&p, race_for_each, &r);
  while (tdm_load_total(&r.ran) == 0) sched_yield();
  while (tdm_port_drain(p.port), !(t->marks & TDM_SETTLED))
    withdrawn += tdm_executor_cancel_pending(p.e);
  CHECK_INT(end(&p, t), TDM_DONE);
  tdm_executor_close(p.e);
  while (!tdm_executor_is_over(p.e)) sched_yield();
  CHECK_INT(r.ran + r.cancelled + (long)withdrawn, 3 * r.rounds);
  check_sums(&p);
  close_pool(&p);
}

typedef struct order {
  int list[10], n;
} order;

typedef struct entry {
  order *order;
  int value;
} entry;

static int enter(machine *m, void *arg) {
  entry *e = arg;
  (void)m;
  e->order->list[e->order->n++] = e->value;
  return 1;
}

static int submit_by_priority(machine *m, void *arg) {
  static const int priority[] = {0, 5, -5, 5, 0, 1};
  static const int wanted[] = {1, 3, 5, 0, 4, 2};
  enum { N = sizeof wanted / sizeof wanted[0] };
  order *o = arg;
  entry entries[N];
  for (int i = 0; i < N; i++) {
    entries[i] = (entry){o, i};
    tdm_task *t = nest_task(m, enter, &entries[i]);
    t->priority = priority[i];
    CHECK_INT(tdm_executor_submit(&m->nest->base, t), TDM_OK);
    tdm_port_release(t);
  }
  tdm_nest_run_all(m->nest);
  CHECK_INT(o->n, N);
  for (int i = 0; i < N; i++) CHECK_INT(o->list[i], wanted[i]);
  return 1;
}

static void priorities_rule(void) {
  order o = {.n = 0};
  pool p;
  open_pool(&p, 1);
  CHECK_INT(end(&p, begin(&p, submit_by_priority, &o)), TDM_DONE);
  close_pool(&p);
}

static int submit_five(machine *m, void *arg) {
  static atomic_long ran;
  for (int i = 0; i < 5; i++) tdm_port_release(submit(m, count, &ran));
  gate_enter(arg);
  CHECK_INT(ran, 0);
  return 1;
}

static void cancels_what_is_pending(void) {
  gate g = GATE_SHUT;
  pool p;
  open_pool(&p, 1);
  tdm_task *t = begin(&p, submit_five, &g);
  gate_await(&g, 1);
  CHECK_INT(tdm_executor_cancel_pending(p.e), 5);
  gate_open(&g);
  CHECK_INT(end(&p, t), TDM_DONE);
  check_sums(&p);
  close_pool(&p);
}

/* --- a machine that goes -------------------------------------------------- */

typedef struct departure {
  gate held;
  atomic_long ran;
  int with_chain;
} departure;

/* Another worker has the first; the rest is left lying. */
static int leave_some(machine *m, void *arg) {
  departure *d = arg;
  tdm_task *t = submit(m, stand, &d->held);
  gate_await(&d->held, 1);
  for (int i = 0; i < 3; i++) tdm_port_release(submit(m, count, &d->ran));
  if (d->with_chain) {
    tdm_task *next = nest_task(m, count, &d->ran);
    CHECK_INT(tdm_then_add(t, next, &m->nest->base), TDM_OK);
    tdm_port_release(next);
  }
  tdm_port_release(t);
  return 1;
}

static int idle_deed(machine *m, void *arg) {
  (void)m;
  (void)arg;
  return 1;
}

static void depart(int with_chain, size_t queue_limit) {
  departure d = {.held = GATE_SHUT, .with_chain = with_chain};
  tdm_settings s = settings(2);
  s.max_tasks_per_worker = 1;
  s.queue_limit = queue_limit;
  pool p;
  CHECK(try_open(&p, tdm_threads_new, &s));
  CHECK_INT(end(&p, begin(&p, leave_some, &d)), TDM_DONE);
  /* Only the free worker runs them, and opens a machine for each. */
  for (int i = 0; i < 3; i++)
    CHECK_INT(end(&p, begin(&p, idle_deed, NULL)), TDM_DONE);
  CHECK(p.counts.closed > 0);
  gate_open(&d.held);
  while (tdm_load_total(&d.ran) != 3 + with_chain) sched_yield();
  tdm_executor_close(p.e);
  while (!tdm_executor_is_over(p.e)) sched_yield();
  CHECK_INT(p.e->queued, 0);
  check_sums(&p);
  close_pool(&p);
}

static void leaves_with_tasks_elsewhere(void) {
  for (long i = check_rounds(200); i > 0; i--) depart(0, 0);
}

static void leaves_with_a_continuation_elsewhere(void) {
  for (long i = check_rounds(200); i > 0; i--) depart(1, 10);
}

/* What a machine that went has left in the queue can be cancelled there. */
static void cancels_what_was_left(void) {
  for (long i = check_rounds(1000); i > 0; i--) {
    departure d = {.held = GATE_SHUT};
    tdm_settings s = settings(2);
    s.max_tasks_per_worker = 1;
    s.queue_limit = 10;
    pool p;
    CHECK(try_open(&p, tdm_threads_new, &s));
    tdm_task *t = begin(&p, leave_some, &d);
    gate_await(&d.held, 1);
    tdm_task *idle = begin(&p, idle_deed, NULL);
    CHECK_INT(end(&p, t), TDM_DONE);
    size_t n = tdm_executor_cancel_pending(p.e);
    end(&p, idle);
    gate_open(&d.held);
    tdm_executor_close(p.e);
    while (!tdm_executor_is_over(p.e)) sched_yield();
    CHECK(n + (size_t)d.ran == 3 || n + (size_t)d.ran == 4);
    CHECK_INT(p.e->queued, 0);
    check_sums(&p);
    close_pool(&p);
  }
}

/* --- a worker that is given up -------------------------------------------- */

typedef struct loss {
  gate held;
  atomic_long ran;
} loss;

/* One on top does not return in time; then there is another, as an interrupted
 * task may have something to close. */
static int be_lost(machine *m, void *arg) {
  loss *l = arg;
  finish(m, submit(m, stand, &l->held));
  CHECK(tdm_load_total(&m->worker->run) == TDM_LOST);
  finish(m, submit(m, count, &l->ran));
  CHECK(tdm_load_total(&m->worker->run) == TDM_LOST);
  return 1;
}

static void gives_up_a_whole_stack(void) {
  loss l = {.held = GATE_SHUT};
  pool p;
  open_pool(&p, 1);
  CHECK_INT(p.e->ops->keep_time(p.e), TDM_OK);
  tdm_task *t = new_task(p.port, p.func, be_lost, &l);
  t->limit = 0.02f;
  CHECK_INT(tdm_executor_submit(p.e, t), TDM_OK);
  CHECK_INT(end(&p, t), TDM_EXPIRED);
  CHECK_INT(p.e->ops->lost(p.e), 1);
  CHECK_INT(end(&p, begin(&p, idle_deed, NULL)), TDM_DONE);
  gate_open(&l.held);
  close_pool(&p);
  CHECK_INT(l.ran, 1);
}

/* --- circles -------------------------------------------------------------- */

typedef struct circle {
  gate own, far_begun, near_begun;
  tdm_task *far, *near;
  char cycle[2][sizeof no_cycle];
  atomic_int seen;
} circle;

static int wait_in_circle(machine *m, circle *c, tdm_task *t, char *cycle) {
  if (await_in(m, t, cycle) == TDM_HELD) tdm_add_total(&c->seen, 1);
  return 1;
}

static int near(machine *m, void *arg) {
  circle *c = arg;
  gate_enter(&c->near_begun);
  return wait_in_circle(m, c, c->far, c->cycle[0]);
}

static int far(machine *m, void *arg) {
  circle *c = arg;
  c->near = submit(m, near, c);
  gate_enter(&c->far_begun);
  gate_await(&c->near_begun, 1);
  wait_in_circle(m, c, c->near, c->cycle[1]);
  return 1;
}

/* Another worker takes `far`; when this task is over, its worker takes what
 * that has submitted. */
static int begin_circle(machine *m, void *arg) {
  circle *c = arg;
  c->far = submit(m, far, c);
  gate_await(&c->far_begun, 1);
  return 1;
}

static void sees_circles_over_workers(void) {
  pool p;
  open_pool(&p, 2);
  for (long i = check_rounds(1000); i > 0; i--) {
    circle c = {
        .own = GATE_SHUT, .far_begun = GATE_SHUT, .near_begun = GATE_SHUT};
    gate_open(&c.far_begun);
    gate_open(&c.near_begun);
    CHECK_INT(end(&p, begin(&p, begin_circle, &c)), TDM_DONE);
    while (tdm_load_total(&c.seen) == 0) sched_yield();
    const char *text = c.cycle[0][0] != '\0' ? c.cycle[0] : c.cycle[1];
    CHECK(strcmp(text, "deed -> deed -> deed") == 0);
    tdm_tally sum;
    do {
      sum = (tdm_tally){0};
      tdm_executor_tally(p.e, &sum);
    } while (sum.done != p.e->submitted + sum.submitted);
    CHECK_INT(c.seen, 1);
  }
  close_pool(&p);
}

static int wait_for_it(machine *m, void *arg) {
  char cycle[sizeof no_cycle] = "";
  CHECK_INT(await_in(m, *(tdm_task **)arg, cycle), TDM_HELD);
  CHECK(strcmp(cycle, "deed -> deed") == 0);
  return 1;
}

static int wait_for_self(machine *m, void *arg) {
  tdm_task *t = NULL;
  (void)arg;
  t = nest_task(m, wait_for_it, &t);
  CHECK_INT(tdm_executor_submit(&m->nest->base, t), TDM_OK);
  CHECK_INT(tdm_nest_on_stack(m->nest), 0);
  CHECK_INT(finish(m, t), TDM_DONE);
  return 1;
}

static void sees_who_waits_for_itself(void) {
  pool p;
  open_pool(&p, 1);
  CHECK_INT(end(&p, begin(&p, wait_for_self, NULL)), TDM_DONE);
  close_pool(&p);
}

/* --- each allocation in turn ---------------------------------------------- */

typedef struct trial {
  atomic_long ran;
} trial;

static int use_nest(machine *m, void *arg) {
  trial *x = arg;
  tdm_task *a = submit(m, count, &x->ran);
  if (a == NULL) return 0;
  tdm_task *next = nest_task(m, count, &x->ran);
  int ok = next != NULL && tdm_then_add(a, next, &m->nest->base) == TDM_OK;
  tdm_task *b = submit(m, count, &x->ran);
  if (b != NULL) tdm_port_release(b);
  ok = finish(m, a) == TDM_DONE && ok && b != NULL;
  if (next != NULL) tdm_port_release(next);
  return ok;
}

/* How many tasks failed, or could not even be submitted. */
static int try_nest(maker make) {
  tdm_settings s = settings(2);
  trial x = {0};
  pool p;
  if (!try_open(&p, make, &s)) return 1;
  int bad = 0;
  for (int i = 0; i < 3; i++) {
    tdm_task *t = new_task(p.port, p.func, use_nest, &x);
    if (t == NULL || tdm_executor_submit(p.e, t) != TDM_OK) {
      bad++;
      if (t != NULL) tdm_port_release(t);
    } else {
      bad += end(&p, t) != TDM_DONE;
    }
  }
  close_pool(&p);
  return bad;
}

static void fail_each_allocation(maker make) {
  int harmed = 0;
  for (long n = 1;; n++) {
    tdm_mem_fail_after(n);
    harmed += try_nest(make) > 0;
    CHECK_INT(tdm_mem_live(), 0);
    if (tdm_mem_asked() < n) break;
  }
  CHECK(harmed > 3);
}

static void each_allocation_fails__threads(void) {
  for (long i = check_rounds(20); i > 0; i--)
    fail_each_allocation(tdm_threads_new);
}

static void each_allocation_fails__serial(void) {
  fail_each_allocation(tdm_serial_new);
}

TESTS(SLOW_TEST(takes_runs_and_cancels_race, 60),
      SLOW_TEST(cancelling_from_outside_races, 60), TEST(priorities_rule),
      TEST(cancels_what_is_pending), TEST(leaves_with_tasks_elsewhere),
      TEST(leaves_with_a_continuation_elsewhere), TEST(cancels_what_was_left),
      TEST(gives_up_a_whole_stack), TEST(sees_circles_over_workers),
      TEST(sees_who_waits_for_itself), TEST(each_allocation_fails__threads),
      TEST(each_allocation_fails__serial))
