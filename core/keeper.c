#include "keeper.h"

#include "error.h"
#include "thread.h"

/* What is published is the next look, then the world is looked at: who begins
 * something meanwhile either is seen by this look, or sees a later moment than
 * it needs, and wakes us. */
static void *keep(void *arg) {
  tdm_keeper *k = arg;
  while (!tdm_load_total(&k->ending)) {
    tdm_store_total(&k->next, TDM_FOREVER);
    tdm_time next = k->look(k->arg);
    tdm_store_total(&k->next, next);
    tdm_park_wait(tdm_keeper_park(k), next);
  }
  return NULL;
}

int tdm_keeper_need(tdm_keeper *k) {
  if (k->is_there) return TDM_OK;
  int err = tdm_thread_new(&k->thread, TDM_SMALL_STACK, keep, k);
  k->is_there = err == TDM_OK;
  return err;
}

void tdm_keeper_dismiss(tdm_keeper *k) {
  if (!k->is_there || tdm_load_total(&k->ending)) return;
  pthread_detach(k->thread);
  tdm_store_total(&k->ending, 1);
  tdm_park_wake(tdm_keeper_park(k));
}

void tdm_keeper_end(tdm_keeper *k) {
  if (!k->is_there) return;
  tdm_store_total(&k->ending, 1);
  tdm_park_wake(tdm_keeper_park(k));
  pthread_join(k->thread, NULL);
  k->is_there = 0;
}
