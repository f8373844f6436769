#include "executor.h"

#include <sched.h>

#include "error.h"
#include "fork.h"
#include "mem.h"
#include "nest.h"
#include "then.h"

/* Between "tandem.cancelled() is true" and being stopped. */
#define COURTESY (50 * INT64_C(1000000))

void tdm_executor_init(tdm_executor *e, const tdm_executor_ops *ops,
                       const tdm_settings *s, const tdm_runner *r,
                       tdm_port *port) {
  e->ops = ops;
  e->settings = *s;
  e->runner = r;
  e->port = port;
  e->pool = e;
  e->fork_generation = tdm_fork_generation();
  e->made = tdm_clock_now();
}

/* --- by the port's thread ------------------------------------------------ */

static int refusal(tdm_executor *e) {
  if (tdm_executor_is_foreign(e)) return TDM_FORKED;
  if (e->closed) return TDM_CLOSED;
  if (tdm_load_acquire(&e->pool->broken)) return TDM_BROKEN;
  return TDM_OK;
}

static int is_full(tdm_executor *e) {
  size_t limit = e->settings.queue_limit;
  if (limit == 0) return 0;
  if (e->ops->pending != NULL) return e->ops->pending(e, limit) >= limit;
  return tdm_load_total(&e->pool->queued) >= limit;
}

/* Several states count at the pool that they share. */
static void count(tdm_executor *e, _Atomic(uint64_t) *n, uint32_t items) {
  if (e->pool == e)
    tdm_bump(n, items);
  else
    tdm_add_total(n, (uint64_t)items);
}

static void note_submitted(tdm_executor *e, uint32_t items) {
  count(e, &e->pool->submitted, items);
  if (e->account != NULL) tdm_bump(&e->account->submitted, items);
}

/* One more is pending, or one less. */
static void count_in(tdm_executor *e) {
  if (e->settings.queue_limit != 0) tdm_add_total(&e->pool->queued, (size_t)1);
}

static void count_out(tdm_executor *e) {
  if (e->settings.queue_limit != 0) tdm_sub_total(&e->pool->queued, (size_t)1);
}

static int open(tdm_executor *e, tdm_task *t) {
  return e->ops->open != NULL ? e->ops->open(e, t) : TDM_OK;
}

int tdm_executor_submit(tdm_executor *e, tdm_task *t) {
  int err = refusal(e);
  if (err == TDM_OK && is_full(e)) err = TDM_FULL;
  if (err == TDM_OK) err = open(e, t);
  if (err != TDM_OK) return err;
  t->executor = e;
  t->bytes_in = t->payload.n;
  t->queued = tdm_clock_now();
  uint32_t items = t->items;
  tdm_port_sent(t);
  count_in(e);
  tdm_port *port = tdm_port_of(t);
  err = e->ops->submit(e, t, port->away, &port->submit_woke);
  if (err == TDM_OK) {
    note_submitted(e, items);
    return TDM_OK;
  }
  count_out(e);
  tdm_port_unsent(t);
  t->executor = NULL;
  return err;
}

int tdm_executor_reserve(tdm_executor *e, tdm_task *t) {
  int err = refusal(e);
  if (err == TDM_OK) err = open(e, t);
  if (err != TDM_OK) return err;
  t->executor = e;
  t->queued = tdm_clock_now();
  t->marks |= TDM_RESERVED;
  tdm_port_sent(t);
  note_submitted(e, t->items);
  e->reserved++;
  return TDM_OK;
}

/* Workers end when all is done. What was reserved has come home, or was
 * cancelled while somebody hands it on: who does shall find a pool that is
 * open. There will be no more of these. */
static void end(tdm_executor *e) {
  while (tdm_load_total(&e->visitors) != 0) sched_yield();
  tdm_store_total(&e->closing, 1);
  e->ops->close(e);
}

/* It may be over by that, and no worker be there to tell. */
void tdm_executor_unreserve(tdm_executor *e) {
  if (--e->reserved != 0 || !e->closed || tdm_executor_is_foreign(e)) return;
  end(e);
  tdm_port_nudge(e->port);
}

static tdm_caller *caller_of(tdm_executor *e) {
  tdm_caller *c = tdm_load_relaxed(&e->caller);
  if (c != NULL) return c;
  c = tdm_caller_new(e->runner, e->ops->kind, e->settings.name);
  if (c != NULL) tdm_store_release(&e->caller, c);
  return c;
}

int tdm_executor_run_here(tdm_executor *e, tdm_task *t) {
  int err = refusal(e);
  if (err != TDM_OK) return err;
  tdm_caller *c = caller_of(e);
  if (c == NULL) return TDM_NOMEM;
  tdm_worker *w = &c->worker;
  err = tdm_caller_begin(c, t->limit);
  if (err != TDM_OK) return err;
  w->ctl.around = tdm_port_of(t)->ctl;
  t->executor = e;
  t->bytes_in = t->payload.n;
  t->queued = tdm_clock_now();
  note_submitted(e, t->items);
  tdm_port_sent(t);
  count_in(e);
  tdm_executor_prepare(e->pool, w, t);
  tdm_time now = tdm_clock_now();
  tdm_executor_run(e->pool, w, t, &now);
  tdm_caller_end(c);
  tdm_port_deliver(t);
  if (w->nest != NULL) tdm_nest_run_all(w->nest);
  return TDM_OK;
}

void tdm_executor_note_cancelled(tdm_executor *e, uint32_t items) {
  count(e, &e->pool->cancelled, items);
  if (e->account != NULL) tdm_bump(&e->account->withdrawn, items);
}

/* It is no longer out before its port has it. Who waits for the last one of a
 * closed executor may have taken it in already, and wait for nothing more. */
int tdm_executor_deliver(tdm_executor *e, tdm_task *t) {
  if (tdm_port_of(t) == e->port) return tdm_port_deliver(t);
  tdm_executor *own = t->executor;
  tdm_add_total(&own->visitors, 1);
  int is_last = own->pool == e && tdm_sub_total(&own->out, (size_t)1) == 1;
  int was_empty = tdm_port_deliver(t);
  if (is_last && tdm_load_total(&own->closing)) tdm_port_nudge(own->port);
  tdm_sub_total(&own->visitors, 1);
  return was_empty;
}

void tdm_executor_stir(tdm_executor *e) {
  if (e->stir != NULL)
    e->stir(e->stir_arg);
  else
    tdm_port_nudge(e->port);
}

/* What tasks submitted counts as the pool's. Of a serial pool's nest the
 * worker's account has it, as nobody else settles such tasks. */
void tdm_executor_note_failed_before(tdm_executor *e, uint32_t items) {
  tdm_executor *pool = tdm_nest_pool(e)->pool;
  if (pool->account == NULL) {
    tdm_add_total(&pool->failed_before, (uint64_t)items);
    return;
  }
  tdm_bump(&pool->account->taken, items);
  tdm_bump(&pool->account->failed, items);
}

void tdm_executor_fail_before(tdm_task *t, const void *why, size_t n) {
  t->finished = tdm_clock_now();
  tdm_poke(&t->started, t->finished);
  t->cpu = 0;
  if (tdm_payload_copy(&t->payload, why, n) != TDM_OK)
    tdm_payload_fini(&t->payload);
  t->bytes_out = t->payload.n;
  tdm_executor_note_failed_before(t->executor, t->items);
  /* Last: from then on others may look. */
  tdm_store_total(&t->state, (uint8_t)TDM_FAILED);
}

void tdm_executor_note_cancelled_before(tdm_executor *e, uint32_t items) {
  tdm_executor *pool = tdm_nest_pool(e)->pool;
  if (pool->account == NULL) {
    tdm_add_total(&pool->cancelled_before, (uint64_t)items);
    return;
  }
  tdm_bump(&pool->account->taken, items);
  tdm_bump(&pool->account->stopped, items);
}

static void note_cancelled(tdm_executor *e, tdm_task *t) {
  tdm_executor_note_cancelled(e, t->items);
  tdm_payload_fini(&t->payload);
  count_out(e);
}

/* Of a task that is settled, `executor` is no longer what it says. */
static tdm_executor *executor_of(const tdm_task *t) {
  if (t->marks & TDM_SETTLED || t->executor == NULL) return NULL;
  return tdm_executor_is_foreign(t->executor) ? NULL : t->executor;
}

/* From here on the executor may end without it. */
static int settle_cancelled(tdm_task *t) {
  if (t->marks & TDM_RESERVED) tdm_then_return(t);
  tdm_port_settle(t);
  if (tdm_then_has(t)) tdm_then_pass(t, 1);
  return 1;
}

static int finish_cancel(tdm_task *t) {
  if (t->executor != NULL) note_cancelled(t->executor, t);
  return settle_cancelled(t);
}

int tdm_executor_try_cancel(tdm_task *t) {
  tdm_executor *e = executor_of(t);
  if (tdm_then_try_cancel(t)) return settle_cancelled(t);
  int ok = e != NULL && e->ops->try_cancel != NULL ? e->ops->try_cancel(e, t)
                                                   : tdm_task_try_cancel(t);
  return ok && finish_cancel(t);
}

int tdm_executor_try_kill(tdm_task *t) {
  tdm_executor *e = executor_of(t);
  if (tdm_executor_try_cancel(t)) return 1;
  int ok = e != NULL && e->ops->try_kill != NULL && e->ops->try_kill(e, t);
  return ok && finish_cancel(t);
}

tdm_time tdm_executor_time_of(tdm_executor *e, tdm_time deadline,
                              enum tdm_why *why) {
  *why = TDM_WHY_TIMEOUT;
  if (deadline == 0) deadline = TDM_FOREVER;
  if (!tdm_load_total(&e->interrupting)) return deadline;
  tdm_time stop_at = tdm_load_total(&e->stop_at);
  if (stop_at >= deadline) return deadline;
  *why = TDM_WHY_CANCEL;
  return stop_at;
}

enum tdm_state tdm_executor_state(tdm_task *t) {
  tdm_executor *e = executor_of(t);
  if (e != NULL && e->ops->look != NULL) e->ops->look(e, t);
  enum tdm_state state = (enum tdm_state)tdm_load_relaxed(&t->state);
  if (state >= TDM_HELD) return TDM_PENDING;
  /* An outcome is not known here before the task has come back. */
  if (state >= TDM_STOPPING && !(t->marks & TDM_SETTLED)) return TDM_RUNNING;
  return state;
}

int tdm_executor_progress(tdm_task *t, tdm_progress_view *view) {
  const tdm_progress_view *last = tdm_port_reported(t);
  tdm_executor *e = executor_of(t);
  if (last != NULL) *view = *last;
  if (last != NULL) return 1;
  return e != NULL && e->ops->progress != NULL && e->ops->progress(e, t, view);
}

int tdm_executor_try_interrupt(tdm_task *t) {
  tdm_executor *e = executor_of(t);
  if (tdm_executor_try_cancel(t)) return 1;
  if (e == NULL || e->ops->try_stop == NULL) return 0;
  if (e->ops->try_stop(e, t)) return 1;
  /* Or whoever had taken it has just given it back. */
  return tdm_nest_is(e) && tdm_executor_try_cancel(t);
}

typedef struct reserved {
  tdm_executor *executor;
  size_t cancelled;
} reserved;

static void cancel_reserved(tdm_task *t, void *arg) {
  reserved *r = arg;
  if (!(t->marks & TDM_RESERVED) || executor_of(t) != r->executor) return;
  /* Or it has been, just now, with the one before it. */
  if (tdm_executor_try_cancel(t) || tdm_load_total(&t->state) == TDM_CANCELLED)
    r->cancelled += t->items;
}

static size_t cancel_nested(tdm_executor *e) {
  size_t n = 0;
  if (e->ops->withdraw_nested == NULL) return 0;
  for (tdm_task *t; (t = e->ops->withdraw_nested(e)) != NULL;) {
    n += t->items;
    tdm_executor_note_cancelled_before(e, t->items);
    tdm_executor_deliver(e, t);
  }
  return n;
}

/* One in the queue, which a task submitted whose machine is gone: nobody else
 * has it, and its port is no longer ours to touch. */
static int try_cancel_orphan(tdm_executor *e, tdm_task *t) {
  if (!tdm_task_try_cancel(t)) return 0;
  tdm_payload_fini(&t->payload);
  tdm_executor_note_cancelled_before(t->executor, t->items);
  count_out(e);
  return 1;
}

size_t tdm_executor_cancel_pending(tdm_executor *e) {
  size_t n = 0;
  if (tdm_executor_is_foreign(e)) return 0;
  if (e->reserved != 0) {
    reserved r = {.executor = e};
    tdm_slab_each(&e->port->slab, cancel_reserved, &r);
    n = r.cancelled;
  }
  n += cancel_nested(e);
  tdm_task *t = e->ops->recall(e), *next;
  for (; t != NULL; t = next) {
    next = t->next;
    uint32_t items = t->items;
    int is_own = tdm_port_of(t) == e->port;
    if (is_own ? tdm_executor_try_cancel(t) : try_cancel_orphan(e, t))
      n += items;
    tdm_executor_deliver(e, t);
  }
  tdm_port_drain(e->port);
  return n;
}

void tdm_executor_close(tdm_executor *e) {
  if (tdm_executor_is_foreign(e)) return;
  e->closed = 1;
  if (e->reserved == 0) end(e);
}

void tdm_executor_interrupt(tdm_executor *e) {
  if (tdm_executor_is_foreign(e)) return;
  tdm_store_total(&e->stop_at, tdm_clock_now() + COURTESY);
  tdm_store_total(&e->interrupting, 1);
  e->ops->interrupt(e);
}

void tdm_executor_kill(tdm_executor *e) {
  if (tdm_executor_is_foreign(e)) return;
  tdm_executor_interrupt(e);
  if (e->ops->kill != NULL) e->ops->kill(e);
  tdm_port_drain(e->port);
}

int tdm_executor_is_over(tdm_executor *e) { return e->ops->is_over(e); }

int tdm_executor_is_foreign(const tdm_executor *e) {
  return e->fork_generation != tdm_fork_generation();
}

int tdm_executor_try_adopt(tdm_executor *e, tdm_port *port) {
  int was_used = tdm_load_relaxed(&e->submitted) != 0 || e->closed ||
                 tdm_load_relaxed(&e->caller) != NULL;
  if (was_used || e->ops->try_renew == NULL || !e->ops->try_renew(e)) return 0;
  e->port = port;
  e->fork_generation = tdm_fork_generation();
  return 1;
}

void tdm_executor_free(tdm_executor *e) {
  const tdm_runner *runner = e->runner;
  void *recipe = e->recipe;
  tdm_caller *caller = tdm_load_relaxed(&e->caller);
  if (e->ops->leave != NULL) e->ops->leave(e);
  if (caller != NULL) tdm_caller_free(caller);
  tdm_buf_fini(&e->cause);
  e->ops->free(e);
  /* Only now: a virtual machine may read its recipe to the last. */
  if (recipe != NULL) runner->release(recipe);
}

void tdm_executor_tally(tdm_executor *e, tdm_tally *sum) {
  tdm_bump(&sum->failed, tdm_load_relaxed(&e->failed_before));
  tdm_bump(&sum->taken, tdm_load_relaxed(&e->failed_before));
  tdm_bump(&sum->stopped, tdm_load_relaxed(&e->cancelled_before));
  tdm_bump(&sum->taken, tdm_load_relaxed(&e->cancelled_before));
  tdm_caller *caller = tdm_load_acquire(&e->caller);
  if (caller != NULL) tdm_tally_merge(sum, &caller->worker.tally);
  if (!tdm_executor_is_foreign(e)) e->ops->tally(e, sum);
}

/* --- by whoever runs tasks ------------------------------------------------ */

/* The first failure is the cause; `breaking` keeps a second one off it, which
 * waits the few instructions until the first is written down. */
void tdm_executor_break(tdm_executor *e, tdm_buf *why) {
  int none = 0;
  if (tdm_cas_total(&e->breaking, &none, 1)) {
    e->cause = *why;
    *why = (tdm_buf){0};
    tdm_store_release(&e->broken, 1);
  }
  while (!tdm_load_acquire(&e->broken)) sched_yield();
}

static int is_worn_out(const tdm_executor *e, const tdm_worker *w) {
  uint64_t limit = e->settings.max_tasks_per_worker;
  return limit != 0 && w->tasks_in_vm >= limit;
}

/* A worker may be younger than the interrupt. */
static void heed_interrupt(const tdm_executor *e, tdm_worker *w) {
  if (tdm_load_total(&e->interrupting))
    tdm_store_total(&w->ctl.stop->cancelled, 1);
}

int tdm_executor_prepare(tdm_executor *e, tdm_worker *w, tdm_task *t) {
  if (w->vm != NULL && is_worn_out(e, w)) {
    tdm_worker_close(w);
    tdm_bump(&w->tally.restarts, 1);
  }
  if (w->vm != NULL || tdm_load_acquire(&e->broken)) return TDM_OK;
  tdm_buf why = {0};
  heed_interrupt(e, w);
  int err = tdm_worker_open(w, e->recipe, t, &why);
  if (err == TDM_BROKEN) tdm_executor_break(e, &why);
  tdm_buf_fini(&why);
  if (err == TDM_INTR && tdm_executor_claim(e, t)) tdm_worker_drop(w, t);
  return err == TDM_BROKEN || err == TDM_INTR ? TDM_OK : err;
}

int tdm_executor_claim(tdm_executor *e, tdm_task *t) {
  /* From a nest it comes claimed, and may have been told to end since. */
  if (tdm_task_is_running(t)) return 1;
  if (!tdm_task_claim(t)) return 0;
  if (e->settings.queue_limit != 0) {
    count_out(e);
    tdm_executor_stir(e);
  }
  return 1;
}

int tdm_executor_run(tdm_executor *e, tdm_worker *w, tdm_task *t,
                     tdm_time *now) {
  static const tdm_buf out_of_memory;
  if (!tdm_executor_claim(e, t)) return 0;
  heed_interrupt(e, w);
  if (tdm_load_acquire(&e->broken))
    tdm_worker_refuse(w, t, &e->cause);
  else if (w->vm == NULL)
    tdm_worker_refuse(w, t, &out_of_memory);
  else
    *now = tdm_worker_run(w, t, ++w->runs, *now);
  return 1;
}
