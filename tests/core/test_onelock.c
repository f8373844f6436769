/* The one lock: whose turn it is, who asks, who goes without; and pools whose
 * workers share one. */
#include "onelock.h"

#include <pthread.h>
#include <sched.h>

#include "check.h"
#include "jobs.h"

/* --- hands without a pool ------------------------------------------------- */

typedef struct person {
  tdm_hand hand;
  tdm_ctl ctl;
  tdm_stop stop;
  pthread_t thread;
  int or_end;
  int number;
  gate done; /* waits here with the lock */
  tdm_port *port;
  struct row *row;
} person;

/* The order in which they had the lock. */
typedef struct row {
  tdm_onelock lock;
  int list[8];
  atomic_int n;
} row;

static void row_open(row *r) {
  *r = (row){0};
  CHECK_INT(tdm_onelock_init(&r->lock), TDM_OK);
}

static void row_close(row *r) {
  CHECK(r->lock.holder == NULL && r->lock.first == NULL);
  tdm_onelock_fini(&r->lock);
}

static void person_init(person *p, row *r, int number) {
  *p = (person){.number = number, .done = GATE_SHUT, .row = r};
  p->ctl.stop = &p->stop;
  p->ctl.run = 1;
  tdm_hand_init(&p->hand, &r->lock, &p->ctl);
}

static void *take_once(void *arg) {
  person *p = arg;
  if (p->or_end)
    tdm_ctl_take_or_end(&p->ctl);
  else
    tdm_ctl_take(&p->ctl);
  p->row->list[tdm_add_total(&p->row->n, 1)] = p->number;
  gate_enter(&p->done);
  tdm_ctl_let_go(&p->ctl);
  return NULL;
}

static int is_in_line(row *r, const person *p) {
  int found = 0;
  tdm_mutex_lock(&r->lock.lock);
  for (tdm_hand *h = r->lock.first; h != NULL; h = h->after)
    found |= h == &p->hand;
  tdm_mutex_unlock(&r->lock.lock);
  return found;
}

/* Starts its thread, and waits until it is in line. */
static void line_up(person *p, row *r, int number) {
  person_init(p, r, number);
  CHECK_INT(pthread_create(&p->thread, NULL, take_once, p), 0);
  while (!is_in_line(r, p)) sched_yield();
}

static void end(person *p) {
  gate_open(&p->done);
  pthread_join(p->thread, NULL);
}

static void order(person *p) { tdm_stop_order(&p->stop, 1, TDM_WHY_CANCEL); }

static void is_held_or_not(void) {
  row r;
  person a;
  row_open(&r);
  person_init(&a, &r, 0);
  CHECK(!tdm_ctl_let_go(&a.ctl));
  tdm_ctl_take(&a.ctl);
  tdm_ctl_take(&a.ctl); /* has it already */
  CHECK(!tdm_ctl_is_asked(&a.ctl));
  CHECK(tdm_ctl_let_go(&a.ctl));
  CHECK(!tdm_ctl_let_go(&a.ctl));
  row_close(&r);
}

static void is_nothing_without_a_hand(void) {
  tdm_ctl none = {0};
  tdm_ctl_take(&none);
  tdm_ctl_take_or_end(&none);
  CHECK(!tdm_ctl_is_asked(&none));
  CHECK(!tdm_ctl_let_go(&none));
}

static void goes_to_who_waits_first(void) {
  enum { N = 4 };
  row r;
  person holder, p[N];
  row_open(&r);
  person_init(&holder, &r, 99);
  tdm_ctl_take(&holder.ctl);
  for (int i = 0; i < N; i++) line_up(&p[i], &r, i);
  CHECK_INT(r.n, 0);
  CHECK(tdm_ctl_let_go(&holder.ctl));
  for (int i = 0; i < N; i++) {
    gate_await(&p[i].done, 1);
    CHECK_INT(r.n, i + 1);
    CHECK_INT(r.list[i], i);
    end(&p[i]);
  }
  row_close(&r);
}

/* The holder wants it again at once, and yet the other one has it first. */
static void who_is_asked_lets_the_other_go_first(void) {
  row r;
  person a, b;
  row_open(&r);
  person_init(&a, &r, 0);
  tdm_ctl_take(&a.ctl);
  line_up(&b, &r, 1);
  gate_open(&b.done);
  while (!tdm_ctl_is_asked(&a.ctl)) tdm_pause();
  CHECK_INT(r.n, 0);
  tdm_ctl_take(&a.ctl);
  CHECK_INT(r.n, 1);
  CHECK(!tdm_ctl_is_asked(&a.ctl));
  CHECK(tdm_ctl_let_go(&a.ctl));
  end(&b);
  row_close(&r);
}

static void note_signal(void *arg) { tdm_add_total((atomic_int *)arg, 1); }

/* It may be anywhere: it is asked by a signal, again and again. */
static void asks_by_a_signal(void) {
  atomic_int signals = 0;
  tdm_interruptible x = {note_signal, &signals};
  row r;
  person a, b;
  row_open(&r);
  person_init(&a, &r, 0);
  tdm_interrupt_here(&x);
  tdm_ctl_take(&a.ctl);
  tdm_time begin = tdm_clock_now();
  line_up(&b, &r, 1);
  while (tdm_load_total(&signals) < 3) sched_yield();
  CHECK(tdm_clock_now() - begin >= 15 * INT64_C(1000000));
  CHECK(tdm_ctl_let_go(&a.ctl));
  end(&b);
  tdm_interrupt_here(NULL);
  row_close(&r);
}

static void told_to_end_it_goes_first(void) {
  row r;
  person a, b, c;
  row_open(&r);
  person_init(&a, &r, 0);
  tdm_ctl_take(&a.ctl);
  line_up(&b, &r, 1);
  line_up(&c, &r, 2);
  order(&c);
  for (int first = 0; !first; sched_yield()) {
    tdm_mutex_lock(&r.lock.lock);
    first = r.lock.first == &c.hand && r.lock.last == &b.hand;
    tdm_mutex_unlock(&r.lock.lock);
  }
  CHECK(tdm_ctl_let_go(&a.ctl));
  gate_await(&c.done, 1);
  CHECK_INT(r.list[0], 2);
  end(&c);
  gate_await(&b.done, 1);
  end(&b);
  row_close(&r);
}

static void told_to_end_it_does_not_begin(void) {
  row r;
  person a, b;
  row_open(&r);
  person_init(&a, &r, 0);
  tdm_ctl_take(&a.ctl);
  person_init(&b, &r, 1);
  b.or_end = 1;
  CHECK_INT(pthread_create(&b.thread, NULL, take_once, &b), 0);
  while (!is_in_line(&r, &b)) sched_yield();
  order(&b);
  gate_await(&b.done, 1);
  CHECK(!is_in_line(&r, &b));
  CHECK(r.lock.holder == &a.hand);
  end(&b);
  CHECK(tdm_ctl_let_go(&a.ctl));
  row_close(&r);
}

static void who_is_exempt_keeps_nobody_waiting(void) {
  row r;
  person a, b, c;
  row_open(&r);
  person_init(&a, &r, 0);
  tdm_ctl_take(&a.ctl);
  line_up(&b, &r, 1);
  line_up(&c, &r, 2);
  tdm_hand_exempt(&c.hand); /* while it waits */
  gate_await(&c.done, 1);
  CHECK_INT(r.list[0], 2);
  CHECK(r.lock.holder == &a.hand);
  tdm_hand_exempt(&a.hand); /* while it holds */
  gate_await(&b.done, 1);
  CHECK(r.lock.holder == &b.hand);
  tdm_ctl_take(&a.ctl); /* for good */
  CHECK(!tdm_ctl_let_go(&a.ctl));
  end(&b);
  end(&c);
  row_close(&r);
}

static void *nudge(void *arg) {
  person *p = arg;
  tdm_ctl_take(&p->ctl);
  p->row->list[tdm_add_total(&p->row->n, 1)] = p->number;
  tdm_port_nudge(p->port);
  tdm_ctl_let_go(&p->ctl);
  return NULL;
}

/* Who waits for tasks of its own has it again when they are there, and not
 * before. */
static void waiting_at_a_port_lets_it_go(void) {
  row r;
  person a, b;
  tdm_port *port = tdm_port_new();
  CHECK(port != NULL);
  row_open(&r);
  person_init(&a, &r, 0);
  person_init(&b, &r, 1);
  port->ctl = &a.ctl;
  b.port = port;
  tdm_ctl_take(&a.ctl);
  CHECK_INT(pthread_create(&b.thread, NULL, nudge, &b), 0);
  while (tdm_port_wait(port, NULL, 1, TDM_FOREVER, 0) != TDM_OK) continue;
  CHECK_INT(r.n, 1);
  CHECK(tdm_ctl_let_go(&a.ctl));
  CHECK_INT(tdm_port_wait(port, NULL, 1, 0, 0), TDM_TIMEOUT);
  CHECK(!tdm_ctl_let_go(&a.ctl)); /* it had not had it before, either */
  pthread_join(b.thread, NULL);
  tdm_port_free(port);
  row_close(&r);
}

/* --- many at once --------------------------------------------------------- */

typedef struct crowd {
  row r;
  atomic_int inside;
  atomic_int alive;
  long rounds;
} crowd;

typedef struct walker {
  person p;
  crowd *of;
  _Atomic(uint64_t) run; /* what others may order to end */
  unsigned seed;
  long had_it;
} walker;

static void be_inside(walker *w) {
  CHECK_INT(tdm_add_total(&w->of->inside, 1), 0);
  w->had_it++;
  for (unsigned k = check_random(&w->seed, 200); k > 0; k--) tdm_pause();
  /* Now and then for long enough to be asked. */
  tdm_time until = tdm_clock_now() + 20 * INT64_C(1000000);
  if (check_random(&w->seed, 200) == 0)
    while (!tdm_ctl_is_asked(&w->p.ctl) && tdm_clock_now() < until) tdm_pause();
  CHECK_INT(tdm_sub_total(&w->of->inside, 1), 1);
}

static void *walk(void *arg) {
  walker *w = arg;
  tdm_ctl *c = &w->p.ctl;
  for (long i = 1; i <= w->of->rounds; i++) {
    c->run = (uint64_t)i;
    tdm_store_total(&w->run, c->run);
    tdm_ctl_take_or_end(c);
    if (tdm_ctl_why(c) == TDM_WHY_NOT) be_inside(w);
    if (check_random(&w->seed, 4) == 0) { /* what blocks in the midst of it */
      int held = tdm_ctl_let_go(c);
      sched_yield();
      if (held) tdm_ctl_take(c);
      if (held) be_inside(w);
    }
    if (check_random(&w->seed, 2) == 0) tdm_ctl_let_go(c);
  }
  tdm_ctl_let_go(c);
  tdm_sub_total(&w->of->alive, 1);
  return NULL;
}

static void one_is_inside_at_most(void) {
  enum { N = 5 };
  crowd all = {.alive = N, .rounds = check_rounds(6000)};
  walker w[N];
  unsigned seed = 7;
  row_open(&all.r);
  for (int i = 0; i < N; i++) {
    w[i] = (walker){.of = &all, .seed = (unsigned)i + 1};
    person_init(&w[i].p, &all.r, i);
    w[i].p.ctl.stop = &w[i].p.stop;
  }
  for (int i = 0; i < N; i++)
    CHECK_INT(pthread_create(&w[i].p.thread, NULL, walk, &w[i]), 0);
  while (tdm_load_total(&all.alive) > 0) {
    walker *x = &w[check_random(&seed, N)];
    tdm_stop_order(&x->p.stop, tdm_load_total(&x->run), TDM_WHY_CANCEL);
    sched_yield();
  }
  for (int i = 0; i < N; i++) {
    pthread_join(w[i].p.thread, NULL);
    CHECK(w[i].had_it > 0);
  }
  row_close(&all.r);
}

/* --- pools ---------------------------------------------------------------- */

static tdm_settings one_lock(unsigned workers) {
  tdm_settings s = rig_settings(workers);
  s.one_lock = 1;
  return s;
}

static void await_running(tdm_task *t) {
  while (tdm_load_total(&t->state) != TDM_RUNNING) sched_yield();
}

/* All of them get to their sleep, so each has let the next one in. */
static void sleepers_hold_no_lock(void) {
  enum { WORKERS = 4 };
  tdm_settings s = one_lock(WORKERS + 1);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  gate_open(&g);
  for (int i = 0; i < WORKERS; i++)
    tdm_port_release(rig_submit_to(&r, JOB_SLEEP, &g));
  gate_await(&g, WORKERS);
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 0)), TDM_DONE);
  tdm_executor_interrupt(r.e);
  rig_close(&r);
}

static void only_one_enters(void) {
  enum { WORKERS = 3 };
  tdm_settings s = one_lock(WORKERS);
  gate g = GATE_SHUT;
  tdm_task *t[WORKERS];
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  for (int i = 0; i < WORKERS; i++) t[i] = rig_submit_to(&r, JOB_GATE, &g);
  for (int i = 1; i <= WORKERS; i++) {
    gate_await(&g, i);
    rig_wait_asleep(&r, 0);
    CHECK_INT(gate_entered(&g), i);
    gate_let(&g, 1);
  }
  for (int i = 0; i < WORKERS; i++) CHECK_INT(rig_finish(&r, t[i]), TDM_DONE);
  rig_close(&r);
}

/* While one worker is held, the other has to have a machine for what is left;
 * it waits for the lock to make it. */
static void open_two_machines(rig *r) {
  while (tdm_load_total(&r->recipe.opened) < 2) {
    gate g = GATE_SHUT;
    rig_submit_to(r, JOB_GATE, &g);
    gate_await(&g, 1);
    rig_submit(r, JOB_ECHO, "x", 1);
    sched_yield();
    gate_open(&g);
    rig_wait_all(r);
  }
}

/* What waits for the lock ends at once when it is told to. */
static void waiting_task_is_interrupted(void) {
  tdm_settings s = one_lock(2);
  gate g = GATE_SHUT;
  atomic_long ran = 0;
  rig r;
  tdm_worker_set_grace(RIG_LONG_GRACE);
  rig_open(&r, tdm_threads_new, &s);
  open_two_machines(&r);
  tdm_task *holder = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  tdm_task *t = rig_submit_to(&r, JOB_COUNT, &ran);
  await_running(t);
  CHECK(tdm_executor_try_interrupt(t));
  CHECK_INT(rig_finish(&r, t), TDM_CANCELLED);
  CHECK_INT(r.e->ops->lost(r.e), 0);
  gate_open(&g);
  CHECK_INT(rig_finish(&r, holder), TDM_DONE);
  rig_close(&r);
}

/* What does not come back from C is given up, and the lock taken from it. */
static void the_lost_lose_the_lock(void) {
  tdm_settings s = one_lock(2);
  gate g = GATE_SHUT;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  tdm_task *stuck = rig_submit_to(&r, JOB_GATE, &g);
  gate_await(&g, 1);
  tdm_task *t = rig_submit(&r, JOB_ECHO, "x", 1);
  CHECK(tdm_executor_try_interrupt(stuck));
  CHECK_INT(rig_finish(&r, stuck), TDM_CANCELLED);
  CHECK_INT(r.e->ops->lost(r.e), 1);
  CHECK_INT(rig_finish(&r, t), TDM_DONE);
  gate_open(&g);
  while (r.e->ops->lost(r.e) != 0) sched_yield();
  rig_close(&r);
}

static void a_crowd_of_tasks_is_done(void) {
  enum { WORKERS = 6 };
  tdm_settings s = one_lock(WORKERS);
  s.max_tasks_per_worker = 50;
  atomic_long ran = 0;
  rig r;
  rig_open(&r, tdm_threads_new, &s);
  long n = check_rounds(5000);
  unsigned seed = 3;
  for (long i = 0; i < n; i++) {
    tdm_task *t = rig_submit_to(&r, JOB_COUNT, &ran);
    if (check_random(&seed, 100) == 0)
      rig_wait(&r, t);
    else
      tdm_port_release(t);
  }
  rig_wait_all(&r);
  CHECK_INT(ran, n);
  rig_close(&r);
}

TESTS(TEST(is_held_or_not), TEST(is_nothing_without_a_hand),
      TEST(goes_to_who_waits_first), TEST(who_is_asked_lets_the_other_go_first),
      TEST(asks_by_a_signal), TEST(told_to_end_it_goes_first),
      TEST(told_to_end_it_does_not_begin),
      TEST(who_is_exempt_keeps_nobody_waiting),
      TEST(waiting_at_a_port_lets_it_go), TEST(one_is_inside_at_most),
      TEST(sleepers_hold_no_lock), TEST(only_one_enters),
      TEST(waiting_task_is_interrupted), TEST(the_lost_lose_the_lock),
      TEST(a_crowd_of_tasks_is_done))
