/* lock.h -- mutexes with a rank.
 *
 * A thread takes locks in rising rank only, which a debug build asserts; that
 * is why the core cannot deadlock on its own locks. Nothing calls out of the
 * core (runner, deliver) while it holds one. A place where a thread sleeps may
 * be woken under CREW, where the list that leads to it must hold still.
 *
 * Blocks: tdm_mutex_lock, for the few instructions that holders take.
 */
#ifndef TDM_LOCK_H
#define TDM_LOCK_H

#include <pthread.h>

enum tdm_rank {
  TDM_RANK_SHARED = 1, /* who shares a pool */
  TDM_RANK_CREW,       /* who works, who sleeps */
  TDM_RANK_NEST,       /* what waits in a nest */
  TDM_RANK_QUEUE,      /* what waits */
  TDM_RANK_HEAP,       /* what is mapped of shared memory; a leaf */
  TDM_RANK_ONE_LOCK,   /* who has the one lock, who waits for it; a leaf */
};

typedef struct tdm_mutex {
  pthread_mutex_t m;
  unsigned rank;
} tdm_mutex;

/* TDM_OK or TDM_NOMEM. */
int tdm_mutex_init(tdm_mutex *m, enum tdm_rank rank);
void tdm_mutex_fini(tdm_mutex *m);
void tdm_mutex_lock(tdm_mutex *m);
void tdm_mutex_unlock(tdm_mutex *m);

#endif
