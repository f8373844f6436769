/* bell.h -- what the thread of a port waits for, and how it is woken.
 *
 * It sleeps for one thing: that `want`ed task, or the `countdown`-th of any.
 * Who brings a task back first makes it visible, then rings; who waits first
 * says what for, then looks whether it is there. So one sees the other.
 *
 * A bell may lie in memory that processes share: then `what` is a number to
 * whoever rings, not an address.
 *
 * Owns:    nothing. All zero bits are a bell that nobody waits at.
 * Threads: one waits; any, of any process, rings.
 */
#ifndef TDM_BELL_H
#define TDM_BELL_H

#include <stdint.h>

#include "park.h"

enum { TDM_WANT_NOTHING, TDM_WANT_COUNT }; /* else a task's address */

typedef struct tdm_bell {
  _Atomic(uint64_t) want;
  atomic_int countdown;
  atomic_int wired; /* somebody polls the port's descriptor */
  tdm_park park;
} tdm_bell;

static inline int tdm_bell_is_wanted(tdm_bell *b, uint64_t what) {
  uint64_t want = tdm_load_total(&b->want);
  if (want == TDM_WANT_NOTHING) return 0;
  if (want == TDM_WANT_COUNT) return tdm_sub_total(&b->countdown, 1) == 1;
  return want == what;
}

/* A task is back. True if `fd` is to be signalled: nothing was there before
 * and somebody polls. */
static inline int tdm_bell_ring(tdm_bell *b, uint64_t what, int was_empty) {
  if (tdm_bell_is_wanted(b, what)) tdm_park_wake(&b->park);
  return was_empty && tdm_load_total(&b->wired);
}

#endif
