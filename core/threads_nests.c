/* threads_nests.c -- what tasks of a thread pool have submitted to it. */
#include <stdio.h>

#include "then.h"
#include "threads.h"

static tdm_threads *pool_of(tdm_nest_host *h) {
  return (tdm_threads *)((char *)h - offsetof(tdm_threads, nests));
}

/* The oldest task of the first nest that has one. */
tdm_task *tdm_threads_try_take_nested(tdm_threads *p) {
  tdm_task *t = NULL;
  if (tdm_load_total(&p->nests.pending) == 0) return NULL;
  tdm_mutex_lock(&p->crew_lock);
  for (tdm_thread_member *m = p->members; m != NULL && t == NULL; m = m->next)
    if (m->nest != NULL) t = tdm_nest_take(m->nest);
  tdm_mutex_unlock(&p->crew_lock);
  return t;
}

tdm_task *tdm_threads_withdraw_nested(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  tdm_task *t = NULL;
  if (tdm_load_total(&p->nests.pending) == 0) return NULL;
  tdm_mutex_lock(&p->crew_lock);
  for (tdm_thread_member *m = p->members; m != NULL && t == NULL; m = m->next)
    if (m->nest != NULL) t = tdm_nest_withdraw(m->nest);
  tdm_mutex_unlock(&p->crew_lock);
  return t;
}

/* The task of a worker's outermost run is for others to wait for. One that runs
 * nothing may yet name the task that had this place in memory before. */
static int is_run_by(tdm_thread_member *m, const tdm_task *t) {
  uint64_t run = tdm_load_total(&m->worker.run);
  return run != 0 && run != TDM_LOST &&
         tdm_load_relaxed(&m->worker.base_task) == t;
}

tdm_thread_member *tdm_threads_runner_of_locked(tdm_threads *p,
                                                const tdm_task *t) {
  tdm_thread_member *m = p->members;
  while (m != NULL && !is_run_by(m, t)) m = m->next;
  return m;
}

/* Who waits for the task, or what it continues, may wait for somebody who waits
 * in his turn ...: as long as each of them does, and runs. 0: in the end for
 * himself. What somebody waits for, and all before it, is there meanwhile. */
static int may_wait_locked(tdm_threads *p, tdm_worker *w, tdm_task *t,
                           char *cycle, size_t size) {
  char *at = cycle, *end = cycle + size;
  for (unsigned i = tdm_load_relaxed(&p->alive); i-- > 0;) {
    t = tdm_then_awaited(t);
    if (!tdm_task_is_running(t)) return 1;
    tdm_thread_member *m = tdm_threads_runner_of_locked(p, t);
    if (m == NULL || m->waits_for == NULL) return 1;
    if (at < end)
      at += snprintf(at, (size_t)(end - at), "%s -> ", t->func->label);
    t = tdm_then_awaited(m->waits_for);
    if (tdm_worker_explain_cycle(w, t, at, at < end ? (size_t)(end - at) : 0))
      return 0;
  }
  return 1;
}

static tdm_thread_member *member_of(tdm_worker *w) {
  return (tdm_thread_member *)((char *)w - offsetof(tdm_thread_member, worker));
}

static int host_wait(tdm_nest_host *h, tdm_worker *w, tdm_task *t, char *cycle,
                     size_t size) {
  tdm_threads *p = pool_of(h);
  int may = 1;
  tdm_mutex_lock(&p->crew_lock);
  if (t != NULL) may = may_wait_locked(p, w, t, cycle, size);
  member_of(w)->waits_for = may ? t : NULL;
  tdm_mutex_unlock(&p->crew_lock);
  return may;
}

static void host_attach(tdm_nest_host *h, tdm_worker *w, tdm_nest *n) {
  tdm_threads *p = pool_of(h);
  tdm_mutex_lock(&p->crew_lock);
  member_of(w)->nest = n;
  tdm_mutex_unlock(&p->crew_lock);
}

static void host_call(tdm_nest_host *h) { tdm_threads_call(pool_of(h), 1); }

static void host_put(tdm_nest_host *h, tdm_task *t) {
  tdm_threads *p = pool_of(h);
  if (p->base.settings.queue_limit != 0)
    tdm_add_total(&p->base.queued, (size_t)1);
  tdm_threads_put(p, t);
  tdm_threads_call(p, 1);
}

static void push_nest(tdm_nest **list, tdm_nest *n) {
  n->next = *list;
  *list = n;
}

static tdm_nest *pop_nest(tdm_nest **list) {
  tdm_nest *n = *list;
  if (n != NULL) *list = n->next;
  return n;
}

static tdm_nest *take_left_nests(tdm_threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  tdm_nest *list = p->left_nests;
  p->left_nests = NULL;
  tdm_mutex_unlock(&p->crew_lock);
  return list;
}

/* Keeps one more, and frees those that can be by now: not before we have had
 * the lock once more since their tasks came home, as somebody may have it who
 * reads the name of what a worker ran just then. */
static void sweep(tdm_threads *p, tdm_nest *one_more) {
  tdm_nest *list = take_left_nests(p), *kept = NULL, *home = NULL, *n;
  if (one_more != NULL) push_nest(&list, one_more);
  while ((n = pop_nest(&list)) != NULL)
    push_nest(tdm_nest_is_home(n) ? &home : &kept, n);
  tdm_mutex_lock(&p->crew_lock);
  while ((n = pop_nest(&kept)) != NULL) push_nest(&p->left_nests, n);
  tdm_mutex_unlock(&p->crew_lock);
  while ((n = pop_nest(&home)) != NULL) tdm_nest_free(n);
}

static void host_keep(tdm_nest_host *h, tdm_nest *n) { sweep(pool_of(h), n); }

void tdm_threads_sweep_nests(tdm_threads *p) { sweep(p, NULL); }

void tdm_threads_open_nests(tdm_threads *p) {
  p->nests = (tdm_nest_host){.pool = &p->base,
                             .max_workers = &p->target,
                             .attach = host_attach,
                             .call = host_call,
                             .put = host_put,
                             .keep = host_keep,
                             .wait = host_wait};
}
