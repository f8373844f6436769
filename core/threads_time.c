/* threads_time.c -- tasks of threads that are told to end, or run too long. */
#include <pthread.h>
#include <signal.h>

#include "error.h"
#include "interrupt.h"
#include "threads.h"

/* The task is ours: nobody will ever bring it back otherwise. */
static void settle_lost(tdm_task *t, enum tdm_why why) {
  uint8_t running = TDM_RUNNING;
  t->finished = tdm_clock_now();
  if (why != TDM_WHY_TIMEOUT ||
      !tdm_cas_total(&t->state, &running, (uint8_t)TDM_EXPIRED))
    tdm_store_total(&t->state, (uint8_t)TDM_CANCELLED);
}

/* The task itself may take its time, but not one on top of it: how much that
 * had. */
static float limit_above(tdm_thread_member *m) {
  tdm_time began = tdm_load_relaxed(&m->worker.since);
  return (float)(tdm_load_total(&m->worker.deadline) - began) * 1e-9f;
}

/* C code runs there and does not return. Another worker may start in its place;
 * should it ever return, it leaves. */
static tdm_task *give_up_locked(tdm_threads *p, tdm_thread_member *m,
                                uint64_t run) {
  tdm_task *t = tdm_worker_try_give_up(&m->worker, run);
  if (t == NULL) return NULL;
  m->lost = 1;
  if (m->worker.ctl.hand != NULL) tdm_hand_exempt(&m->hand);
  /* The worker may yet read the task's function: its owner stays as long. */
  if (tdm_port_of(t) != p->base.port) {
    m->lost_from = t->executor;
    tdm_add_total(&m->lost_from->haunting, 1u);
  }
  tdm_add_total(&p->lost, 1u);
  tdm_sub_total(&p->alive, 1u);
  /* It waited for a start, and its port has settled it: it only goes home. */
  if (!tdm_task_is_running(t) && !tdm_task_claim(t)) return t;
  uint64_t order = tdm_load_total(&m->worker.own_stop.order);
  enum tdm_why why = (enum tdm_why)(order & 3);
  if (why == TDM_WHY_TIMEOUT && !(t->limit > 0)) t->limit = limit_above(m);
  settle_lost(t, why);
  if (tdm_load_relaxed(&t->state) == TDM_EXPIRED)
    tdm_bump(&p->past.failed, t->items);
  else
    tdm_bump(&p->past.stopped, t->items);
  return t;
}

/* Looks at what the worker runs: a task that was given up, or NULL. *next: when
 * to look again. */
static tdm_task *watch_locked(tdm_threads *p, tdm_thread_member *m,
                              tdm_time now, tdm_time *next) {
  tdm_worker *w = &m->worker;
  uint64_t run = tdm_load_total(&w->run);
  uint64_t seen = tdm_load_total(&w->own_stop.order);
  uint64_t ordered = tdm_worker_ordered(w, seen);
  *next = TDM_FOREVER;
  if (run == 0 || run == TDM_LOST) return NULL;
  if (ordered == 0) {
    enum tdm_why why;
    *next = tdm_executor_time_of(&p->base, tdm_load_total(&w->deadline), &why);
    if (now < *next) return NULL;
    ordered = tdm_load_total(why == TDM_WHY_TIMEOUT ? &w->deadline_run
                                                    : &w->base_run);
    if (!tdm_stop_try_order(&w->own_stop, seen, ordered, why)) {
      *next = now; /* somebody else has ordered something: what? */
      return NULL;
    }
  }
  if (m->stopping != ordered) {
    m->stopping = ordered;
    m->stop_since = now;
  }
  *next = now + TDM_TELL_AGAIN;
  if (now - m->stop_since > tdm_worker_grace())
    return give_up_locked(p, m, run);
  pthread_kill(m->thread, tdm_interrupt_signal());
  return NULL;
}

/* The keeper's look. One that was given up goes home at the next look, when the
 * lock is free. */
tdm_time tdm_threads_watch(void *arg) {
  tdm_threads *p = arg;
  tdm_time now = tdm_clock_now(), next = TDM_FOREVER, its;
  tdm_task *lost = NULL;
  tdm_mutex_lock(&p->crew_lock);
  for (tdm_thread_member *m = p->members; m != NULL && lost == NULL;
       m = m->next) {
    lost = watch_locked(p, m, now, &its);
    if (its < next) next = its;
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (lost == NULL) return next;
  tdm_executor_deliver(&p->base, lost);
  tdm_threads_call(p, 0);
  return now;
}

int tdm_threads_keep_time(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  int err = tdm_interrupt_install();
  return err == TDM_OK ? tdm_keeper_need(&p->keeper) : err;
}

static void order_locked(tdm_thread_member *m, uint64_t run) {
  tdm_stop_order(&m->worker.own_stop, run, TDM_WHY_CANCEL);
  pthread_kill(m->thread, tdm_interrupt_signal());
}

int tdm_threads_try_stop(tdm_executor *e, tdm_task *t) {
  tdm_threads *p = (tdm_threads *)e;
  if (tdm_threads_keep_time(e) != TDM_OK || !tdm_task_try_stop(t)) return 0;
  tdm_mutex_lock(&p->crew_lock);
  for (tdm_thread_member *m = p->members; m != NULL; m = m->next) {
    uint64_t run = tdm_load_total(&m->worker.run);
    if (run == 0 || run == TDM_LOST) continue;
    if (tdm_load_relaxed(&m->worker.base_task) == t)
      order_locked(m, tdm_load_total(&m->worker.base_run));
  }
  tdm_mutex_unlock(&p->crew_lock);
  tdm_keeper_look_by(&p->keeper, 0);
  return 1;
}

void tdm_threads_interrupt(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  int is_kept = tdm_threads_keep_time(e) == TDM_OK;
  tdm_mutex_lock(&p->crew_lock);
  for (tdm_thread_member *m = p->members; m != NULL; m = m->next)
    tdm_stop_ring(m->worker.ctl.stop);
  tdm_mutex_unlock(&p->crew_lock);
  if (is_kept) tdm_keeper_look_by(&p->keeper, 0);
}

void tdm_threads_end_starts(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  int is_kept = tdm_threads_keep_time(e) == TDM_OK;
  tdm_mutex_lock(&p->crew_lock);
  for (tdm_thread_member *m = p->members; m != NULL; m = m->next) {
    uint64_t run = tdm_load_total(&m->worker.run);
    if (run != 0 && run == tdm_load_total(&m->worker.start))
      order_locked(m, run);
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (is_kept) tdm_keeper_look_by(&p->keeper, 0);
}
