#include "ring.h"

#include "fault.h"

#define MASK (TDM_RING - 1)

static uint64_t make_claim(uint64_t position, unsigned place,
                           enum tdm_claim state) {
  return position << 24 | (uint64_t)place << 8 | (uint64_t)state;
}

/* The same position and place in another state. */
static uint64_t with_state(uint64_t claim, enum tdm_claim state) {
  return (claim & ~UINT64_C(0xff)) | (uint64_t)state;
}

static int try_change(tdm_slot *t, enum tdm_claim from, enum tdm_claim to) {
  uint64_t claim = tdm_load_total(&t->claim);
  if (tdm_claim_state(claim) != from) return 0;
  return tdm_cas_total(&t->claim, &claim, with_state(claim, to));
}

/* --- by the host --- */

void tdm_ring_skip_withdrawn(tdm_share *s) {
  uint64_t head = tdm_load_total(&s->head);
  while (head != tdm_load_relaxed(&s->tail)) {
    uint32_t i = tdm_load_relaxed(&s->ring[head & MASK]);
    uint64_t claim = tdm_load_total(&s->slots[i].claim);
    if (claim == make_claim(head, 0, TDM_SLOT_READY)) return;
    if (tdm_cas_total(&s->head, &head, head + 1)) head++;
  }
}

int tdm_ring_try_post(tdm_share *s, uint32_t slot) {
  uint64_t tail = tdm_load_relaxed(&s->tail);
  if (tail - tdm_load_total(&s->head) >= TDM_RING) {
    tdm_ring_skip_withdrawn(s);
    if (tail - tdm_load_total(&s->head) >= TDM_RING) return 0;
  }
  tdm_store_relaxed(&s->ring[tail & MASK], slot);
  tdm_store_release(&s->slots[slot].claim, make_claim(tail, 0, TDM_SLOT_READY));
  tdm_store_total(&s->tail, tail + 1);
  return 1;
}

void tdm_ring_free(tdm_share *s, uint32_t slot) {
  tdm_store_relaxed(&s->slots[slot].claim, (uint64_t)TDM_SLOT_FREE);
}

int tdm_ring_try_withdraw(tdm_share *s, uint32_t slot) {
  return try_change(&s->slots[slot], TDM_SLOT_READY, TDM_SLOT_FREE);
}

int tdm_ring_try_stop(tdm_share *s, uint32_t slot) {
  return try_change(&s->slots[slot], TDM_SLOT_TAKEN, TDM_SLOT_STOPPING);
}

int tdm_ring_try_kill(tdm_share *s, uint32_t slot) {
  tdm_slot *t = &s->slots[slot];
  return try_change(t, TDM_SLOT_TAKEN, TDM_SLOT_KILLED) ||
         try_change(t, TDM_SLOT_STOPPING, TDM_SLOT_KILLED);
}

uint32_t tdm_ring_take_finished(tdm_share *s) {
  if (tdm_load_relaxed(&s->finished) == 0) return 0;
  uint32_t i = tdm_swap_total(&s->finished, 0u), out = 0;
  while (i != 0) {
    tdm_slot *t = &s->slots[i - 1];
    uint32_t next = tdm_load_relaxed(&t->next);
    tdm_store_relaxed(&t->next, out);
    out = i;
    i = next;
  }
  return out;
}

/* --- by workers --- */

/* The claim is the one on the slot. The head may have been moved on for us, or
 * be moved on by others when we die right now. */
int tdm_ring_try_claim(tdm_share *s, unsigned place) {
  for (;;) {
    uint64_t head = tdm_load_total(&s->head);
    if (head == tdm_load_total(&s->tail)) return -1;
    uint32_t i = tdm_load_relaxed(&s->ring[head & MASK]);
    uint64_t ready = make_claim(head, 0, TDM_SLOT_READY);
    int mine = tdm_cas_total(&s->slots[i].claim, &ready,
                             make_claim(head, place, TDM_SLOT_TAKEN));
    tdm_fault();
    tdm_cas_total(&s->head, &head, head + 1);
    if (mine) return (int)i;
  }
}

int tdm_ring_finish(tdm_share *s, uint32_t slot) {
  tdm_slot *t = &s->slots[slot];
  if (!try_change(t, TDM_SLOT_TAKEN, TDM_SLOT_OVER)) {
    t->outcome = TDM_CANCELLED;
    if (!try_change(t, TDM_SLOT_STOPPING, TDM_SLOT_OVER)) return -1;
  }
  tdm_fault();
  uint32_t top = tdm_load_relaxed(&s->finished);
  do tdm_store_relaxed(&t->next, top);
  while (!tdm_cas_total(&s->finished, &top, slot + 1));
  tdm_fault();
  return top == 0;
}
