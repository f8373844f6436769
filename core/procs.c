/* procs.c -- the executor of worker processes. See procs.h for its parts, and
 * DESIGN.md, "Worker processes", for what may die when. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board.h"
#include "cpu.h"
#include "error.h"
#include "mem.h"
#include "os.h"
#include "procs.h"
#include "ring.h"

/* --- the shared memory --- */

static int has(tdm_source *s) {
  tdm_procs *p = (tdm_procs *)((char *)s - offsetof(tdm_procs, source));
  return !p->is_foreign && tdm_load_total(&p->share->finished) != 0;
}

static void collect(tdm_source *s) {
  tdm_procs *p = (tdm_procs *)((char *)s - offsetof(tdm_procs, source));
  tdm_settled out;
  if (!has(s)) return;
  tdm_settled_init(&out);
  tdm_mutex_lock(&p->lock);
  tdm_procs_collect_locked(p, &out);
  if (tdm_queue_size(&p->queue) != 0) {
    tdm_procs_refill_locked(p, &out);
    tdm_procs_call_locked(p, 0);
  }
  tdm_mutex_unlock(&p->lock);
  tdm_settled_deliver(p, &out);
}

static int share_recipe(tdm_procs *p) {
  char *at;
  size_t n = p->base.settings.recipe_size;
  uint32_t block = tdm_heap_take(p->heap, n, &at);
  if (block == 0) return TDM_NOMEM;
  memcpy(at, p->base.recipe, n);
  p->share->recipe = (tdm_ref){.n = n, .block = block};
  return TDM_OK;
}

static void fill_share(tdm_procs *p) {
  const tdm_settings *set = &p->base.settings;
  tdm_share *s = p->share;
  s->max_tasks_per_worker = set->max_tasks_per_worker;
  s->memory_limit = set->memory_limit;
  s->spin = set->spin;
  s->cpus = (unsigned)tdm_cpu_count();
  s->level = tdm_func_level() + 1;
  if (s->cpus == 1) s->spin = 0;
  s->tell_claims = set->queue_limit != 0;
  s->tell_all = s->tell_claims && p->base.stir != NULL;
  memcpy(s->name, set->name, sizeof s->name);
  tdm_store_relaxed(&s->target, set->max_workers);
  tdm_store_relaxed(&s->long_tasks, 1);
  tdm_store_relaxed(&s->next_look, TDM_FOREVER);
  tdm_heap_share_init(&s->heap, TDM_SHARE_SIZE);
}

static int open_share(tdm_procs *p) {
  p->memory = tdm_os_memory_new("tandem-pool");
  if (p->memory < 0) return TDM_LIMIT;
  if (tdm_os_memory_extend(p->memory, TDM_SHARE_SIZE) != TDM_OK)
    return TDM_NOMEM;
  p->share = tdm_os_memory_map(p->memory, 0, TDM_SHARE_SIZE);
  if (p->share == NULL) return TDM_NOMEM;
  fill_share(p);
  p->heap = tdm_heap_new(&p->share->heap, p->memory, TDM_HEAP_HOST);
  return p->heap == NULL ? TDM_NOMEM : share_recipe(p);
}

static void close_share(tdm_procs *p) {
  if (p->heap != NULL) {
    if (p->share->recipe.block != 0)
      tdm_heap_free(p->heap, p->share->recipe.block);
    for (uint32_t i = 0; i < p->func_room; i++)
      if (p->funcs[i].id != 0) tdm_heap_free(p->heap, p->funcs[i].block);
    p->func_room = 0;
    /* What of it is still read keeps it mapped. */
    tdm_heap_leave(p->heap);
    tdm_heap_release(p->heap);
  }
  p->heap = p->base.heap = NULL;
  if (p->share != NULL) tdm_os_memory_unmap(p->share, TDM_SHARE_SIZE);
  p->share = NULL;
  if (p->memory >= 0) close(p->memory);
  p->memory = -1;
}

/* --- the launch --- */

/* A forked child holds copies of the channels; as long as it does, our end
 * would not be seen by zygote and workers. And what is shared is shared with it
 * as well: it must let go of that, too. */
static void let_go_in_child(tdm_fork_item *item) {
  tdm_procs *p = (tdm_procs *)((char *)item - offsetof(tdm_procs, in_child));
  p->is_foreign = 1;
  tdm_heap_forget(p->heap);
  tdm_port_forget_bell(p->base.port);
  if (p->control >= 0) {
    close(p->control);
    close(p->lifeline);
  }
  for (unsigned i = 0; i < TDM_PLACES; i++)
    if (p->member[i].state != TDM_MEMBER_NONE) close(p->member[i].channel);
  close(p->wake);
  close(p->memory);
  if (tdm_procs_errands_fd(p) >= 0) close(tdm_procs_errands_fd(p));
}

static int open_all(tdm_procs *p) {
  int err = tdm_port_share_bell(p->base.port);
  if (err == TDM_OK) err = open_share(p);
  if (err == TDM_OK) err = p->wake = tdm_os_event_new();
  return err < 0 ? err : TDM_OK;
}

static void undo_launch(tdm_procs *p) {
  tdm_note note;
  tdm_mutex_lock(&p->lock);
  tdm_procs_end_zygote_locked(p, &note);
  tdm_mutex_unlock(&p->lock);
  close_share(p);
  if (p->wake >= 0) close(p->wake);
  p->wake = -1;
}

/* All that the pool needs is made when the first task is there for it. */
static int launch(tdm_procs *p) {
  p->base.trouble[0] = '\0';
  int err = open_all(p);
  if (err != TDM_OK) {
    snprintf(p->base.trouble, sizeof p->base.trouble,
             "no memory or descriptors to share: %s", strerror(errno));
    undo_launch(p);
    return TDM_LIMIT;
  }
  tdm_mutex_lock(&p->lock);
  err = tdm_procs_need_zygote_locked(p);
  tdm_mutex_unlock(&p->lock);
  if (err == TDM_OK) {
    err = tdm_procs_start_manager(p);
    if (err != TDM_OK)
      snprintf(p->base.trouble, sizeof p->base.trouble,
               "no thread for its manager");
  }
  if (err != TDM_OK) {
    undo_launch(p);
    return err;
  }
  p->base.heap = p->heap;
  p->in_child.in_child = let_go_in_child;
  tdm_fork_add(&p->in_child);
  tdm_port_add_source(p->base.port, &p->source);
  p->launched = 1;
  return TDM_OK;
}

/* --- the interface --- */

static int procs_open(tdm_executor *e, tdm_task *t) {
  tdm_procs *p = tdm_procs_of(e);
  (void)t;
  return p->launched ? TDM_OK : launch(p);
}

static int procs_submit(tdm_executor *e, tdm_task *t, size_t backlog,
                        int *woke) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_settled out;
  int err = TDM_OK;
  tdm_settled_init(&out);
  tdm_mutex_lock(&p->lock);
  /* The manager may have found it to be broken just now: it has failed all that
   * was there, and looks after no more. */
  if (tdm_load_acquire(&e->broken)) err = TDM_BROKEN;
  int is_first = p->present == 0;
  if (err == TDM_OK && is_first) {
    p->start_after = 0;
    err = tdm_procs_start_locked(p);
  }
  if (err == TDM_OK) err = tdm_procs_put_locked(p, t, &out);
  if (err == TDM_OK) *woke = tdm_procs_call_locked(p, backlog) || is_first;
  tdm_mutex_unlock(&p->lock);
  tdm_settled_deliver(p, &out);
  return err;
}

static tdm_task *procs_recall(tdm_executor *e) {
  tdm_procs *p = tdm_procs_of(e);
  if (!p->launched) return NULL;
  tdm_mutex_lock(&p->lock);
  tdm_task *list = tdm_procs_recall_locked(p);
  tdm_mutex_unlock(&p->lock);
  return list;
}

static int procs_try_cancel(tdm_executor *e, tdm_task *t) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_mutex_lock(&p->lock);
  uint8_t state = tdm_load_total(&t->state);
  int is_ours = state <= TDM_RUNNING;
  int had_slot = is_ours && t->worker != 0;
  /* Who hands it on may just have failed to, which needs no lock. */
  int ok = is_ours && tdm_procs_withdraw_locked(p, t) &&
           tdm_cas_total(&t->state, &state, (uint8_t)TDM_CANCELLED);
  tdm_mutex_unlock(&p->lock);
  /* From the queue it comes home when its turn comes. */
  if (ok && had_slot) tdm_executor_deliver(e, t);
  return ok;
}

/* The worker that runs it can no longer finish it, so that it is on no other
 * when the signal comes. */
static unsigned take_from_worker_locked(tdm_procs *p, tdm_task *t) {
  if (tdm_load_total(&t->state) > TDM_STOPPING || t->worker == 0)
    return TDM_PLACES;
  uint32_t i = t->worker - 1u;
  if (!tdm_ring_try_kill(p->share, i)) return TDM_PLACES;
  p->task[i] = NULL;
  t->worker = 0;
  tdm_store_relaxed(&t->state, (uint8_t)TDM_CANCELLED);
  return tdm_claim_place(tdm_load_total(&p->share->slots[i].claim));
}

static int procs_try_kill(tdm_executor *e, tdm_task *t) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_mutex_lock(&p->lock);
  unsigned place = take_from_worker_locked(p, t);
  if (place < TDM_PLACES) tdm_procs_kill_member_locked(p, place);
  tdm_mutex_unlock(&p->lock);
  if (place >= TDM_PLACES) return 0;
  tdm_executor_deliver(e, t);
  return 1;
}

static int procs_try_stop(tdm_executor *e, tdm_task *t) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_mutex_lock(&p->lock);
  int ok = tdm_procs_try_stop_locked(p, t);
  tdm_mutex_unlock(&p->lock);
  if (ok) tdm_os_event_set(p->wake);
  return ok;
}

/* The manager does, in any case. */
static int procs_keep_time(tdm_executor *e) {
  (void)e;
  return TDM_OK;
}

static void procs_kill(tdm_executor *e) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_settled cancelled;
  tdm_note note;
  if (!p->launched || tdm_load_total(&p->over)) return;
  tdm_settled_init(&cancelled);
  tdm_mutex_lock(&p->lock);
  for (uint32_t i = 0; i < p->used_count; i++) {
    tdm_task *t = p->task[i];
    if (t == NULL || take_from_worker_locked(p, t) >= TDM_PLACES) continue;
    if (!tdm_procs_is_errand(p, t)) tdm_executor_note_cancelled(e, t->items);
    tdm_settled_add(&cancelled, t);
  }
  for (unsigned i = 0; i < tdm_load_relaxed(&p->share->places); i++)
    tdm_procs_kill_member_locked(p, i);
  /* Also one that does not come to an end of its preloading. */
  tdm_procs_end_zygote_locked(p, &note);
  tdm_mutex_unlock(&p->lock);
  tdm_settled_deliver(p, &cancelled);
  tdm_os_event_set(p->wake);
}

static void procs_look(tdm_executor *e, tdm_task *t) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_mutex_lock(&p->lock);
  if (tdm_load_total(&t->state) == TDM_PENDING && t->worker != 0) {
    const tdm_slot *slot = &p->share->slots[t->worker - 1u];
    uint64_t claim = tdm_load_total(&slot->claim);
    if (tdm_claim_state(claim) != TDM_SLOT_READY)
      tdm_store_relaxed(&t->state, (uint8_t)TDM_RUNNING);
  }
  tdm_mutex_unlock(&p->lock);
}

static size_t procs_pending(tdm_executor *e, size_t enough) {
  tdm_procs *p = tdm_procs_of(e);
  if (!p->launched) return 0;
  tdm_mutex_lock(&p->lock);
  size_t n = tdm_queue_size(&p->queue);
  for (uint32_t i = 0; i < p->used_count && n < enough; i++) {
    uint64_t claim = tdm_load_total(&p->share->slots[i].claim);
    tdm_task *t = p->task[i];
    n += t != NULL && tdm_claim_state(claim) == TDM_SLOT_READY &&
         !tdm_procs_is_errand(p, t);
  }
  tdm_mutex_unlock(&p->lock);
  return n;
}

static int procs_progress(tdm_executor *e, tdm_task *t,
                          tdm_progress_view *view) {
  tdm_procs *p = tdm_procs_of(e);
  int said = 0;
  tdm_mutex_lock(&p->lock);
  if (t->worker != 0 && tdm_load_relaxed(&t->state) <= TDM_STOPPING)
    said = tdm_progress_get(&p->share->slots[t->worker - 1u].progress, view);
  tdm_mutex_unlock(&p->lock);
  return said;
}

/* Our manager takes its result in when the port's thread is busy. */
static void procs_expect_then(tdm_executor *e, tdm_task *t) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_mutex_lock(&p->lock);
  p->thens = 1;
  if (tdm_load_total(&t->state) <= TDM_STOPPING && t->worker != 0)
    tdm_store_total(&p->share->slots[t->worker - 1u].tell, 1);
  tdm_mutex_unlock(&p->lock);
  tdm_os_event_set(p->wake);
}

static void procs_listen(tdm_executor *e, int more) {
  tdm_procs *p = tdm_procs_of(e);
  if (!p->is_foreign) tdm_add_total(&p->share->listeners, more);
}

static void shrink_locked(tdm_procs *p, unsigned n) {
  unsigned alive = tdm_load_relaxed(&p->share->alive);
  for (unsigned i = TDM_PLACES; i-- > 0 && alive > n;) {
    tdm_member *m = &p->member[i];
    if (m->state == TDM_MEMBER_NONE || m->replaced || m->is_heir) continue;
    tdm_procs_dismiss_locked(p, i);
    alive--;
  }
}

static int procs_resize(tdm_executor *e, unsigned n) {
  tdm_procs *p = tdm_procs_of(e);
  tdm_settled out;
  if (tdm_executor_is_foreign(e)) return TDM_FORKED;
  if (!p->launched) {
    e->settings.max_workers = n;
    return TDM_OK;
  }
  tdm_settled_init(&out);
  tdm_mutex_lock(&p->lock);
  e->settings.max_workers = n;
  tdm_store_relaxed(&e->missing, 0);
  tdm_store_total(&p->share->target, n);
  p->start_after = 0;
  shrink_locked(p, n);
  tdm_procs_attend_locked(p, &out);
  tdm_mutex_unlock(&p->lock);
  tdm_settled_deliver(p, &out);
  return TDM_OK;
}

static void procs_close(tdm_executor *e) {
  tdm_procs *p = tdm_procs_of(e);
  if (!p->launched) return;
  tdm_store_total(&p->share->closing, 1);
  tdm_mutex_lock(&p->lock);
  tdm_procs_wake_all_locked(p);
  tdm_mutex_unlock(&p->lock);
  tdm_os_event_set(p->wake);
}

static void procs_interrupt(tdm_executor *e) {
  tdm_procs *p = tdm_procs_of(e);
  if (!p->launched) return;
  tdm_store_total(&p->share->interrupting, 1);
  tdm_mutex_lock(&p->lock);
  for (unsigned i = 0; i < tdm_load_relaxed(&p->share->places); i++)
    if (p->member[i].state != TDM_MEMBER_NONE)
      tdm_stop_ring(&p->share->place[i].stop);
  tdm_mutex_unlock(&p->lock);
  tdm_os_event_set(p->wake);
}

/* All that the launch has made goes back to the system; the account remains. */
static void undo_all(tdm_procs *p) {
  pthread_join(p->manager, NULL);
  tdm_procs_end_errands(p);
  tdm_fork_remove(&p->in_child);
  tdm_port_remove_source(p->base.port, &p->source);
  p->launched = 0;
  close(p->wake);
  p->fuse = tdm_load_total(&p->share->fuse);
  close_share(p);
}

/* As soon as it is known that the manager has ended, nothing of the pool shall
 * be left but its handle. */
static int procs_is_over(tdm_executor *e) {
  tdm_procs *p = tdm_procs_of(e);
  if (!tdm_load_total(&e->closing)) return 0;
  if (p->launched && tdm_load_total(&p->over)) undo_all(p);
  return !p->launched;
}

static void procs_free(tdm_executor *e) {
  tdm_procs *p = tdm_procs_of(e);
  if (p->launched) undo_all(p);
  tdm_mem_free(p->funcs);
  tdm_mutex_fini(&p->lock);
  tdm_mem_free(p);
}

static int procs_try_renew(tdm_executor *e) {
  tdm_procs *p = tdm_procs_of(e);
  return !p->launched && tdm_mutex_init(&p->lock, TDM_RANK_CREW) == TDM_OK;
}

static void look_at_member(tdm_procs *p, unsigned i, tdm_worker_view *view) {
  tdm_place *place = &p->share->place[i];
  unsigned slot = tdm_load_relaxed(&place->slot);
  pid_t pid = tdm_load_relaxed(&place->pid);
  if (pid == 0) pid = p->member[i].pid != 0 ? p->member[i].pid : -1;
  tdm_task *t = slot != 0 && slot <= TDM_SLOTS ? p->task[slot - 1] : NULL;
  /* Claimed, and not begun: it would survive its worker. */
  if (t != NULL && tdm_load_total(&p->share->slots[slot - 1].started) == 0)
    t = NULL;
  *view = (tdm_worker_view){
      .id = place->id,
      .pid = pid,
      .func = t != NULL ? t->func : NULL,
      .since = t != NULL ? (double)tdm_load_relaxed(&place->since) * 1e-9 : 0,
      .tasks = tdm_load_relaxed(&place->tasks),
      .cpu = (double)tdm_load_relaxed(&place->cpu) * 1e-9,
  };
  view->tid = view->pid;
  /* Its function may be gone when the view is read. */
  if (t != NULL && tdm_procs_is_errand(p, t))
    snprintf(view->label, sizeof view->label, "%s", t->func->label);
}

static size_t procs_workers(tdm_executor *e, tdm_worker_view *views,
                            size_t max) {
  tdm_procs *p = tdm_procs_of(e);
  size_t n = 0;
  if (!p->launched || tdm_executor_is_foreign(e)) return 0;
  tdm_mutex_lock(&p->lock);
  for (unsigned i = 0; i < tdm_load_relaxed(&p->share->places); i++) {
    const tdm_member *m = &p->member[i];
    if (m->state == TDM_MEMBER_NONE || m->ended || m->replaced || m->is_heir)
      continue;
    if (n < max) look_at_member(p, i, &views[n]);
    n++;
  }
  tdm_mutex_unlock(&p->lock);
  return n;
}

static void procs_tally(tdm_executor *e, tdm_tally *sum) {
  tdm_procs *p = tdm_procs_of(e);
  uint64_t running = 0;
  tdm_mutex_lock(&p->lock);
  for (uint32_t i = 0; p->launched && i < p->used_count; i++) {
    uint64_t claim = tdm_load_total(&p->share->slots[i].claim);
    enum tdm_claim state = tdm_claim_state(claim);
    tdm_task *t = p->task[i];
    if (t != NULL && state >= TDM_SLOT_TAKEN && !tdm_procs_is_errand(p, t))
      running += t->items;
  }
  tdm_tally_merge(sum, &p->tally);
  tdm_bump(&sum->taken, tdm_load_relaxed(&p->tally.done) +
                            tdm_load_relaxed(&p->tally.failed) + running);
  tdm_mutex_unlock(&p->lock);
}

static const tdm_executor_ops procs_ops = {
    .kind = "process",
    .submit = procs_submit,
    .open = procs_open,
    .recall = procs_recall,
    .resize = procs_resize,
    .close = procs_close,
    .interrupt = procs_interrupt,
    .is_over = procs_is_over,
    .free = procs_free,
    .workers = procs_workers,
    .tally = procs_tally,
    .try_cancel = procs_try_cancel,
    .try_kill = procs_try_kill,
    .try_stop = procs_try_stop,
    .keep_time = procs_keep_time,
    .try_renew = procs_try_renew,
    .kill = procs_kill,
    .look = procs_look,
    .pending = procs_pending,
    .progress = procs_progress,
    .expect_then = procs_expect_then,
    .listen = procs_listen,
};

int tdm_procs_new(const tdm_settings *settings, const tdm_runner *r,
                  void *recipe, tdm_port *port, tdm_executor **out) {
  tdm_procs *p = tdm_mem_zero(sizeof *p);
  if (p == NULL) return TDM_NOMEM;
  if (tdm_mutex_init(&p->lock, TDM_RANK_CREW) != TDM_OK) {
    tdm_mem_free(p);
    return TDM_NOMEM;
  }
  tdm_executor_init(&p->base, &procs_ops, settings, r, port);
  p->base.recipe = recipe;
  p->source = (tdm_source){.has = has, .collect = collect};
  p->memory = p->wake = p->control = -1;
  p->lowest = INT_MAX;
  *out = &p->base;
  return TDM_OK;
}
