#include "guest.h"

#include <sched.h>

#include "error.h"
#include "fork.h"
#include "mem.h"

static tdm_guest *guest_of(tdm_executor *e) { return (tdm_guest *)e; }

static tdm_executor *pool_of(tdm_executor *e) { return e->pool; }

/* --- what a guest has finished, in memory that processes share ------------ */

static tdm_guest *guest_at(tdm_source *s) {
  return (tdm_guest *)((char *)s - offsetof(tdm_guest, source));
}

static int has(tdm_source *s) {
  tdm_port *port = guest_at(s)->shared->port;
  for (tdm_source *at = port->sources; at != NULL; at = at->next)
    if (at->has(at)) return 1;
  return 0;
}

static void collect(tdm_source *s) {
  tdm_port *port = guest_at(s)->shared->port;
  for (tdm_source *at = port->sources; at != NULL; at = at->next)
    at->collect(at);
}

static void listen(tdm_source *s, int more) {
  tdm_executor *pool = guest_at(s)->base.pool;
  if (pool->ops->listen != NULL) pool->ops->listen(pool, more);
}

/* --- submitting ----------------------------------------------------------- */

static int adopt_locked(tdm_shared *s, tdm_func *f) {
  if (tdm_funcs_has(&s->funcs, f)) return TDM_OK;
  tdm_func_retain(f);
  int err = tdm_funcs_add(&s->funcs, f);
  if (err != TDM_OK) tdm_func_release(f);
  return err;
}

static int open_locked(tdm_shared *s, tdm_task *t) {
  tdm_executor *pool = s->pool;
  int err = TDM_OK;
  if (s->is_open) return TDM_OK;
  if (pool->ops->open != NULL) err = pool->ops->open(pool, t);
  s->is_open = err == TDM_OK;
  return err;
}

static void note_open(tdm_guest *g) {
  g->is_open = 1;
  g->base.heap = g->base.pool->heap;
  g->has_source = g->shared->port->sources != NULL;
  if (g->has_source) tdm_port_add_source(g->base.port, &g->source);
}

static int guest_open(tdm_executor *e, tdm_task *t) {
  tdm_guest *g = guest_of(e);
  tdm_shared *s = g->shared;
  tdm_func **seen = &g->seen[t->func->id % TDM_SEEN];
  if (*seen == t->func && g->is_open) return TDM_OK;
  tdm_mutex_lock(&s->lock);
  int err = open_locked(s, t);
  if (err == TDM_OK) err = adopt_locked(s, t->func);
  tdm_mutex_unlock(&s->lock);
  if (err != TDM_OK) return err;
  *seen = t->func;
  if (!g->is_open) note_open(g);
  return TDM_OK;
}

/* It counts as out before a worker can have it. */
static int guest_submit(tdm_executor *e, tdm_task *t, size_t backlog,
                        int *woke) {
  tdm_executor *pool = pool_of(e);
  tdm_add_total(&e->out, (size_t)1);
  int err = pool->ops->submit(pool, t, backlog, woke);
  if (err != TDM_OK) tdm_sub_total(&e->out, (size_t)1);
  return err;
}

static void append(tdm_task ***last, tdm_task *t) {
  t->next = NULL;
  **last = t;
  *last = &t->next;
}

/* Takes the guest's own tasks out of the list of all that is pending. The
 * others go back; those for which that fails, as the pool is broken or there is
 * no memory, are returned as well. */
static tdm_task *sort_out_locked(tdm_executor *e, tdm_task *t, tdm_task **own) {
  tdm_executor *pool = pool_of(e);
  tdm_task *homeless = NULL, **last_own = own, **last = &homeless, *next;
  int woke;
  for (; t != NULL; t = next) {
    next = t->next;
    if (t->executor == e)
      append(&last_own, t);
    else if (pool->ops->submit(pool, t, 1, &woke) != TDM_OK)
      append(&last, t);
  }
  return homeless;
}

static void fail_homeless(tdm_executor *pool, tdm_task *t) {
  const tdm_buf none = {0};
  int is_broken = tdm_load_acquire(&pool->broken);
  const tdm_buf *why = is_broken ? &pool->cause : &none;
  for (tdm_task *next; t != NULL; t = next) {
    next = t->next;
    if (tdm_executor_claim(pool, t))
      tdm_executor_fail_before(t, why->p, why->n);
    tdm_executor_deliver(pool, t);
  }
}

static tdm_task *guest_recall(tdm_executor *e) {
  tdm_executor *pool = pool_of(e);
  tdm_shared *s = guest_of(e)->shared;
  tdm_task *own = NULL;
  tdm_mutex_lock(&s->lock);
  tdm_task *homeless = sort_out_locked(e, pool->ops->recall(pool), &own);
  tdm_mutex_unlock(&s->lock);
  fail_homeless(pool, homeless);
  for (tdm_task *t = own; t != NULL; t = t->next)
    tdm_sub_total(&e->out, (size_t)1);
  return own;
}

/* --- all tasks of a guest ------------------------------------------------- */

typedef struct visit {
  tdm_executor *executor;
  int (*end)(tdm_task *t);
} visit;

static void end_if_own(tdm_task *t, void *arg) {
  const visit *v = arg;
  if (!(t->marks & TDM_AWAY) || (t->marks & TDM_SETTLED)) return;
  if (t->executor == v->executor) v->end(t);
}

/* Has somebody tasks with the pool that are not told to end? */
static int is_waited_for_locked(tdm_shared *s) {
  for (tdm_guest *g = s->first; g != NULL; g = g->next)
    if (tdm_load_total(&g->base.out) != 0 &&
        !tdm_load_total(&g->base.interrupting))
      return 1;
  return 0;
}

/* A worker that starts has a task of whoever, which goes home afterwards. Those
 * of others may wait for it, and then it goes on. */
static void end_starts(tdm_executor *e) {
  tdm_executor *pool = pool_of(e);
  tdm_shared *s = guest_of(e)->shared;
  if (pool->ops->end_starts == NULL) return;
  tdm_mutex_lock(&s->lock);
  if (!is_waited_for_locked(s)) pool->ops->end_starts(pool);
  tdm_mutex_unlock(&s->lock);
}

static void guest_interrupt(tdm_executor *e) {
  visit v = {e, tdm_executor_try_interrupt};
  tdm_slab_each(&e->port->slab, end_if_own, &v);
  if (tdm_load_total(&e->out) != 0) end_starts(e);
}

static void guest_kill(tdm_executor *e) {
  visit v = {e, tdm_executor_try_kill};
  tdm_slab_each(&e->port->slab, end_if_own, &v);
}

/* --- the pool as a guest sees it ------------------------------------------ */

static int guest_resize(tdm_executor *e, unsigned n) {
  tdm_executor *pool = pool_of(e);
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  int err = pool->ops->resize(pool, n);
  tdm_mutex_unlock(&s->lock);
  return err;
}

/* The pool goes on for the others. */
static void guest_close(tdm_executor *e) { (void)e; }

static unsigned guest_lost(tdm_executor *e) {
  return tdm_load_total(&e->haunting);
}

static size_t guest_workers(tdm_executor *e, tdm_worker_view *views,
                            size_t max) {
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  size_t n = pool_of(e)->ops->workers(pool_of(e), views, max);
  tdm_mutex_unlock(&s->lock);
  return n;
}

static int guest_try_stop(tdm_executor *e, tdm_task *t) {
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  int ok = pool_of(e)->ops->try_stop(pool_of(e), t);
  tdm_mutex_unlock(&s->lock);
  return ok;
}

static int guest_keep_time(tdm_executor *e) {
  tdm_executor *pool = pool_of(e);
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  int err = pool->ops->keep_time(pool);
  tdm_mutex_unlock(&s->lock);
  return err;
}

static int guest_try_cancel(tdm_executor *e, tdm_task *t) {
  return pool_of(e)->ops->try_cancel(pool_of(e), t);
}

static int guest_try_kill(tdm_executor *e, tdm_task *t) {
  return pool_of(e)->ops->try_kill(pool_of(e), t);
}

static void guest_look(tdm_executor *e, tdm_task *t) {
  pool_of(e)->ops->look(pool_of(e), t);
}

static size_t guest_pending(tdm_executor *e, size_t enough) {
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  size_t n = pool_of(e)->ops->pending(pool_of(e), enough);
  tdm_mutex_unlock(&s->lock);
  return n;
}

static int guest_progress(tdm_executor *e, tdm_task *t,
                          tdm_progress_view *view) {
  return pool_of(e)->ops->progress(pool_of(e), t, view);
}

static void guest_expect_then(tdm_executor *e, tdm_task *t) {
  pool_of(e)->ops->expect_then(pool_of(e), t);
}

/* What a guest has run itself, as the queue was full. */
static void add_own(tdm_executor *e, tdm_tally *sum) {
  tdm_caller *caller = tdm_load_acquire(&e->caller);
  if (caller != NULL) tdm_tally_merge(sum, &caller->worker.tally);
}

/* The whole pool's, but for what the one who asks has run itself. */
static void guest_tally(tdm_executor *e, tdm_tally *sum) {
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  tdm_tally_merge(sum, &s->past);
  for (tdm_guest *g = s->first; g != NULL; g = g->next)
    if (&g->base != e) add_own(&g->base, sum);
  tdm_executor_tally(s->pool, sum);
  tdm_mutex_unlock(&s->lock);
}

/* --- coming and going -------------------------------------------------- */

/* It may yet ask for the pool's statistics. */
static void leave(tdm_guest *g) {
  tdm_shared *s = g->shared;
  if (g->has_left) return;
  g->has_left = 1;
  if (g->has_source) tdm_port_remove_source(g->base.port, &g->source);
  tdm_shared_depart(s);
}

static int guest_is_over(tdm_executor *e) {
  if (!tdm_load_total(&e->closing) || tdm_load_total(&e->out) != 0) return 0;
  while (tdm_load_total(&e->visitors) != 0) sched_yield();
  leave(guest_of(e));
  return 1;
}

/* Of all that the parent had, a forked child has this guest alone. */
static int renew_pool(tdm_shared *s) {
  if (!tdm_executor_try_adopt(s->pool, s->port)) return 0;
  if (tdm_mutex_init(&s->lock, TDM_RANK_SHARED) != TDM_OK) return 0;
  tdm_process_lock();
  s->guests = 0;
  s->has_keeper = 0;
  tdm_process_unlock();
  s->first = NULL;
  return 1;
}

static int guest_try_renew(tdm_executor *e) {
  tdm_guest *g = guest_of(e);
  tdm_shared *s = g->shared;
  if (g->is_open || g->has_left) return 0;
  if (tdm_executor_is_foreign(s->pool) && !renew_pool(s)) return 0;
  tdm_process_lock();
  s->guests++;
  tdm_process_unlock();
  g->next = s->first;
  s->first = g;
  return 1;
}

static void guest_leave(tdm_executor *e) {
  tdm_guest *g = guest_of(e);
  tdm_shared *s = g->shared;
  tdm_mutex_lock(&s->lock);
  tdm_guest **at = &s->first;
  while (*at != g) at = &(*at)->next;
  *at = g->next;
  add_own(e, &s->past);
  tdm_mutex_unlock(&s->lock);
  leave(g);
}

static void guest_free(tdm_executor *e) {
  tdm_shared *s = guest_of(e)->shared;
  tdm_mem_free(e);
  tdm_shared_release(s);
}

/* The pool need not wait for the next guest, or its end, for its sake. */
static void guest_disown(tdm_executor *e) {
  tdm_shared_keep(guest_of(e)->shared);
  leave(guest_of(e));
}

/* What the pool cannot do, its guests cannot. */
void tdm_guest_make_ops(tdm_shared *s) {
  const tdm_executor_ops *o = s->pool->ops;
  s->ops = (tdm_executor_ops){
      .kind = o->kind,
      .submit = guest_submit,
      .open = guest_open,
      .recall = guest_recall,
      .resize = guest_resize,
      .close = guest_close,
      .interrupt = guest_interrupt,
      .is_over = guest_is_over,
      .leave = guest_leave,
      .free = guest_free,
      .disown = guest_disown,
      .workers = guest_workers,
      .tally = guest_tally,
      .lost = guest_lost,
      .try_renew = o->try_renew != NULL ? guest_try_renew : NULL,
      .try_stop = o->try_stop != NULL ? guest_try_stop : NULL,
      .keep_time = o->keep_time != NULL ? guest_keep_time : NULL,
      .try_cancel = o->try_cancel != NULL ? guest_try_cancel : NULL,
      .try_kill = o->try_kill != NULL ? guest_try_kill : NULL,
      .kill = o->kill != NULL ? guest_kill : NULL,
      .look = o->look != NULL ? guest_look : NULL,
      .pending = o->pending != NULL ? guest_pending : NULL,
      .progress = o->progress != NULL ? guest_progress : NULL,
      .expect_then = o->expect_then != NULL ? guest_expect_then : NULL,
  };
}

void tdm_guest_init(tdm_guest *g, tdm_shared *s, const tdm_runner *r,
                    tdm_port *port) {
  g->shared = s;
  g->source = (tdm_source){.has = has, .collect = collect, .listen = listen};
  tdm_mutex_lock(&s->lock);
  tdm_executor_init(&g->base, &s->ops, &s->pool->settings, r, port);
  g->base.pool = s->pool;
  g->base.made = s->pool->made;
  g->next = s->first;
  s->first = g;
  tdm_mutex_unlock(&s->lock);
}

void tdm_guests_stir(void *arg) {
  tdm_shared *s = arg;
  tdm_mutex_lock(&s->lock);
  for (tdm_guest *g = s->first; g != NULL; g = g->next)
    tdm_port_nudge(g->base.port);
  tdm_mutex_unlock(&s->lock);
}

/* --- what is known of it -------------------------------------------------- */

int tdm_shared_is_guest(const tdm_executor *e) { return e->pool != e; }

const char *tdm_shared_note(const tdm_executor *e) {
  return ((const tdm_guest *)e)->shared->note;
}

unsigned tdm_shared_max_workers(tdm_executor *e) {
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  unsigned n = s->pool->settings.max_workers;
  tdm_mutex_unlock(&s->lock);
  return n;
}

int tdm_shared_adopt(tdm_executor *e, tdm_func *f) {
  if (!tdm_shared_is_guest(e)) return TDM_OK;
  tdm_shared *s = guest_of(e)->shared;
  tdm_mutex_lock(&s->lock);
  int err = adopt_locked(s, f);
  tdm_mutex_unlock(&s->lock);
  return err;
}
