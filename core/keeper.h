/* keeper.h -- a thread that looks after something from time to time.
 *
 * It is started when it is first needed, and sleeps until the moment that its
 * last look has named, or until it is woken before.
 *
 * Owns:    its thread.
 * Threads: need, end and dismiss: one at a time; wake: any.
 * Blocks:  tdm_keeper_end, until the thread is gone.
 */
#ifndef TDM_KEEPER_H
#define TDM_KEEPER_H

#include <pthread.h>

#include "park.h"

typedef struct tdm_keeper {
  /* Looks, and says when to look again: TDM_FOREVER for when it is woken. */
  tdm_time (*look)(void *arg);
  void *arg;
  pthread_t thread;
  int is_there;
  tdm_park own;
  tdm_park *park; /* where it sleeps; NULL: `own` */
  atomic_int ending;
  _Atomic(tdm_time) next; /* when it will look again */
} tdm_keeper;

/* Starts it, where it is not there. TDM_OK or TDM_LIMIT. */
int tdm_keeper_need(tdm_keeper *k);

static inline tdm_park *tdm_keeper_park(tdm_keeper *k) {
  return k->park != NULL ? k->park : &k->own;
}

/* It shall look at this moment, or earlier. Cheap where it would anyway. */
static inline void tdm_keeper_look_by(tdm_keeper *k, tdm_time moment) {
  if (moment < tdm_load_total(&k->next)) tdm_park_wake(tdm_keeper_park(k));
}

void tdm_keeper_end(tdm_keeper *k);

/* Its thread ends some time; so the keeper stays where it is. From then on none
 * is needed. */
void tdm_keeper_dismiss(tdm_keeper *k);

#endif
