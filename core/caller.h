/* caller.h -- the worker that runs, in the submitter's own thread, what a full
 * queue hands back.
 *
 * It is no member of the pool, so nobody watches it but a keeper of its own,
 * which is started with the first run that has a limit.
 *
 * Owns:    its virtual machine, its keeper.
 * Threads: the port's; its tally may be read by any.
 * Locks:   CREW, between it and its keeper.
 * Blocks:  tdm_caller_free, until the keeper is gone.
 */
#ifndef TDM_CALLER_H
#define TDM_CALLER_H

#include "lock.h"
#include "worker.h"

typedef struct tdm_caller {
  tdm_worker worker;
  tdm_keeper keeper;
  tdm_mutex lock;
  /* under the lock */
  int is_limited; /* it runs something that may not run for ever */
  pthread_t thread;
} tdm_caller;

/* NULL: no memory. */
tdm_caller *tdm_caller_new(const tdm_runner *runner, const char *pool_kind,
                           const char *pool_name);

/* Bracket a run of at most `limit` seconds, 0 for as long as it likes, by the
 * thread that runs it. TDM_OK or TDM_LIMIT: it is not to be run. */
int tdm_caller_begin(tdm_caller *c, float limit);
void tdm_caller_end(tdm_caller *c);

void tdm_caller_free(tdm_caller *c);

#endif
