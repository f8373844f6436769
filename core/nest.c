#include "nest.h"

#include <stdio.h>
#include <string.h>

#include "errands.h"
#include "error.h"
#include "func.h"
#include "mem.h"

static const tdm_executor_ops nest_ops[3];

int tdm_nest_is(const tdm_executor *e) {
  return e->ops >= nest_ops && e->ops < nest_ops + 3;
}

static tdm_nest *nest_of(tdm_executor *e) { return (tdm_nest *)e; }

tdm_executor *tdm_nest_pool(tdm_executor *e) {
  return tdm_nest_is(e) && nest_of(e)->host != NULL ? nest_of(e)->host->pool
                                                    : e;
}

unsigned tdm_nest_max_workers(const tdm_executor *e) {
  const tdm_nest *n = tdm_nest_is(e) ? (const tdm_nest *)e : NULL;
  if (n != NULL && n->host != NULL)
    return tdm_load_relaxed(n->host->max_workers);
  if (n != NULL && n->errands != NULL)
    return tdm_load_relaxed(&n->errands->share->target);
  return e->settings.max_workers;
}

/* --- the list ------------------------------------------------------------- */

/* What is on the list is PENDING, and leaves both under the lock. `seq` says
 * that a task is on it: it is nobody else's while the task is pending. */
static int is_listed_locked(tdm_task *t) {
  return tdm_load_total(&t->state) == TDM_PENDING && t->seq == 1;
}

/* Of the one after it, or of the end of the list. */
static void set_before_locked(tdm_nest *n, tdm_task *after, tdm_task *before) {
  if (after != NULL)
    tdm_poke(&after->child, before);
  else
    n->last = before;
}

static void link_locked(tdm_nest *n, tdm_task *t) {
  tdm_task *before = n->last;
  while (before != NULL && before->priority < t->priority)
    before = before->child;
  tdm_task *after = before != NULL ? before->next : n->first;
  tdm_poke(&t->child, before);
  t->next = after;
  t->seq = 1;
  *(before != NULL ? &before->next : &n->first) = t;
  set_before_locked(n, after, t);
  tdm_add_total(&n->size, (size_t)1);
  if (n->host != NULL) tdm_add_total(&n->host->pending, (size_t)1);
}

static void unlink_locked(tdm_nest *n, tdm_task *t) {
  tdm_task *before = t->child, *after = t->next;
  *(before != NULL ? &before->next : &n->first) = after;
  set_before_locked(n, after, before);
  t->seq = 0;
  tdm_sub_total(&n->size, (size_t)1);
  if (n->host != NULL) tdm_sub_total(&n->host->pending, (size_t)1);
}

/* Takes a task off the list, the oldest for NULL, into another state. */
static tdm_task *take(tdm_nest *n, tdm_task *t, enum tdm_state to) {
  if (tdm_load_total(&n->size) == 0) return NULL;
  tdm_mutex_lock(&n->lock);
  if (t == NULL) t = n->first;
  if (t != NULL && !is_listed_locked(t)) t = NULL;
  if (t != NULL) {
    unlink_locked(n, t);
    tdm_store_total(&t->state, (uint8_t)to);
  }
  tdm_mutex_unlock(&n->lock);
  return t;
}

tdm_task *tdm_nest_take(tdm_nest *n) { return take(n, NULL, TDM_RUNNING); }

tdm_task *tdm_nest_withdraw(tdm_nest *n) {
  tdm_task *t = take(n, NULL, TDM_CANCELLED);
  if (t != NULL) tdm_payload_fini(&t->payload);
  return t;
}

/* Its submitter may sleep until it has ended, and is now to run it. */
int tdm_nest_put_back(tdm_task *t) {
  tdm_nest *n = nest_of(t->executor);
  uint8_t running = TDM_RUNNING;
  int err = TDM_OK;
  tdm_mutex_lock(&n->lock);
  if (!tdm_cas_total(&t->state, &running, (uint8_t)TDM_PENDING))
    err = TDM_ABORTED;
  else if (n->is_deserted)
    err = TDM_CLOSED;
  else
    link_locked(n, t);
  if (err == TDM_OK) tdm_port_nudge(n->base.port);
  tdm_mutex_unlock(&n->lock);
  return err;
}

/* --- running -------------------------------------------------------------- */

int tdm_nest_try_run(tdm_nest *n, tdm_task *t) {
  t = take(n, t, TDM_RUNNING);
  if (t == NULL) return 0;
  tdm_worker_run_inside(n->worker, t);
  tdm_port_deliver(t);
  return 1;
}

void tdm_nest_run_all(tdm_nest *n) {
  while (tdm_nest_try_run(n, NULL)) continue;
}

int tdm_nest_try_wait(tdm_nest *n, tdm_task *t, char *cycle, size_t size) {
  if (t->executor != &n->base) return 1;
  if (tdm_worker_explain_cycle(n->worker, t, cycle, size)) return 0;
  return n->host == NULL || n->host->wait(n->host, n->worker, t, cycle, size);
}

void tdm_nest_end_wait(tdm_nest *n) {
  if (n->host != NULL) n->host->wait(n->host, n->worker, NULL, NULL, 0);
}

size_t tdm_nest_on_stack(const tdm_nest *n) {
  const tdm_worker *w = n->worker;
  size_t count = w->call.executor == &n->base;
  for (const tdm_frame *f = w->ctl.outer; f != NULL; f = f->outer)
    count += f->call.executor == &n->base;
  return count;
}

/* --- as an executor ------------------------------------------------------- */

/* Without a keeper it is for the worker alone. */
static void call_keeper(tdm_nest *n, int is_own) {
  if (is_own && tdm_keeper_need(&n->keeper) != TDM_OK) return;
  tdm_errands_call(n->errands, &n->keeper);
}

static int nest_submit(tdm_executor *e, tdm_task *t, size_t backlog,
                       int *woke) {
  tdm_nest *n = nest_of(e);
  (void)backlog;
  tdm_mutex_lock(&n->lock);
  int is_pending = tdm_load_total(&t->state) == TDM_PENDING;
  int is_deserted = n->is_deserted;
  if (is_pending && !is_deserted) link_locked(n, t);
  tdm_mutex_unlock(&n->lock);
  *woke = 0;
  if (is_deserted) { /* a continuation, and nobody is left to cancel it */
    n->host->put(n->host, t);
    return TDM_OK;
  }
  if (!is_pending) { /* cancelled while it was handed on */
    tdm_port_deliver(t);
    return TDM_OK;
  }
  int is_own = pthread_equal(n->thread, pthread_self());
  if (n->host != NULL) n->host->call(n->host);
  if (n->errands != NULL) call_keeper(n, is_own);
  if (!is_own) tdm_port_nudge(e->port);
  return TDM_OK;
}

static int nest_try_cancel(tdm_executor *e, tdm_task *t) {
  tdm_nest *n = nest_of(e);
  uint8_t pending = TDM_PENDING;
  tdm_mutex_lock(&n->lock);
  int was_listed = is_listed_locked(t);
  if (was_listed) unlink_locked(n, t);
  int ok = tdm_cas_total(&t->state, &pending, (uint8_t)TDM_CANCELLED);
  tdm_mutex_unlock(&n->lock);
  if (was_listed) tdm_port_deliver(t);
  return ok;
}

static tdm_task *recall(tdm_nest *n, int is_deserted) {
  tdm_mutex_lock(&n->lock);
  n->is_deserted = is_deserted;
  tdm_task *list = n->first;
  n->first = n->last = NULL;
  size_t size = tdm_load_total(&n->size);
  for (tdm_task *t = list; t != NULL; t = t->next) t->seq = 0;
  tdm_sub_total(&n->size, size);
  if (n->host != NULL) tdm_sub_total(&n->host->pending, size);
  tdm_mutex_unlock(&n->lock);
  return list;
}

static tdm_task *nest_recall(tdm_executor *e) { return recall(nest_of(e), 0); }

/* The pool's own limits and end are for who made it. */
static int nest_resize(tdm_executor *e, unsigned n) {
  (void)e;
  (void)n;
  return TDM_CLOSED;
}

static void do_nothing(tdm_executor *e) { (void)e; }

static int nest_is_over(tdm_executor *e) {
  return tdm_load_relaxed(&e->closing);
}

static size_t nest_workers(tdm_executor *e, tdm_worker_view *views,
                           size_t max) {
  tdm_nest *n = nest_of(e);
  if (n->host != NULL)
    return n->host->pool->ops->workers(n->host->pool, views, max);
  if (max > 0) tdm_worker_look(n->worker, &views[0]);
  return 1;
}

static uint64_t pending_items(tdm_nest *n) {
  uint64_t items = 0;
  tdm_mutex_lock(&n->lock);
  for (const tdm_task *t = n->first; t != NULL; t = t->next) items += t->items;
  tdm_mutex_unlock(&n->lock);
  return items;
}

/* Where there is no pool here: what this one worker was given, and what it has
 * submitted itself. Of the latter the executor's own counters have two, which
 * whoever sums up adds. */
static void tally_alone(tdm_nest *n, tdm_tally *sum) {
  uint64_t submitted = tdm_load_relaxed(&n->base.submitted);
  uint64_t cancelled = tdm_load_relaxed(&n->base.cancelled);
  uint64_t taken = tdm_load_relaxed(&n->worker->tally.taken);
  uint64_t own = submitted - cancelled - pending_items(n);
  tdm_tally_merge(sum, &n->worker->tally);
  if (n->errands != NULL) {
    taken += tdm_load_relaxed(&n->errands->tally.taken) +
             tdm_load_relaxed(&n->base.failed_before) +
             tdm_load_relaxed(&n->base.cancelled_before);
    tdm_tally_merge(sum, &n->errands->tally);
  }
  tdm_store_relaxed(&sum->submitted, taken > own ? taken - own : 0);
  tdm_store_relaxed(&sum->withdrawn, UINT64_C(0));
}

static void nest_tally(tdm_executor *e, tdm_tally *sum) {
  tdm_nest *n = nest_of(e);
  if (n->host != NULL)
    n->host->pool->ops->tally(n->host->pool, sum);
  else
    tally_alone(n, sum);
}

/* What runs on the own stack is told at once; else another worker has it. */
static int nest_try_stop(tdm_executor *e, tdm_task *t) {
  tdm_nest *n = nest_of(e);
  if (tdm_worker_try_stop_inside(n->worker, t)) return 1;
  if (n->host != NULL) return n->host->pool->ops->try_stop(n->host->pool, t);
  if (n->errands == NULL || !tdm_task_try_stop(t)) return 0;
  tdm_errands_try_stop(n->errands, t);
  return 1;
}

static int nest_progress(tdm_executor *e, tdm_task *t,
                         tdm_progress_view *view) {
  tdm_nest *n = nest_of(e);
  if (n->host != NULL)
    return n->host->pool->ops->progress(n->host->pool, t, view);
  return n->errands != NULL && tdm_errands_progress(n->errands, t, view);
}

/* By the keeper of a worker process: see threads_time.c for that of a pool. */
static tdm_time look(void *arg) {
  tdm_nest *n = arg;
  tdm_time next = tdm_worker_watch(n->worker, n->thread), other = TDM_FOREVER;
  if (n->errands != NULL) other = tdm_errands_look(n->errands);
  return next < other ? next : other;
}

static int nest_keep_time(tdm_executor *e) {
  tdm_nest *n = nest_of(e);
  if (n->host != NULL) return n->host->pool->ops->keep_time(n->host->pool);
  int err = tdm_interrupt_install();
  if (err == TDM_OK) err = tdm_keeper_need(&n->keeper);
  n->worker->keeper = &n->keeper;
  return err;
}

#define COMMON                                                           \
  .submit = nest_submit, .recall = nest_recall, .resize = nest_resize,   \
  .close = do_nothing, .interrupt = do_nothing, .is_over = nest_is_over, \
  .free = do_nothing, .workers = nest_workers, .tally = nest_tally,      \
  .try_cancel = nest_try_cancel, .progress = nest_progress

/* A serial pool cannot stop what runs in the submitter's own thread. */
static const tdm_executor_ops nest_ops[3] = {
    {.kind = "thread",
     COMMON,
     .try_stop = nest_try_stop,
     .keep_time = nest_keep_time},
    {.kind = "process",
     COMMON,
     .try_stop = nest_try_stop,
     .keep_time = nest_keep_time},
    {.kind = "serial", COMMON},
};

static const tdm_executor_ops *ops_for(const char *kind) {
  size_t i = 0;
  while (i < 2 && strcmp(nest_ops[i].kind, kind) != 0) i++;
  return &nest_ops[i];
}

/* --- beginning and end ---------------------------------------------------- */

int tdm_nest_new(tdm_worker *w, tdm_port *port, tdm_nest **out) {
  tdm_nest *n = tdm_mem_zero(sizeof *n);
  if (n == NULL) return TDM_NOMEM;
  if (tdm_mutex_init(&n->lock, TDM_RANK_NEST) != TDM_OK) {
    tdm_mem_free(n);
    return TDM_NOMEM;
  }
  tdm_settings s = {.max_workers = 1};
  n->host = w->ctl.nest_host;
  n->errands = w->ctl.errands;
  if (n->host != NULL) {
    /* Not all of them: the pool may just be resized. */
    s.max_workers = tdm_load_relaxed(n->host->max_workers);
    s.spin = n->host->pool->settings.spin;
  }
  snprintf(s.name, sizeof s.name, "%s", w->ctl.pool_name);
  tdm_executor_init(&n->base, ops_for(w->ctl.pool_kind), &s, w->runner, port);
  /* The keeper settles tasks as well, and two cannot write one account. */
  if (n->errands == NULL) n->base.account = &w->tally;
  n->worker = w;
  n->thread = pthread_self();
  n->keeper.look = look;
  n->keeper.arg = n;
  if (n->errands != NULL) {
    n->keeper.park = &n->errands->place->keeper;
    n->errands->nest = n;
  }
  if (n->host != NULL) n->host->attach(n->host, w, n);
  w->nest = n;
  *out = n;
  return TDM_OK;
}

void tdm_nest_free(tdm_nest *n) {
  tdm_port_free(n->base.port);
  tdm_funcs_release(&n->funcs);
  tdm_mutex_fini(&n->lock);
  tdm_mem_free(n);
}

int tdm_nest_is_home(tdm_nest *n) {
  tdm_port_drain(n->base.port);
  return n->base.port->away == 0 && tdm_load_total(&n->base.visitors) == 0 &&
         tdm_load_total(&n->base.haunting) == 0;
}

void tdm_nest_leave(tdm_nest *n, tdm_funcs funcs) {
  tdm_nest_host *h = n->host;
  n->funcs = funcs;
  tdm_keeper_end(&n->keeper);
  if (n->worker->keeper == &n->keeper) n->worker->keeper = NULL;
  n->worker->nest = NULL;
  if (h == NULL) {
    for (tdm_task *t; (t = tdm_nest_withdraw(n)) != NULL;) tdm_port_deliver(t);
    if (tdm_nest_is_home(n)) tdm_nest_free(n);
    return;
  }
  h->attach(h, n->worker, NULL);
  n->base.account = NULL;
  for (tdm_task *t = recall(n, 1), *next; t != NULL; t = next) {
    next = t->next;
    h->put(h, t);
  }
  h->keep(h, n);
}
