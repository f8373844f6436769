#include <limits.h>

#include "error.h"
#include "mem.h"
#include "procs.h"
#include "ring.h"
#include "then.h"

/* While tasks of several priorities are about, only so many for each worker are
 * posted: the others can then overtake them. */
#define FEW_POSTED 2u

/* Results of this size on are read where they lie. */
#define IN_PLACE TDM_BUF_SHARED
#define MOST_IN_PLACE ((size_t)256 << 20)

void tdm_settled_add(tdm_settled *l, tdm_task *t) {
  if (l->first == NULL) l->last = &l->first;
  t->next = NULL;
  *l->last = t;
  l->last = &t->next;
}

void tdm_settled_deliver(tdm_procs *p, tdm_settled *l) {
  for (tdm_task *t = l->first, *next; t != NULL; t = next) {
    next = t->next;
    tdm_executor_deliver(&p->base, t);
  }
  l->first = NULL;
}

/* --- functions --- */

static tdm_known_func *func_entry(tdm_known_func *table, uint32_t room,
                                  uint32_t id) {
  uint32_t i = id * 2654435761u & (room - 1);
  while (table[i].id != 0 && table[i].id != id) i = (i + 1) & (room - 1);
  return &table[i];
}

static int grow_funcs(tdm_procs *p) {
  uint32_t room = p->func_room ? p->func_room * 2 : 64;
  if (p->func_count * 2 < p->func_room) return TDM_OK;
  tdm_known_func *table = tdm_mem_zero(room * sizeof *table);
  if (table == NULL) return TDM_NOMEM;
  for (uint32_t i = 0; i < p->func_room; i++)
    if (p->funcs[i].id != 0)
      *func_entry(table, room, p->funcs[i].id) = p->funcs[i];
  tdm_mem_free(p->funcs);
  p->funcs = table;
  p->func_room = room;
  return TDM_OK;
}

/* The block that says what the function is; 0 when out of memory. */
static uint32_t func_block(tdm_procs *p, const tdm_func *f) {
  if (grow_funcs(p) != TDM_OK) return 0;
  tdm_known_func *entry = func_entry(p->funcs, p->func_room, f->id);
  if (entry->id == f->id) return entry->block;
  uint32_t block = tdm_share_put_func(p->heap, f);
  if (block == 0) return 0;
  *entry = (tdm_known_func){f->id, block};
  p->func_count++;
  return block;
}

/* --- into slots --- */

static uint32_t slot_of(const tdm_task *t) { return (uint32_t)t->worker - 1u; }

static void free_slot(tdm_procs *p, uint32_t i) {
  tdm_progress *progress = &p->share->slots[i].progress;
  if (tdm_load_relaxed(&progress->version) != 0 && p->task[i] != NULL)
    tdm_port_report(p->task[i], progress);
  if (p->lent[i] != 0) tdm_heap_free(p->heap, p->lent[i]);
  p->lent[i] = 0;
  if (p->task[i] != NULL) p->task[i]->worker = 0;
  p->task[i] = NULL;
  tdm_ring_free(p->share, i);
  p->free[p->free_count++] = i;
}

/* The arguments: in the slot, in a block that they were written into from the
 * start, or in one that they are copied to. */
static int lend_arguments(tdm_procs *p, uint32_t i, const tdm_task *t) {
  tdm_slot *slot = &p->share->slots[i];
  const tdm_payload *in = &t->payload;
  char *to = slot->bytes;
  slot->in = (tdm_ref){.n = in->n};
  if (in->n > TDM_INLINE && in->at.far.heap == p->heap &&
      in->at.far.block != 0) {
    slot->in.block = in->at.far.block;
    return TDM_OK;
  }
  if (in->n > sizeof slot->bytes) {
    slot->in.block = p->lent[i] = tdm_heap_take(p->heap, in->n, &to);
    if (p->lent[i] == 0) return TDM_NOMEM;
  }
  memcpy(to, tdm_payload_bytes(in), in->n);
  return TDM_OK;
}

static int fill_slot(tdm_procs *p, uint32_t i, const tdm_task *t) {
  tdm_slot *slot = &p->share->slots[i];
  slot->func = func_block(p, t->func);
  if (slot->func == 0) return TDM_NOMEM;
  slot->func_id = t->func->id;
  slot->cookie = (uintptr_t)t;
  slot->items = t->items;
  slot->failed = 0;
  slot->job = t->job;
  slot->attempt = t->attempt;
  slot->limit = t->limit;
  tdm_progress_clear(&slot->progress);
  int tell = tdm_then_has((tdm_task *)t) || tdm_procs_is_errand(p, t);
  tdm_store_relaxed(&slot->tell, (uint8_t)tell);
  slot->queued = t->queued;
  tdm_store_relaxed(&slot->started, (tdm_time)0);
  return lend_arguments(p, i, t);
}

static uint32_t take_slot(tdm_procs *p) {
  if (p->free_count != 0) return p->free[--p->free_count];
  return p->used_count++;
}

static int has_slot(const tdm_procs *p) {
  return p->free_count != 0 || p->used_count < TDM_SLOTS;
}

/* TDM_FULL: no slot, or no room on the ring. */
static int post(tdm_procs *p, tdm_task *t) {
  if (!has_slot(p)) return TDM_FULL;
  uint32_t i = take_slot(p);
  int err = fill_slot(p, i, t);
  if (err == TDM_OK) {
    p->task[i] = t;
    t->worker = (uint16_t)(i + 1);
    if (t->priority < p->lowest) p->lowest = t->priority;
    if (tdm_ring_try_post(p->share, i)) return TDM_OK;
    err = TDM_FULL;
  }
  free_slot(p, i);
  return err;
}

/* --- out of them again --- */

/* What is posted goes back to where it came from, in its order: the newest
 * first to the front of the queue. */
static void recall_posted(tdm_procs *p) {
  tdm_share *s = p->share;
  uint64_t head = tdm_load_total(&s->head), at = tdm_load_relaxed(&s->tail);
  while (at-- > head) {
    uint32_t i = tdm_load_relaxed(&s->ring[at % TDM_RING]);
    uint64_t claim = tdm_load_total(&s->slots[i].claim);
    if (claim >> 24 != (at & (UINT64_MAX >> 24))) continue;
    if (!tdm_ring_try_withdraw(s, i)) continue;
    tdm_queue_push_front(&p->queue, p->task[i]);
    free_slot(p, i);
  }
  /* Or what is withdrawn would count as posted, and keep others off the ring
   * while the workers sleep. */
  tdm_ring_skip_withdrawn(s);
  p->lowest = INT_MAX;
}

int tdm_procs_withdraw_locked(tdm_procs *p, tdm_task *t) {
  if (t->worker == 0) return 1;
  if (!tdm_ring_try_withdraw(p->share, slot_of(t))) return 0;
  free_slot(p, slot_of(t));
  return 1;
}

tdm_task *tdm_procs_recall_locked(tdm_procs *p) {
  tdm_task *list = NULL, **last = &list, *t;
  recall_posted(p);
  while ((t = tdm_queue_try_pop(&p->queue)) != NULL) {
    *last = t;
    last = &t->next;
  }
  tdm_store_total(&p->share->more, 0);
  return list;
}

/* --- putting and refilling --- */

static int is_cancelled(const tdm_task *t) {
  return tdm_load_relaxed(&t->state) == TDM_CANCELLED;
}

static int may_post_more(tdm_procs *p) {
  if (p->queue.heap == NULL) return 1;
  unsigned alive = tdm_load_relaxed(&p->share->alive);
  return tdm_ring_backlog(p->share) < FEW_POSTED * (uint64_t)(alive + 1);
}

void tdm_procs_refill_locked(tdm_procs *p, tdm_settled *out) {
  tdm_task *t;
  while (tdm_queue_size(&p->queue) != 0 && has_slot(p) && may_post_more(p)) {
    t = tdm_queue_try_pop(&p->queue);
    int err = is_cancelled(t) ? TDM_ABORTED : post(p, t);
    if (err == TDM_ABORTED) {
      tdm_settled_add(out, t);
    } else if (err == TDM_FULL) {
      tdm_queue_push_front(&p->queue, t);
      break;
    } else if (err != TDM_OK) {
      tdm_procs_fail_locked(p, t, NULL, 0, 0, out);
    }
  }
  int more = tdm_queue_size(&p->queue) != 0;
  if (tdm_load_relaxed(&p->share->more) != more)
    tdm_store_total(&p->share->more, more);
  if (!tdm_ring_has(p->share)) p->lowest = INT_MAX;
}

static void queue_up(tdm_procs *p, tdm_task *t) {
  t->next = NULL;
  tdm_queue_push_all(&p->queue, t);
}

int tdm_procs_put_locked(tdm_procs *p, tdm_task *t, tdm_settled *out) {
  int err = TDM_FULL;
  if (is_cancelled(t)) { /* while it was handed on */
    tdm_settled_add(out, t);
    return TDM_OK;
  }
  if (t->priority > p->lowest) {
    recall_posted(p);
  } else if (tdm_queue_size(&p->queue) == 0 && t->priority == 0) {
    err = post(p, t);
  }
  if (err != TDM_FULL) return err;
  queue_up(p, t);
  tdm_procs_refill_locked(p, out);
  return TDM_OK;
}

int tdm_procs_try_post_locked(tdm_procs *p, tdm_task *t) {
  return tdm_queue_size(&p->queue) != 0 ? TDM_FULL : post(p, t);
}

void tdm_procs_put_first_locked(tdm_procs *p, tdm_task *t) {
  recall_posted(p);
  tdm_queue_push_front(&p->queue, t);
  tdm_store_total(&p->share->more, 1);
}

int tdm_procs_has_work_locked(tdm_procs *p) {
  tdm_ring_skip_withdrawn(p->share);
  return tdm_ring_has(p->share) || tdm_queue_size(&p->queue) != 0;
}

/* --- results --- */

static void settle(tdm_procs *p, tdm_task *t, enum tdm_state outcome,
                   tdm_settled *out) {
  t->bytes_out = t->payload.n;
  if (!tdm_procs_is_errand(p, t))
    tdm_tally_add(&p->tally, t, outcome == TDM_FAILED);
  tdm_store_total(&t->state, (uint8_t)outcome);
  tdm_settled_add(out, t);
}

void tdm_procs_fail_locked(tdm_procs *p, tdm_task *t, const void *why, size_t n,
                           tdm_time started, tdm_settled *out) {
  if (is_cancelled(t)) {
    tdm_settled_add(out, t);
    return;
  }
  /* Without memory for the reason, that is the reason. */
  if (tdm_payload_copy(&t->payload, why, n) != TDM_OK)
    tdm_payload_fini(&t->payload);
  t->finished = tdm_clock_now();
  t->started = started != 0 ? started : t->finished;
  settle(p, t, TDM_FAILED, out);
}

void tdm_procs_stopped_locked(tdm_procs *p, tdm_task *t, enum tdm_state how,
                              tdm_settled *out) {
  tdm_payload_fini(&t->payload);
  t->finished = tdm_clock_now();
  if (t->started == 0) t->started = t->finished;
  t->bytes_out = 0;
  if (!tdm_procs_is_errand(p, t))
    tdm_bump(how == TDM_EXPIRED ? &p->tally.failed : &p->tally.stopped,
             t->items);
  tdm_store_total(&t->state, (uint8_t)how);
  tdm_settled_add(out, t);
}

/* The result becomes the task's payload: read in place where it is large. */
static int take_result(tdm_procs *p, const tdm_slot *slot, tdm_task *t) {
  size_t n = slot->out.n;
  uint32_t block = slot->out.block;
  if (block == 0)
    return n <= sizeof slot->bytes
               ? tdm_payload_copy(&t->payload, slot->bytes, n)
               : TDM_DECODE;
  char *at = tdm_heap_adopt(p->heap, block, n);
  if (at == NULL) {
    tdm_heap_abandon(p->heap, block);
    return TDM_NOMEM;
  }
  if (n >= IN_PLACE &&
      tdm_load_relaxed(&p->heap->mapped_bytes) < MOST_IN_PLACE) {
    tdm_payload_take_block(&t->payload, p->heap, block, at, n);
    return TDM_OK;
  }
  int err = tdm_payload_copy(&t->payload, at, n);
  tdm_heap_free(p->heap, block);
  return err;
}

/* What the slot says, as far as it may say it. */
static enum tdm_state outcome_of(const tdm_slot *slot) {
  if (slot->outcome == TDM_DONE) return TDM_DONE;
  return slot->outcome == TDM_CANCELLED ? TDM_CANCELLED : TDM_FAILED;
}

static void collect_slot(tdm_procs *p, uint32_t i, tdm_settled *out) {
  p->collected++;
  p->early_deaths = 0;
  tdm_slot *slot = &p->share->slots[i];
  tdm_task *t = p->task[i];
  unsigned place = tdm_claim_place(tdm_load_total(&slot->claim));
  enum tdm_state outcome = outcome_of(slot);
  if (outcome != TDM_CANCELLED && take_result(p, slot, t) != TDM_OK) {
    tdm_payload_fini(&t->payload);
    outcome = TDM_FAILED;
  }
  t->started = tdm_load_relaxed(&slot->started);
  t->finished = slot->finished;
  t->cpu = slot->cpu;
  t->failed = slot->failed;
  free_slot(p, i);
  if (place < TDM_PLACES) t->worker = (uint16_t)p->share->place[place].id;
  if (outcome != TDM_CANCELLED) {
    settle(p, t, outcome, out);
    return;
  }
  tdm_heap_abandon(p->heap, slot->out.block);
  tdm_procs_stopped_locked(p, t, TDM_CANCELLED, out);
}

void tdm_procs_collect_locked(tdm_procs *p, tdm_settled *out) {
  uint32_t i = tdm_ring_take_finished(p->share);
  while (i != 0) {
    uint32_t next = tdm_load_relaxed(&p->share->slots[i - 1].next);
    collect_slot(p, i - 1, out);
    i = next;
  }
}

tdm_task *tdm_procs_bury_slot_locked(tdm_procs *p, uint32_t slot,
                                     tdm_time *started, tdm_settled *out) {
  tdm_slot *at = &p->share->slots[slot];
  tdm_task *t = p->task[slot];
  switch (tdm_claim_state(tdm_load_total(&at->claim))) {
    case TDM_SLOT_OVER: /* it died before it could push it */
      collect_slot(p, slot, out);
      return NULL;
    case TDM_SLOT_TAKEN:
      *started = tdm_load_total(&at->started);
      free_slot(p, slot);
      return t;
    case TDM_SLOT_STOPPING:
      free_slot(p, slot);
      tdm_procs_stopped_locked(p, t, TDM_CANCELLED, out);
      return NULL;
    default: /* it was killed for it, and the task is settled */
      free_slot(p, slot);
      return NULL;
  }
}

/* The cause of the broken pool, as each of its tasks fails with it. */
void tdm_procs_fail_pending_locked(tdm_procs *p, tdm_settled *out) {
  tdm_task *t = tdm_procs_recall_locked(p), *next;
  for (; t != NULL; t = next) {
    next = t->next;
    tdm_procs_fail_locked(p, t, p->base.cause.p, p->base.cause.n, 0, out);
  }
}
