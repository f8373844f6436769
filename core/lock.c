#include "lock.h"

#include "error.h"

#ifdef TDM_DEBUG
#include <assert.h>
static _Thread_local unsigned held; /* bit r: a lock of rank r is held */
#define note_lock(m) (assert(held < (1u << (m)->rank)), held |= 1u << (m)->rank)
#define note_unlock(m) \
  (assert(held &(1u << (m)->rank)), held &= ~(1u << (m)->rank))
#else
#define note_lock(m) ((void)0)
#define note_unlock(m) ((void)0)
#endif

int tdm_mutex_init(tdm_mutex *m, enum tdm_rank rank) {
  m->rank = rank;
  return pthread_mutex_init(&m->m, NULL) == 0 ? TDM_OK : TDM_NOMEM;
}

void tdm_mutex_fini(tdm_mutex *m) { pthread_mutex_destroy(&m->m); }

void tdm_mutex_lock(tdm_mutex *m) {
  note_lock(m);
  pthread_mutex_lock(&m->m);
}

void tdm_mutex_unlock(tdm_mutex *m) {
  note_unlock(m);
  pthread_mutex_unlock(&m->m);
}
