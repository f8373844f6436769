#include "worker.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>

#include "error.h"
#include "interrupt.h"
#include "onelock.h"
#include "os.h"
#include "port.h"

/* Reading the thread's CPU clock is a system call, too dear for each task. A
 * worker that does not sleep burns CPU all the time, so between two readings
 * its CPU time is the last reading plus what has passed since; being preempted
 * makes that wrong, hence a fresh reading after STALE. A task that was shorter
 * than SHORT is taken to have been on the CPU throughout. */
#define SHORT (100 * INT64_C(1000))
#define STALE (1000 * INT64_C(1000))

static _Atomic(tdm_time) grace = TDM_GRACE;

tdm_time tdm_worker_grace(void) { return tdm_load_relaxed(&grace); }

void tdm_worker_set_grace(tdm_time most) { tdm_store_relaxed(&grace, most); }

/* What runs on top of others, or is left behind by them, has numbers from here
 * on: a pool gives none of these. */
#define OWN_NUMBER (UINT64_C(1) << 61)

/* C stack that runs on top of each other may take, so that what is left is
 * enough for what Lua allows one: of the stacks that threads.c gives. Of this,
 * what remains for the way from a submit to the wait. */
#ifdef TDM_DEBUG
#define TDM_DEEP ((ptrdiff_t)2048 * 1024)
#define TDM_AHEAD ((ptrdiff_t)256 * 1024)
#else
#define TDM_DEEP ((ptrdiff_t)432 * 1024)
#define TDM_AHEAD ((ptrdiff_t)32 * 1024)
#endif

void tdm_worker_init(tdm_worker *w, const tdm_runner *runner, unsigned id,
                     const char *pool_kind, const char *pool_name) {
  memset(w, 0, sizeof *w);
  w->runner = runner;
  w->ctl.stop = &w->own_stop;
  w->ctl.print_lock = -1;
  w->ctl.worker = id;
  w->ctl.pool_kind = pool_kind;
  w->ctl.pool_name = pool_name;
}

/* With the one lock, which others may ask for meanwhile. */
static int start(tdm_worker *w, tdm_buf *why) {
  if (w->ctl.hand == NULL) return w->runner->start(w->vm, why);
  w->look_up = (tdm_interruptible){w->runner->interrupt, w->vm, NULL};
  const tdm_interruptible *before = tdm_interrupt_here(&w->look_up);
  int err = w->runner->start(w->vm, why);
  tdm_interrupt_here(before);
  return err;
}

void tdm_worker_close(tdm_worker *w) {
  if (w->vm != NULL) w->runner->close(w->vm);
  w->vm = NULL;
}

void tdm_worker_fini(tdm_worker *w) {
  tdm_worker_close(w);
  tdm_buf_fini(&w->out);
}

static void read_cpu(tdm_worker *w, tdm_time now) {
  w->cpu = tdm_clock_cpu();
  w->cpu_at = now;
}

static tdm_time cpu_at(tdm_worker *w, tdm_time now) {
  if (now - w->cpu_at > STALE) read_cpu(w, now);
  return w->cpu + (now - w->cpu_at);
}

static float cpu_used(tdm_worker *w, tdm_time cpu_before, tdm_time run,
                      tdm_time now) {
  if (run < SHORT) return (float)run * 1e-9f;
  read_cpu(w, now);
  tdm_time used = w->cpu - cpu_before;
  return (float)(used < 0 ? 0 : used > run ? run : used) * 1e-9f;
}

void tdm_worker_before_sleep(tdm_worker *w) { read_cpu(w, 0); }

void tdm_worker_after_sleep(tdm_worker *w) { w->cpu_at = tdm_clock_now(); }

/* Somebody else had the last word on a task that ran: it is cancelled. */
static void settle_stopped(tdm_worker *w, tdm_task *t) {
  tdm_payload_fini(&t->payload);
  t->bytes_out = 0;
  tdm_bump(&w->tally.stopped, t->items);
  tdm_store_total(&t->state, (uint8_t)TDM_CANCELLED);
}

static void settle(tdm_worker *w, tdm_task *t, enum tdm_state outcome) {
  uint8_t running = TDM_RUNNING;
  if (tdm_payload_take(&t->payload, &w->out) != TDM_OK) {
    tdm_payload_fini(&t->payload);
    outcome = TDM_FAILED;
  }
  w->out.n = 0;
  t->bytes_out = t->payload.n;
  if (outcome != TDM_CANCELLED &&
      tdm_cas_total(&t->state, &running, (uint8_t)outcome))
    tdm_tally_add(&w->tally, t, outcome == TDM_FAILED);
  else
    settle_stopped(w, t);
}

/* Takes the arguments with it. */
static void copy_call(tdm_worker *w, tdm_task *t) {
  tdm_task *c = &w->call;
  c->func = t->func;
  c->executor = t->executor;
  c->payload = t->payload;
  t->payload.n = 0;
  c->bytes_in = t->bytes_in;
  c->queued = t->queued;
  c->items = t->items;
  c->failed = 0;
  c->job = t->job;
  c->attempt = t->attempt;
  tdm_store_relaxed(&c->state, (uint8_t)TDM_RUNNING);
}

/* The keeper looks by the deadline of this run. One that begins while all are
 * told to end may have been missed by the look that this has brought about. */
static void tell_keeper(tdm_worker *w) {
  tdm_time moment = tdm_load_relaxed(&w->deadline);
  if (w->keeper == NULL) return;
  if (tdm_load_total(&w->ctl.stop->cancelled))
    tdm_keeper_look_by(w->keeper, 0);
  else if (moment != 0)
    tdm_keeper_look_by(w->keeper, moment);
}

/* Of several runs on top of each other the earliest deadline counts. */
static void set_deadline(tdm_worker *w, uint64_t run, double limit,
                         tdm_time now) {
  tdm_time own = limit > 0 ? tdm_clock_after(now, limit) : 0;
  tdm_time outer = w->ctl.outer != NULL ? w->ctl.outer->deadline : 0;
  if (outer != 0 && (own == 0 || outer <= own)) return;
  if (own == 0 && tdm_load_relaxed(&w->deadline) == 0) return;
  tdm_store_total(&w->deadline_run, run);
  tdm_store_total(&w->deadline, own);
}

static void set_outermost(tdm_worker *w, tdm_task *t, uint64_t run,
                          const tdm_interruptible *x) {
  /* The store of `run`, which comes last, publishes them. */
  tdm_store_relaxed(&w->base_task, t);
  tdm_store_relaxed(&w->base_run, run);
  w->before = tdm_interrupt_here(x);
}

/* Each of the machines that run in the thread, one in a task of the other. */
static void end_all(const tdm_interruptible *x) {
  while (x != NULL && x->end == end_all) {
    tdm_worker *w =
        (tdm_worker *)((char *)(uintptr_t)x - offsetof(tdm_worker, look_up));
    tdm_stop_order(w->ctl.stop, tdm_load_relaxed(&w->base_run), TDM_WHY_CANCEL);
    x = w->before;
  }
}

static void begin_outermost(tdm_worker *w, tdm_task *t, uint64_t run) {
  char here;
  w->bottom = &here; /* cppcheck-suppress autoVariables ; only its address */
  w->look_up = (tdm_interruptible){w->runner->interrupt, w->vm, end_all};
  set_outermost(w, t, run, &w->look_up);
}

/* One of the worker's runs shall end, unless one is told to already: it is
 * asked for again when that has ended. */
static void order_inside(tdm_worker *w, uint64_t run) {
  uint64_t seen;
  do {
    seen = tdm_load_total(&w->ctl.stop->order);
    if (tdm_worker_ordered(w, seen) != 0) return;
  } while (!tdm_stop_try_order(w->ctl.stop, seen, run, TDM_WHY_CANCEL));
}

/* Who stops a task first changes its state, then looks for its run. Until this
 * is done the run may not be given up, and the task is there. */
static void heed_state(tdm_worker *w, tdm_task *t) {
  if (tdm_load_total(&t->state) == TDM_STOPPING) order_inside(w, w->ctl.run);
  tdm_store_release(&w->let_go, w->ctl.run);
}

/* A worker that has been given up stays so, whatever it goes on to run. */
static void publish_run(tdm_worker *w, uint64_t run) {
  if (w->ctl.outer == NULL) {
    tdm_store_total(&w->run, run);
    return;
  }
  uint64_t below = w->ctl.outer->run;
  tdm_cas_total(&w->run, &below, run);
}

/* From here to end_run the world may tell this run to end. */
static void begin_run(tdm_worker *w, tdm_task *t, uint64_t run, tdm_time now) {
  double limit = t->limit;
  copy_call(w, t);
  w->ctl.run = run;
  w->ctl.limit = limit;
  w->ctl.task = &w->call;
  if (w->ctl.outer == NULL)
    w->ctl.progress = w->shared != NULL ? w->shared : &w->progress;
  tdm_progress_clear(w->ctl.progress);
  tdm_store_relaxed(&w->task, t);
  if (w->ctl.outer == NULL) begin_outermost(w, t, run);
  set_deadline(w, run, limit, now);
  publish_run(w, run);
  heed_state(w, t);
  tell_keeper(w);
  if (w->ctl.outer == NULL) tdm_ctl_take_or_end(&w->ctl);
  if (tdm_ctl_why(&w->ctl) != TDM_WHY_NOT) w->runner->interrupt(w->vm);
}

/* False: the run was given up. */
static int end_run(tdm_worker *w) {
  const tdm_frame *outer = w->ctl.outer;
  uint64_t run = w->ctl.run;
  if (outer == NULL) tdm_interrupt_here(w->before);
  w->ctl.task = NULL;
  w->ctl.run = 0;
  tdm_payload_fini(&w->call.payload);
  return tdm_cas_total(&w->run, &run, outer != NULL ? outer->run : 0);
}

/* The start counts as a run of the task that waits for it, so that it can be
 * told to end, and given up, like one. Who tells all starts to end cancels the
 * task first, then looks for them. False: it is cancelled. */
static int begin_start(tdm_worker *w, tdm_task *t) {
  uint64_t run = ++w->runs;
  w->ctl.run = run;
  tdm_store_relaxed(&w->deadline, (tdm_time)0);
  tdm_store_relaxed(&w->task, t);
  set_outermost(w, t, run, NULL);
  tdm_store_total(&w->start, run);
  tdm_store_total(&w->run, run);
  uint8_t state = tdm_load_total(&t->state);
  tdm_store_release(&w->let_go, run);
  tell_keeper(w);
  return state != TDM_CANCELLED && state != TDM_STOPPING;
}

/* What then fails does so for that reason, or as good as that. */
static int is_told_to_end(tdm_worker *w) {
  return tdm_ctl_why(&w->ctl) != TDM_WHY_NOT ||
         tdm_load_total(&w->ctl.stop->cancelled);
}

static int make_machine(tdm_worker *w, const void *recipe, tdm_buf *why) {
  tdm_ctl_take(&w->ctl);
  int err = w->runner->open(recipe, &w->ctl, &w->vm, why);
  if (err == TDM_OK) err = start(w, why);
  if (err != TDM_OK) tdm_worker_close(w);
  return err == TDM_BROKEN && is_told_to_end(w) ? TDM_INTR : err;
}

int tdm_worker_open(tdm_worker *w, const void *recipe, tdm_task *t,
                    tdm_buf *why) {
  w->tasks_in_vm = 0;
  int err = begin_start(w, t) ? make_machine(w, recipe, why) : TDM_INTR;
  return end_run(w) ? err : TDM_ABORTED;
}

tdm_task *tdm_worker_try_give_up(tdm_worker *w, uint64_t run) {
  tdm_task *t = tdm_load_relaxed(&w->base_task);
  if (tdm_load_acquire(&w->let_go) != run) return NULL;
  return tdm_cas_total(&w->run, &run, TDM_LOST) ? t : NULL;
}

tdm_time tdm_worker_run(tdm_worker *w, tdm_task *t, uint64_t run,
                        tdm_time now) {
  /* It may have come after the end of the one before was noted. */
  if (now < t->queued) now = t->queued;
  tdm_time cpu_before = cpu_at(w, now);
  tdm_bump(&w->tally.taken, t->items);
  w->tasks_in_vm += t->items;
  t->started = now;
  t->worker = (uint16_t)w->ctl.worker;
  tdm_store_relaxed(&w->since, now);
  tdm_store_release(&w->now, t->func);
  begin_run(w, t, run, now);
  enum tdm_state outcome = w->runner->run(w->vm, &w->call, &w->out);
  /* What was submitted in this machine is its own in any case. */
  if (!end_run(w) && w->ctl.outer == NULL) return 0;
  t->failed = w->call.failed;
  if (w->ctl.progress != w->shared &&
      tdm_load_relaxed(&w->ctl.progress->version) != 0)
    tdm_port_report(t, w->ctl.progress);
  tdm_store_relaxed(&w->now, (tdm_func *)NULL);
  now = tdm_clock_now();
  t->finished = now;
  t->cpu = cpu_used(w, cpu_before, now - t->started, now);
  tdm_bump(&w->tasks, t->items);
  settle(w, t, outcome);
  return now;
}

/* --- one on top of another ------------------------------------------------ */

static void push_frame(tdm_worker *w, tdm_frame *f) {
  *f = (tdm_frame){
      .outer = w->ctl.outer,
      .run = w->ctl.run,
      .deadline_run = tdm_load_relaxed(&w->deadline_run),
      .limit = w->ctl.limit,
      .call = w->call,
      .task = tdm_load_relaxed(&w->task),
      .deadline = tdm_load_relaxed(&w->deadline),
      .since = tdm_load_relaxed(&w->since),
      .now = tdm_load_relaxed(&w->now),
      .out = w->out,
      .said = w->ctl.progress,
  };
  w->ctl.progress = &f->progress;
  w->out = (tdm_buf){.heap = f->out.heap};
  w->ctl.outer = f;
}

static void pop_frame(tdm_worker *w, const tdm_frame *f) {
  tdm_buf_fini(&w->out);
  w->out = f->out;
  w->call = f->call;
  w->ctl.outer = f->outer;
  w->ctl.limit = f->limit;
  w->ctl.task = &w->call;
  w->ctl.progress = f->said;
  tdm_store_relaxed(&w->task, f->task);
  tdm_store_relaxed(&w->since, f->since);
  tdm_store_release(&w->now, f->now);
  w->ctl.run = f->run;
  tdm_store_total(&w->deadline_run, f->deadline_run);
  tdm_store_total(&w->deadline, f->deadline);
  /* Of one that was given up the task below is no longer ours. */
  if (tdm_load_total(&w->run) != TDM_LOST) heed_state(w, f->task);
}

static void run_numbered(tdm_worker *w, tdm_task *t) {
  tdm_worker_run(w, t, OWN_NUMBER | ++w->runs, tdm_clock_now());
}

void tdm_worker_run_inside(tdm_worker *w, tdm_task *t) {
  tdm_frame f;
  if (w->ctl.task == NULL) {
    run_numbered(w, t);
    return;
  }
  push_frame(w, &f);
  run_numbered(w, t);
  pop_frame(w, &f);
}

int tdm_worker_is_deep(const tdm_worker *w, int is_submitted) {
  char here;
  ptrdiff_t used = w->bottom - &here;
  return (used < 0 ? -used : used) > TDM_DEEP - (is_submitted ? 0 : TDM_AHEAD);
}

static int is_inside(const tdm_worker *w, const tdm_task *t) {
  if (tdm_load_relaxed(&w->task) == t) return 1;
  for (const tdm_frame *f = w->ctl.outer; f != NULL; f = f->outer)
    if (f->task == t) return 1;
  return 0;
}

static void put_name(char **at, const char *end, const tdm_func *f) {
  if (*at >= end) return;
  int n = snprintf(*at, (size_t)(end - *at), "%s -> ", f->label);
  *at += n < 0 ? 0 : n;
}

/* From the task, the outermost for NULL, up to whoever waits for it; by
 * recursion in that order, and not deeper than fits. */
static void put_names(const tdm_frame *f, const tdm_task *t, char **at,
                      const char *end) {
  if (f == NULL) return;
  if (f->task != t) put_names(f->outer, t, at, end);
  put_name(at, end, f->call.func);
}

int tdm_worker_explain_cycle(tdm_worker *w, const tdm_task *t, char *cycle,
                             size_t size) {
  char *at = cycle;
  if (!is_inside(w, t)) return 0;
  if (tdm_load_relaxed(&w->task) != t)
    put_names(w->ctl.outer, t, &at, cycle + size);
  put_name(&at, cycle + size, w->call.func);
  if (at < cycle + size)
    snprintf(at, (size_t)(cycle + size - at), "%s", t->func->label);
  return 1;
}

void tdm_worker_explain_stack(const tdm_worker *w, char *text, size_t size) {
  char *at = text;
  put_names(w->ctl.outer, NULL, &at, text + size);
  if (at < text + size)
    snprintf(at, (size_t)(text + size - at), "%s", w->call.func->label);
}

int tdm_worker_try_stop_inside(tdm_worker *w, tdm_task *t) {
  if (!is_inside(w, t) || !tdm_task_try_stop(t)) return 0;
  uint64_t run = w->ctl.run;
  for (const tdm_frame *f = w->ctl.outer; f != NULL; f = f->outer)
    if (f->task == t) run = f->run;
  order_inside(w, run);
  w->runner->interrupt(w->vm);
  return 1;
}

uint64_t tdm_worker_ordered(tdm_worker *w, uint64_t order) {
  uint64_t run = order >> 2;
  if (run == 0) return 0;
  if (run == tdm_load_total(&w->run) || run == tdm_load_total(&w->base_run))
    return run;
  /* Without a deadline it is whose was the last. */
  int has_deadline = tdm_load_total(&w->deadline) != 0;
  return has_deadline && run == tdm_load_total(&w->deadline_run) ? run : 0;
}

tdm_time tdm_worker_watch(tdm_worker *w, pthread_t thread) {
  tdm_time deadline = tdm_load_total(&w->deadline), now = tdm_clock_now();
  if (deadline == 0 || tdm_load_total(&w->run) == 0) return TDM_FOREVER;
  if (now < deadline) return deadline;
  uint64_t seen = tdm_load_total(&w->ctl.stop->order);
  if (tdm_worker_ordered(w, seen) == 0)
    tdm_stop_try_order(w->ctl.stop, seen, tdm_load_total(&w->deadline_run),
                       TDM_WHY_TIMEOUT);
  pthread_kill(thread, tdm_interrupt_signal());
  return now + TDM_TELL_AGAIN;
}

void tdm_worker_refuse(tdm_worker *w, tdm_task *t, const tdm_buf *why) {
  tdm_bump(&w->tally.taken, t->items);
  t->started = t->finished = tdm_clock_now();
  w->out.n = 0;
  if (tdm_buf_reserve(&w->out, why->n) == TDM_OK)
    tdm_buf_put(&w->out, why->p, why->n);
  settle(w, t, TDM_FAILED);
}

void tdm_worker_drop(tdm_worker *w, tdm_task *t) {
  tdm_bump(&w->tally.taken, t->items);
  t->started = t->finished = tdm_clock_now();
  settle_stopped(w, t);
}

void tdm_worker_look(tdm_worker *w, tdm_worker_view *view) {
  tdm_func *func = tdm_load_acquire(&w->now);
  *view = (tdm_worker_view){
      .id = w->ctl.worker,
      .func = func,
      .since = func ? (double)tdm_load_relaxed(&w->since) * 1e-9 : 0,
      .tasks = tdm_load_relaxed(&w->tasks),
      .cpu = (double)tdm_load_relaxed(&w->tally.cpu) * 1e-9,
  };
  if (func != NULL)
    snprintf(view->label, sizeof view->label, "%s", func->label);
}

static int sleep_until(tdm_ctl *c, tdm_time deadline) {
  while (!tdm_load_total(&c->stop->cancelled) && !tdm_ctl_why(c)) {
    int err = tdm_park_wait(&c->stop->park, deadline);
    if (err == TDM_TIMEOUT) return TDM_TIMEOUT;
  }
  return TDM_ABORTED;
}

int tdm_ctl_sleep(tdm_ctl *c, tdm_time deadline) {
  int held = tdm_ctl_let_go(c);
  int err = sleep_until(c, deadline);
  if (held) tdm_ctl_take(c);
  return err;
}

/* Threads have stdio's lock in common. Of processes the kernel keeps apart what
 * a pipe takes in one piece, and no more. */
void tdm_ctl_print(const tdm_ctl *c, const char *text, size_t n) {
  int lock = n > PIPE_BUF ? c->print_lock : -1;
  if (lock >= 0) tdm_os_lock_file(lock, 1);
  fwrite(text, 1, n, stdout);
  fflush(stdout);
  if (lock >= 0) tdm_os_lock_file(lock, 0);
}

void tdm_stop_order(tdm_stop *s, uint64_t run, enum tdm_why why) {
  uint64_t order = tdm_load_total(&s->order);
  /* Another may order at the same time, for a run that is over: the later run
   * is the one that counts, whoever comes first. */
  do
    if (order >> 2 >= run && order >> 2 < OWN_NUMBER) return;
  while (!tdm_cas_total(&s->order, &order, run << 2 | (uint64_t)why));
  tdm_park_wake(&s->park);
}

int tdm_stop_try_order(tdm_stop *s, uint64_t seen, uint64_t run,
                       enum tdm_why why) {
  int ok = tdm_cas_total(&s->order, &seen, run << 2 | (uint64_t)why);
  if (ok) tdm_park_wake(&s->park);
  return ok;
}

void tdm_stop_ring(tdm_stop *s) {
  tdm_store_total(&s->cancelled, 1);
  tdm_park_wake(&s->park);
}
