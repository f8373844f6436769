/* ring.h -- tasks on their way to worker processes and back.
 *
 * Positions count up for ever; position n's slot stands at ring[n % TDM_RING].
 * A slot that is posted bears its position in its claim, so that a claim can
 * only succeed on what was posted there: not on a slot that was withdrawn, and
 * posted anew elsewhere, since somebody looked. `head` only saves looking at
 * what is gone; whoever finds it behind moves it on.
 *
 * Owns:    nothing.
 * Threads: post, withdraw, kill, take_finished, is_…: the host, under its
 *          pool's lock. claim, finish: the worker of that place.
 * Blocks:  never.
 */
#ifndef TDM_RING_H
#define TDM_RING_H

#include "share.h"

static inline enum tdm_claim tdm_claim_state(uint64_t claim) {
  return (enum tdm_claim)(claim & 0xff);
}

/* The number of the run that a claim stands for: see tdm_stop_order. */
static inline uint64_t tdm_claim_run(uint64_t claim) {
  return (claim >> 24) + 1;
}

static inline unsigned tdm_claim_place(uint64_t claim) {
  return (unsigned)(claim >> 8) & 0xffff;
}

/* Has somebody posted what nobody has claimed? A hint, ordered with the total
 * accesses. */
static inline int tdm_ring_has(tdm_share *s) {
  return tdm_load_total(&s->head) != tdm_load_total(&s->tail);
}

/* How many are posted and not claimed, at most. */
static inline uint64_t tdm_ring_backlog(tdm_share *s) {
  uint64_t head = tdm_load_relaxed(&s->head), tail = tdm_load_relaxed(&s->tail);
  return tail > head ? tail - head : 0;
}

/* Posts a free slot that is filled in. False: the ring is full. */
int tdm_ring_try_post(tdm_share *s, uint32_t slot);

/* Moves the head over positions whose tasks were withdrawn: what there is then
 * on the ring is work. */
void tdm_ring_skip_withdrawn(tdm_share *s);

/* A slot is free again. */
void tdm_ring_free(tdm_share *s, uint32_t slot);

/* Takes a posted slot back. False: a worker has it. */
int tdm_ring_try_withdraw(tdm_share *s, uint32_t slot);

/* A slot that runs is to be cancelled when it ends. False: it does not run. */
int tdm_ring_try_stop(tdm_share *s, uint32_t slot);

/* Takes a slot from the worker that runs it, which will never finish it. False:
 * it does not run. */
int tdm_ring_try_kill(tdm_share *s, uint32_t slot);

/* All finished slots, the oldest first: index + 1 of the first, then by `next`;
 * 0 for none. */
uint32_t tdm_ring_take_finished(tdm_share *s);

/* A slot for the worker, which is TAKEN then; negative when there is none. */
int tdm_ring_try_claim(tdm_share *s, unsigned place);

/* The worker's slot is over: 1 if it is the first on the stack, 0 if not;
 * negative: it was killed. */
int tdm_ring_finish(tdm_share *s, uint32_t slot);

#endif
