#include "worker.h"

#include <limits.h>
#include <stdio.h>

#include "error.h"
#include "interrupt.h"
#include "os.h"

/* Reading the thread's CPU clock is a system call, too dear for each task. A
 * worker that does not sleep burns CPU all the time, so between two readings
 * its CPU time is the last reading plus what has passed since; being preempted
 * makes that wrong, hence a fresh reading after STALE. A task that was shorter
 * than SHORT is taken to have been on the CPU throughout. */
#define SHORT (100 * INT64_C(1000))
#define STALE (1000 * INT64_C(1000))

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

int tdm_worker_open(tdm_worker *w, const void *recipe, tdm_buf *why) {
  w->tasks_in_vm = 0;
  int err = w->runner->open(recipe, &w->ctl, &w->vm, why);
  if (err != TDM_OK) return err;
  err = w->runner->start(w->vm, why);
  if (err != TDM_OK) tdm_worker_close(w);
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

/* Of several runs on top of each other the earliest deadline counts. */
static void set_deadline(tdm_worker *w, uint64_t run, double limit,
                         tdm_time now) {
  tdm_time own = limit > 0 ? tdm_clock_after(now, limit) : 0;
  tdm_time outer = w->ctl.outer != NULL ? w->ctl.outer->deadline : 0;
  if (outer != 0 && (own == 0 || outer <= own)) return;
  tdm_store_total(&w->deadline_run, run);
  tdm_store_total(&w->deadline, own);
  if (own != 0 && w->keeper != NULL) tdm_keeper_look_by(w->keeper, own);
}

static void begin_outermost(tdm_worker *w, tdm_task *t, uint64_t run) {
  char here;
  w->bottom = &here; /* cppcheck-suppress autoVariables ; only its address */
  tdm_store_relaxed(&w->base_task, t);
  tdm_store_total(&w->base_run, run);
  w->look_up = (tdm_interruptible){w->runner->interrupt, w->vm};
  tdm_interrupt_here(&w->look_up);
}

/* Who stops a task first changes its state, then looks for its run. */
static void heed_state(tdm_worker *w, tdm_task *t) {
  if (tdm_load_total(&t->state) == TDM_STOPPING)
    tdm_stop_order(w->ctl.stop, w->ctl.run, TDM_WHY_CANCEL);
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
  tdm_store_relaxed(&w->task, t);
  if (w->ctl.outer == NULL) begin_outermost(w, t, run);
  publish_run(w, run);
  heed_state(w, t);
  if (tdm_ctl_why(&w->ctl) != TDM_WHY_NOT) w->runner->interrupt(w->vm);
  set_deadline(w, run, limit, now);
}

/* False: the run was given up. */
static int end_run(tdm_worker *w) {
  const tdm_frame *outer = w->ctl.outer;
  uint64_t run = w->ctl.run;
  if (outer == NULL) tdm_interrupt_here(NULL);
  w->ctl.task = NULL;
  w->ctl.run = 0;
  tdm_payload_fini(&w->call.payload);
  return tdm_cas_total(&w->run, &run, outer != NULL ? outer->run : 0);
}

tdm_task *tdm_worker_try_give_up(tdm_worker *w, uint64_t run) {
  tdm_task *t = tdm_load_relaxed(&w->base_task);
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
  };
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
  tdm_store_relaxed(&w->task, f->task);
  tdm_store_relaxed(&w->since, f->since);
  tdm_store_release(&w->now, f->now);
  w->ctl.run = f->run;
  tdm_store_total(&w->deadline_run, f->deadline_run);
  tdm_store_total(&w->deadline, f->deadline);
  /* Of one that was given up the task below is no longer ours. */
  if (tdm_load_total(&w->run) != TDM_LOST) heed_state(w, f->task);
}

/* Numbers of a kind that a pool does not give. */
#define OWN_NUMBER (UINT64_C(1) << 61)

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

/* From the task up to whoever waits for it; by recursion in that order, and not
 * deeper than fits. */
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

int tdm_worker_try_stop_inside(tdm_worker *w, tdm_task *t) {
  if (!is_inside(w, t) || !tdm_task_try_stop(t)) return 0;
  uint64_t run = w->ctl.run;
  for (const tdm_frame *f = w->ctl.outer; f != NULL; f = f->outer)
    if (f->task == t) run = f->run;
  tdm_stop_order(w->ctl.stop, run, TDM_WHY_CANCEL);
  w->runner->interrupt(w->vm);
  return 1;
}

uint64_t tdm_worker_ordered(tdm_worker *w) {
  uint64_t run = tdm_load_total(&w->ctl.stop->order) >> 2;
  if (run == 0) return 0;
  if (run == tdm_load_total(&w->run) || run == tdm_load_total(&w->base_run) ||
      run == tdm_load_total(&w->deadline_run))
    return run;
  return 0;
}

void tdm_worker_refuse(tdm_worker *w, tdm_task *t, const tdm_buf *why) {
  tdm_bump(&w->tally.taken, t->items);
  t->started = t->finished = tdm_clock_now();
  w->out.n = 0;
  if (tdm_buf_reserve(&w->out, why->n) == TDM_OK)
    tdm_buf_put(&w->out, why->p, why->n);
  settle(w, t, TDM_FAILED);
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

int tdm_ctl_sleep(tdm_ctl *c, tdm_time deadline) {
  while (!tdm_load_total(&c->stop->cancelled) && !tdm_ctl_why(c)) {
    int err = tdm_park_wait(&c->stop->park, deadline);
    if (err == TDM_TIMEOUT) return TDM_TIMEOUT;
  }
  return TDM_ABORTED;
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
  if (order >> 2 == run) return;
  tdm_cas_total(&s->order, &order, run << 2 | (uint64_t)why);
  tdm_park_wake(&s->park);
}

void tdm_stop_ring(tdm_stop *s) {
  tdm_store_total(&s->cancelled, 1);
  tdm_park_wake(&s->park);
}
