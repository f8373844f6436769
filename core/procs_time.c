/* procs_time.c -- tasks of worker processes that are told to end. */
#include "error.h"
#include "os.h"
#include "procs.h"
#include "ring.h"

static void interrupt(tdm_procs *p, unsigned place) {
  tdm_place *x = &p->share->place[place];
  int pid = tdm_load_total(&x->pid), signal = tdm_load_total(&x->signal);
  const tdm_member *m = &p->member[place];
  if (pid != 0 && signal != 0 && !m->ended && !m->status_known)
    tdm_os_signal_thread(pid, pid, signal);
}

int tdm_procs_try_stop_locked(tdm_procs *p, tdm_task *t) {
  if (tdm_load_total(&t->state) > TDM_RUNNING || t->worker == 0) return 0;
  uint32_t i = t->worker - 1u;
  if (!tdm_ring_try_stop(p->share, i)) return 0;
  tdm_store_relaxed(&t->state, (uint8_t)TDM_STOPPING);
  uint64_t claim = tdm_load_total(&p->share->slots[i].claim);
  unsigned place = tdm_claim_place(claim);
  tdm_stop_order(&p->share->place[place].stop, tdm_claim_run(claim),
                 TDM_WHY_CANCEL);
  interrupt(p, place);
  return 1;
}

/* It does not end: the worker goes, and the task with it. */
static void give_up(tdm_procs *p, unsigned place, uint32_t slot,
                    tdm_settled *out) {
  tdm_task *t = p->task[slot];
  uint64_t order = tdm_load_total(&p->share->place[place].stop.order);
  int stopping = tdm_load_relaxed(&t->state) == TDM_STOPPING;
  if (!tdm_ring_try_kill(p->share, slot)) return;
  int expired = !stopping && (order & 3) == TDM_WHY_TIMEOUT;
  p->task[slot] = NULL;
  t->started = tdm_load_total(&p->share->slots[slot].started);
  t->worker = (uint16_t)p->share->place[place].id;
  tdm_procs_stopped_locked(p, t, expired ? TDM_EXPIRED : TDM_CANCELLED, out);
  tdm_procs_kill_member_locked(p, place);
}

/* By when a worker has to have started, where all shall end: it has no task
 * that could be told to. */
static tdm_time start_until(tdm_procs *p) {
  enum tdm_why why;
  tdm_time stop_at = tdm_executor_time_of(&p->base, 0, &why);
  return stop_at == TDM_FOREVER ? TDM_FOREVER : stop_at + tdm_worker_grace();
}

/* When to look again at a worker that is not ready yet. */
static tdm_time watch_start(tdm_procs *p, unsigned place, tdm_time now) {
  tdm_time until = start_until(p);
  if (now < until) return until;
  tdm_procs_kill_member_locked(p, place);
  return TDM_FOREVER;
}

/* The same for the zygote, which may be preloading. */
static tdm_time watch_zygote(tdm_procs *p, tdm_time now) {
  tdm_time until = p->is_ready || p->control < 0 ? TDM_FOREVER : start_until(p);
  tdm_note note;
  if (now < until) return until;
  tdm_procs_end_zygote_locked(p, &note);
  return TDM_FOREVER;
}

/* When to look at this worker again. */
static tdm_time watch(tdm_procs *p, unsigned place, tdm_time now,
                      tdm_settled *out) {
  tdm_member *m = &p->member[place];
  tdm_place *x = &p->share->place[place];
  if (tdm_load_total(&x->stage) == TDM_STAGE_STARTING)
    return watch_start(p, place, now);
  uint32_t i = tdm_load_total(&x->slot);
  if (i == 0 || i > TDM_SLOTS || p->task[--i] == NULL) return TDM_FOREVER;
  tdm_slot *slot = &p->share->slots[i];
  uint64_t claim = tdm_load_total(&slot->claim), run = tdm_claim_run(claim);
  enum tdm_claim state = tdm_claim_state(claim);
  if (tdm_claim_place(claim) != place ||
      (state != TDM_SLOT_TAKEN && state != TDM_SLOT_STOPPING))
    return TDM_FOREVER;
  if (tdm_load_total(&x->stop.order) >> 2 != run) {
    tdm_time began = tdm_load_total(&slot->started), deadline = 0;
    enum tdm_why why;
    if (began == 0) return now + TDM_TELL_AGAIN; /* it is about to begin */
    if (slot->limit > 0) deadline = tdm_clock_after(began, (double)slot->limit);
    deadline = tdm_executor_time_of(&p->base, deadline, &why);
    if (now < deadline) return deadline;
    tdm_stop_order(&x->stop, run, why);
  }
  if (m->stopping != run) {
    m->stopping = run;
    m->stop_since = now;
  }
  if (now - m->stop_since > tdm_worker_grace()) {
    give_up(p, place, i, out);
    return TDM_FOREVER;
  }
  interrupt(p, place);
  return now + TDM_TELL_AGAIN;
}

/* As in keeper.c: published for ever, looked, then published for real. */
tdm_time tdm_procs_watch_locked(tdm_procs *p, tdm_settled *out) {
  tdm_time now = tdm_clock_now(), next = watch_zygote(p, now);
  unsigned end = tdm_load_relaxed(&p->share->places);
  tdm_store_total(&p->share->next_look, TDM_FOREVER);
  for (unsigned i = 0; i < end; i++) {
    if (p->member[i].state != TDM_MEMBER_PRESENT) continue;
    tdm_time its = watch(p, i, now, out);
    if (its < next) next = its;
  }
  tdm_store_total(&p->share->next_look, next);
  return next;
}
