/* threads.h -- the parts of the executor of threads; private to it.
 *
 *   threads.c        the executor's interface; workers: start, search, sleep
 *   threads_nests.c  what tasks have submitted to their own pool
 *   threads_time.c   tasks that are told to end, or run for too long
 *
 * `..._locked`: the caller holds CREW. See threads.c for the whole.
 */
#ifndef TDM_THREADS_H
#define TDM_THREADS_H

#include <pthread.h>
#include <stdalign.h>

#include "executor.h"
#include "inbox.h"
#include "keeper.h"
#include "lock.h"
#include "nest.h"
#include "onelock.h"
#include "queue.h"

typedef struct tdm_threads tdm_threads;

typedef struct tdm_thread_member {
  tdm_worker worker;
  tdm_threads *pool;
  pthread_t thread;
  atomic_int tid;
  tdm_park park;
  tdm_hand hand; /* on one_lock, where that is wanted */
  /* of the keeper: */
  uint64_t stopping;   /* the run that it has seen told to end */
  tdm_time stop_since; /* and when */
  int hurry;           /* somebody waits for what comes next */
  /* under CREW */
  struct tdm_thread_member *next; /* all members, or all that have left */
  struct tdm_thread_member *above, *below; /* the stack of sleepers */
  int asleep;                              /* on that stack */
  int lost;                /* given up in a run that does not end */
  tdm_executor *lost_from; /* whose task that was, if not the pool's; or NULL */
  tdm_nest *nest;          /* what its tasks have submitted; or NULL */
  tdm_task *waits_for;     /* what its task waits for, asleep */
} tdm_thread_member;

struct tdm_threads {
  tdm_executor base;
  unsigned cpus;
  alignas(64) tdm_inbox inbox;
  alignas(64) atomic_uint_least64_t idle; /* searching << 32 | sleeping */
  atomic_int urgent;     /* the inbox has a task with a priority */
  atomic_int long_tasks; /* the last ones were, or nothing is known yet */
  alignas(64) tdm_mutex queue_lock;
  tdm_queue queue;
  alignas(64) tdm_mutex crew_lock;
  tdm_thread_member *members, *left, *top_sleeper;
  tdm_thread_member *gone; /* who has left after `disowned` */
  int disowned;
  unsigned last_id;
  unsigned starting; /* of `alive`, those whose thread may yet fail to come */
  tdm_time start_after;
  /* where settings.one_lock is set */
  tdm_onelock one_lock;
  tdm_tally past; /* of those who left */
  tdm_nest_host nests;
  tdm_nest *left_nests; /* of machines that are gone: tasks are yet to come */
  tdm_keeper keeper;    /* of those who run for too long */
  tdm_threads *next_disowned; /* under the process's lock */
  atomic_uint alive;          /* workers that have not decided to leave */
  atomic_uint present;        /* these, and those who are on their way out */
  atomic_uint lost;           /* of these, those who were given up */
  atomic_uint target;         /* max_workers */
};

/* --- threads.c --- */

/* Puts the task where workers find it. */
void tdm_threads_put(tdm_threads *p, tdm_task *t);

/* There is work: sees to it that somebody searches. True if that took a call.
 * `backlog`: how many tasks are about, as far as is known. */
int tdm_threads_call(tdm_threads *p, size_t backlog);

/* --- threads_nests.c --- */

void tdm_threads_open_nests(tdm_threads *p);

/* Frees the nests of machines that are gone, whose tasks are home. */
void tdm_threads_sweep_nests(tdm_threads *p);

/* The oldest task of the first nest that has one, claimed; or NULL. */
tdm_task *tdm_threads_try_take_nested(tdm_threads *p);
tdm_task *tdm_threads_withdraw_nested(tdm_executor *e);

/* Who runs the task, as its outermost run; or NULL. */
tdm_thread_member *tdm_threads_runner_of_locked(tdm_threads *p,
                                                const tdm_task *t);

/* --- threads_time.c --- */

/* The keeper's look at all workers. */
tdm_time tdm_threads_watch(void *arg);

int tdm_threads_keep_time(tdm_executor *e);
int tdm_threads_try_stop(tdm_executor *e, tdm_task *t);
void tdm_threads_interrupt(tdm_executor *e);
void tdm_threads_end_starts(tdm_executor *e);

#endif
