/* nest.h -- tasks that tasks submit to the pool that runs them.
 *
 * They wait in the nest of the worker that runs their submitter, not in the
 * pool's queue: who waits for one of them there runs it itself, then and there,
 * on top of the task that waits. So one worker is enough for any depth, and a
 * task is never held up by one that it does not wait for. Workers that find the
 * queue empty take tasks from the nests of others, the oldest first.
 *
 * A nest is an executor whose port is that of the worker's own virtual machine.
 * From a worker process they are sent to others that are idle (errands.h). What
 * is left when the task is over the worker runs itself, in a serial pool and in
 * a process.
 *
 * Owns:    its list; after tdm_nest_leave also port and functions, until all
 *          tasks are home.
 * Threads: as an executor: the worker's. take, withdraw, `size`: any.
 * Locks:   NEST. Blocks: never, but to run a task.
 */
#ifndef TDM_NEST_H
#define TDM_NEST_H

#include "executor.h"
#include "lock.h"

typedef struct tdm_nest tdm_nest;

/* What a pool whose workers take from each other's nests has for them. */
typedef struct tdm_nest_host {
  atomic_size_t pending;    /* tasks in nests */
  atomic_uint *max_workers; /* of the pool, as it is now */
  tdm_executor *pool;
  /* Worker and nest belong together from now on; NULL: no longer. Nobody takes
   * from the old one when it returns. */
  void (*attach)(struct tdm_nest_host *h, tdm_worker *w, tdm_nest *n);
  /* One more is pending. */
  void (*call)(struct tdm_nest_host *h);
  /* Takes over a pending task of a nest that goes or has gone, into the queue.
   */
  void (*put)(struct tdm_nest_host *h, tdm_task *t);
  /* Keeps a nest that has left until its tasks are home, and frees it. */
  void (*keep)(struct tdm_nest_host *h, tdm_nest *n);
  /* The worker is about to sleep until the task ends, or NULL: no longer. What
   * it would wait for in the end, itself, is written to `cycle`: then 0. */
  int (*wait)(struct tdm_nest_host *h, tdm_worker *w, tdm_task *t, char *cycle,
              size_t size);
} tdm_nest_host;

struct tdm_nest {
  tdm_executor base;
  tdm_worker *worker;
  tdm_nest_host *host;         /* NULL: no other thread takes from here, */
  struct tdm_errands *errands; /* but for the keeper; or NULL */
  pthread_t thread;
  tdm_keeper keeper; /* of time limits and errands, where the pool has none */
  tdm_mutex lock;
  tdm_task *first, *last; /* under the lock: linked by `next` and `child` */
  int is_deserted;        /* under the lock: what comes now goes to the pool */
  atomic_size_t size;
  tdm_nest *next; /* for who keeps it */
  tdm_funcs funcs;
};

/* The nest of the worker that runs here, with the port of its machine. TDM_OK
 * or TDM_NOMEM. */
int tdm_nest_new(tdm_worker *w, tdm_port *port, tdm_nest **out);

/* The machine goes: frees nest, port and functions, now or when the last task
 * has come home. */
void tdm_nest_leave(tdm_nest *n, tdm_funcs funcs);

/* By who keeps it. Is no task away, and nobody who brought one still about? */
int tdm_nest_is_home(tdm_nest *n);

/* By who keeps it, when it is home. */
void tdm_nest_free(tdm_nest *n);

/* Is this executor a nest? */
int tdm_nest_is(const tdm_executor *e);

/* The pool that a nest is of, where that is in this process; else as it is. */
tdm_executor *tdm_nest_pool(tdm_executor *e);

/* Of the pool. Any thread. */
unsigned tdm_nest_max_workers(const tdm_executor *e);

/* Runs a task, the oldest for NULL, here and now, on top of what the worker
 * runs. False: it is not pending here. */
int tdm_nest_try_run(tdm_nest *n, tdm_task *t);

/* Runs all, once the worker's task is over. */
void tdm_nest_run_all(tdm_nest *n);

/* Takes the oldest task, which is claimed; or NULL. */
tdm_task *tdm_nest_take(tdm_nest *n);

/* Gives back a task that was taken and not begun: it is PENDING again.
 * TDM_CLOSED: the nest has left, the task is for the queue; TDM_ABORTED: it was
 * told to end, and is still the caller's. */
int tdm_nest_put_back(tdm_task *t);

/* The same as take; it is CANCELLED, and is to be delivered. */
tdm_task *tdm_nest_withdraw(tdm_nest *n);

/* May the worker wait for the task? 0: it would wait for itself, in the way
 * that `cycle` then says. Until tdm_nest_end_wait it counts as waiting. */
int tdm_nest_try_wait(tdm_nest *n, tdm_task *t, char *cycle, size_t size);
void tdm_nest_end_wait(tdm_nest *n);

/* How many of the tasks that were submitted here are on the worker's stack. */
size_t tdm_nest_on_stack(const tdm_nest *n);

#endif
