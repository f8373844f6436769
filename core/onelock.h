/* onelock.h -- the one lock that all workers of a pool share, where it wants to
 * be like threads of CPython: only who holds it runs a task's code.
 *
 *     OUT ----take----> WAITING ----its turn----> HOLDING
 *      ^                   |                        |
 *      '---told to end-----'<-------let go----------'
 *     any ---exempt---> FREE, for good
 *
 * A worker has a hand on the lock. Who lets go gives the lock to who waits
 * first, and nobody can come in between. Who has waited for 5 ms without any
 * change of hands asks the holder for it, by the signal of interrupt.h; the
 * holder looks up, and takes the lock again after those who wait.
 *
 * Owns:    nothing; a hand lies in its worker.
 * Threads: init, fini: whoever makes the pool, while there are no workers. Each
 *          hand: its worker's thread; exempt: any.
 * Locks:   its own (rank ONE_LOCK, a leaf). Under it a thread is woken or sent
 *          a signal, since the hand of who has it next must not go away.
 * Blocks:  take, until the lock is there.
 */
#ifndef TDM_ONELOCK_H
#define TDM_ONELOCK_H

#include <pthread.h>

#include "lock.h"
#include "worker.h"

typedef struct tdm_onelock {
  tdm_mutex lock;
  struct tdm_hand *holder;       /* NULL: nobody, and then nobody waits */
  struct tdm_hand *first, *last; /* who waits */
  uint64_t changes;              /* how often it has changed hands */
} tdm_onelock;

typedef struct tdm_hand {
  tdm_onelock *of;
  tdm_ctl *ctl;
  atomic_int state;
  atomic_int asked; /* it holds the lock, and somebody wants it */
  /* under the lock */
  pthread_t thread;
  struct tdm_hand *before, *after; /* who waits */
  uint64_t seen;                   /* the changes when it last looked */
} tdm_hand;

/* TDM_OK, TDM_NOMEM; TDM_LIMIT: there is no signal to ask with. */
int tdm_onelock_init(tdm_onelock *l);
void tdm_onelock_fini(tdm_onelock *l);

/* From now on the worker has a hand on it. */
void tdm_hand_init(tdm_hand *h, tdm_onelock *l, tdm_ctl *ctl);

/* From now on it goes without: its worker has been given up. */
void tdm_hand_exempt(tdm_hand *h);

void tdm_hand_take(tdm_hand *h, int or_end);
int tdm_hand_let_go(tdm_hand *h);

/* The rest is what everybody calls, and does nothing where the pool has no such
 * lock. */

/* The worker's code is about to run, or to go on. On return it has the lock;
 * where it had it before and somebody has asked, then after those who wait. */
static inline void tdm_ctl_take(const tdm_ctl *c) {
  if (c->hand != NULL) tdm_hand_take(c->hand, 0);
}

/* The same before a run: it may return without the lock where the run has been
 * told to end, since nothing of it will run. */
static inline void tdm_ctl_take_or_end(const tdm_ctl *c) {
  if (c->hand != NULL) tdm_hand_take(c->hand, 1);
}

/* The worker will sleep, or has nothing to run. True if it had the lock. */
static inline int tdm_ctl_let_go(const tdm_ctl *c) {
  return c->hand != NULL && tdm_hand_let_go(c->hand);
}

/* Shall it take the lock anew, so that others come in between? Also in a signal
 * handler. */
static inline int tdm_ctl_is_asked(const tdm_ctl *c) {
  return c->hand != NULL && tdm_load_relaxed(&c->hand->asked);
}

#endif
