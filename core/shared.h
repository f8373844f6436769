/* shared.h -- a pool that several states of a process use, under one name.
 *
 *     state A -> guest A --.                        .-> port A
 *                           >-- pool: workers -----<
 *     state B -> guest B --'                        '-> port B
 *
 * Each state has an executor of its own, a guest, which hands its tasks to the
 * workers of the one pool; they deliver each task to the port that it is of. So
 * a state is as alone with its futures as with a pool of its own: closing it,
 * or cancelling all, concerns its own tasks.
 *
 * The pool itself belongs to no state. It has a port at which nobody waits but
 * who ends it: that is the last guest to leave or, where it is to linger for
 * the next one, a thread that sleeps until then.
 *
 * Owns:    the pool and its port; references to all functions that came by, so
 *          that workers know them when the next state names them.
 * Threads: join: the thread of the port. Else as executors.
 * Locks:   the process's (fork.h) for the list; SHARED for what only one thread
 *          may do to the pool, and for the list of guests.
 * Blocks:  is_over and free of the last guest, where the pool shall not linger:
 *          for a moment, until its workers, who are idle, have ended.
 */
#ifndef TDM_SHARED_H
#define TDM_SHARED_H

#include "executor.h"

/* tdm_threads_new, tdm_procs_new. */
typedef int (*tdm_executor_maker)(const tdm_settings *s, const tdm_runner *r,
                                  void *recipe, tdm_port *port,
                                  tdm_executor **out);

typedef struct tdm_shared_wish {
  const char *kind; /* with settings->name it is what the pool is found by */
  const tdm_settings *settings;
  const tdm_runner *runner;
  const char *note; /* what its maker wants to be known of it */
  tdm_time linger;  /* how long it stays without guests; TDM_FOREVER */
  tdm_executor_maker make;
} tdm_shared_wish;

/* A guest of the pool of that kind and name, for the port; the pool is made
 * where there is none, or only one that is broken or another process's. *found:
 * there was one, whose settings and note hold, and the recipe is still the
 * caller's. Errors as of `make`. */
int tdm_shared_join(const tdm_shared_wish *wish, void *recipe, tdm_port *port,
                    tdm_executor **out, int *found);

/* The function will come by otherwise than as a task's. TDM_OK, also where the
 * executor is no guest, or TDM_NOMEM. */
int tdm_shared_adopt(tdm_executor *e, tdm_func *f);

int tdm_shared_is_guest(const tdm_executor *e);

/* The note of the guest's pool; constant. */
const char *tdm_shared_note(const tdm_executor *e);

/* Of the guest's pool, as it is now. */
unsigned tdm_shared_max_workers(tdm_executor *e);

/* For tests: how many there are in the process, with and without guests. */
size_t tdm_shared_count(void);

#endif
