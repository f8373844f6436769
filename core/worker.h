/* worker.h -- what every executor's worker has: a virtual machine, the run of
 * one task in it, and the account of what was done.
 *
 * Owns:    its virtual machine and its buffer.
 * Threads: one runs it; tally, ctl and the `now` fields may be read by any.
 * Blocks:  as long as the task does.
 */
#ifndef TDM_WORKER_H
#define TDM_WORKER_H

#include <pthread.h>

#include "interrupt.h"
#include "keeper.h"
#include "park.h"
#include "progress.h"
#include "runner.h"
#include "tally.h"

/* What others may know of a worker, of one moment. */
typedef struct tdm_worker_view {
  unsigned id;
  int pid; /* 0: of this process; negative: not known yet */
  int tid;
  tdm_func *func;  /* NULL when idle; may be gone by now, where it is nested */
  char label[200]; /* its own; or "" where that does not go */
  double since;    /* seconds of the monotonic clock; 0 when idle */
  uint64_t tasks;
  double cpu; /* seconds in tasks */
} tdm_worker_view;

/* How the world tells a running task to end. Of a worker process it lies in
 * memory that the host shares. */
typedef struct tdm_stop {
  atomic_int cancelled;    /* every task here shall end soon */
  _Atomic(uint64_t) order; /* this run shall end at once: number << 2 | why */
  tdm_park park;           /* where tdm_ctl_sleep sleeps */
} tdm_stop;

/* Why a run shall end at once. */
enum tdm_why {
  TDM_WHY_NOT,
  TDM_WHY_CANCEL,  /* somebody interrupts it */
  TDM_WHY_TIMEOUT, /* it has run for as long as it may */
};

/* How the world reaches a running task, and what the task may know. */
typedef struct tdm_ctl {
  tdm_stop *stop;
  uint64_t run;    /* the number of the task's run; 0 between runs */
  double limit;    /* seconds that it may run; 0: as long as it likes */
  unsigned worker; /* from 1; 0 where what a full queue hands back runs */
  int is_caller;   /* there: this is the submitter's own process */
  const char *pool_kind, *pool_name;
  struct tdm_frame *outer;         /* what waits below the task that runs */
  const struct tdm_ctl *around;    /* of the task that runs all this, or NULL */
  struct tdm_nest_host *nest_host; /* see nest.h; or NULL */
  struct tdm_errands *errands;     /* see errands.h; or NULL */

  /* on the one lock of its pool, or NULL: onelock.h */
  struct tdm_hand *hand;
  int print_lock;       /* a file to lock while other processes print, or -1 */
  const tdm_task *task; /* the call that runs; the worker's own thread only */
  tdm_progress *progress; /* where it says how far it is */
} tdm_ctl;

/* A run that has not ended so long after it was told to is given up, and in a
 * worker process killed. Long enough for one that only has to come to its turn
 * on a busy machine. */
#define TDM_GRACE (200 * INT64_C(1000000))

/* What holds instead in this process, for tests: those of runs that do end must
 * not depend on how busy the machine is. */
tdm_time tdm_worker_grace(void);
void tdm_worker_set_grace(tdm_time most);

/* Until then it is told again so often: it may have been in C code, or have
 * undone it. */
#define TDM_TELL_AGAIN (2 * INT64_C(1000000))

/* The run of a worker that has been given up: its task is another's. */
#define TDM_LOST UINT64_MAX

/* A run that waits while another goes on on top of it, in the same thread: all
 * that the worker says of its run. */
typedef struct tdm_frame {
  struct tdm_frame *outer;
  uint64_t run, deadline_run;
  double limit;
  tdm_task call, *task;
  tdm_time deadline, since;
  tdm_func *now;
  tdm_buf out;
  tdm_progress *said;    /* of the run that waits */
  tdm_progress progress; /* of the one on top of it */
} tdm_frame;

typedef struct tdm_worker {
  tdm_ctl ctl;
  tdm_stop own_stop;
  /* The task, as it is run: so that nothing of the real one need be touched
   * until it ends, and others can give it up meanwhile. */
  tdm_task call;
  tdm_interruptible look_up; /* while it runs */
  /* What the thread runs besides: the task that runs this one in a pool of its
   * own, whose worker is the same thread. */
  const tdm_interruptible *before;
  const tdm_runner *runner;
  tdm_keeper *keeper; /* who sees that runs have an end, or NULL */
  void *vm;           /* NULL: not open */
  tdm_buf out;
  tdm_progress progress;
  tdm_progress *shared;  /* where others read it instead; or NULL */
  struct tdm_nest *nest; /* what its tasks have submitted; or NULL */
  const char *bottom;    /* of the stack, where the outermost run begins */
  uint64_t tasks_in_vm;  /* since the virtual machine was opened */
  uint64_t runs;         /* numbers of runs that were given out */
  /* CPU time: read rarely, extrapolated in between, see worker.c */
  tdm_time cpu, cpu_at;
  /* what it does now */
  _Atomic(uint64_t) run;    /* its number; 0: nothing; or TDM_LOST */
  _Atomic(tdm_task *) task; /* of this run */
  _Atomic(uint64_t) let_go; /* the run that leaves it alone until its end */
  _Atomic(uint64_t) start;  /* the last run that was a start */
  /* the same of the outermost run, on top of which the others are */
  _Atomic(uint64_t) base_run;
  _Atomic(tdm_task *) base_task;
  /* the next deadline of all these, 0 for none, and whose it is */
  _Atomic(tdm_time) deadline;
  _Atomic(uint64_t) deadline_run;
  _Atomic(tdm_func *) now;
  _Atomic(tdm_time) since;
  _Atomic(uint64_t) tasks;
  tdm_tally tally;
} tdm_worker;

void tdm_worker_init(tdm_worker *w, const tdm_runner *runner, unsigned id,
                     const char *pool_kind, const char *pool_name);

/* As tdm_runner.open, and start, for a task that waits for it. TDM_INTR: it was
 * told to end, or nobody wants the task any more. TDM_ABORTED: the worker was
 * given up meanwhile, the task is no longer its own. */
int tdm_worker_open(tdm_worker *w, const void *recipe, tdm_task *t,
                    tdm_buf *why);

/* Closes the virtual machine, if it is open. */
void tdm_worker_close(tdm_worker *w);

/* Closes, and frees the buffer. */
void tdm_worker_fini(tdm_worker *w);

/* Runs a claimed task to its outcome: state, payload and times are set, the
 * tally knows of it; it is not yet delivered. `run`: a number greater than that
 * of any run of this worker before. `now`: the time. Returns the time at its
 * end; or 0: the worker was given up, the task is no longer its own. */
tdm_time tdm_worker_run(tdm_worker *w, tdm_task *t, uint64_t run, tdm_time now);

/* Runs a claimed task on top of the one that runs, if one does, to its outcome,
 * as tdm_worker_run does. By a task of the worker, which waits. */
void tdm_worker_run_inside(tdm_worker *w, tdm_task *t);

/* Would one more run be too much for the C stack? Who asks before he submits a
 * task is told so a little earlier than who is to run it: else those that find
 * no room would be left, and each begin all over again. By a task of the
 * worker. */
int tdm_worker_is_deep(const tdm_worker *w, int is_submitted);

/* Is the task on the worker's stack? Then who waits for it waits for itself,
 * and `cycle` says in what way. By a task of the worker. */
int tdm_worker_explain_cycle(tdm_worker *w, const tdm_task *t, char *cycle,
                             size_t size);

/* The tasks on the worker's stack, from the outermost on: each waits for the
 * next. By a task of the worker. */
void tdm_worker_explain_stack(const tdm_worker *w, char *text, size_t size);

/* Tells a task on the worker's own stack to end. False: it is not there. */
int tdm_worker_try_stop_inside(tdm_worker *w, tdm_task *t);

/* Is this order for something that it runs? The number of that run, or 0. Any
 * thread. */
uint64_t tdm_worker_ordered(tdm_worker *w, uint64_t order);

/* Gives up the run of this number, which does not end, and all below it: the
 * task of the outermost one is the caller's, to be settled. NULL: it has ended.
 * Any thread. */
tdm_task *tdm_worker_try_give_up(tdm_worker *w, uint64_t run);

/* Sees that what it runs ends in time, where nobody gives it up: tells it, in
 * this thread, to end. When to look again. By its keeper. */
tdm_time tdm_worker_watch(tdm_worker *w, pthread_t thread);

/* Settles a claimed task as failed with these bytes, without running it. */
void tdm_worker_refuse(tdm_worker *w, tdm_task *t, const tdm_buf *why);

/* Settles a claimed task as cancelled, without running it. */
void tdm_worker_drop(tdm_worker *w, tdm_task *t);

/* Bracket a sleep of the worker, so that its CPU time stays right. */
void tdm_worker_before_sleep(tdm_worker *w);
void tdm_worker_after_sleep(tdm_worker *w);

/* Fills in all but the tid. Any thread. */
void tdm_worker_look(tdm_worker *w, tdm_worker_view *view);

/* Sleeps until the deadline: TDM_TIMEOUT; or until the task is cancelled:
 * TDM_ABORTED. By the task's own thread. */
int tdm_ctl_sleep(tdm_ctl *c, tdm_time deadline);

/* Writes to stdout, in one piece whatever other workers write. Blocks while
 * they do. */
void tdm_ctl_print(const tdm_ctl *c, const char *text, size_t n);

/* Tells the running task to end. Any thread. */
void tdm_stop_ring(tdm_stop *s);

/* Tells the run of this number to end at once; numbers of later runs are
 * greater. Any thread; the first reason counts. Whoever calls it then
 * interrupts the thread (interrupt.h). */
void tdm_stop_order(tdm_stop *s, uint64_t run, enum tdm_why why);

/* The same, if nobody has ordered anything since `seen` was the order. */
int tdm_stop_try_order(tdm_stop *s, uint64_t seen, uint64_t run,
                       enum tdm_why why);

static inline enum tdm_why tdm_ctl_own_why(const tdm_ctl *c) {
  uint64_t order = tdm_load_relaxed(&c->stop->order);
  if (c->run == 0 || order == 0) return TDM_WHY_NOT;
  if (order >> 2 == c->run) return (enum tdm_why)(order & 3);
  for (const tdm_frame *f = c->outer; f != NULL; f = f->outer)
    if (order >> 2 == f->run) return TDM_WHY_CANCEL;
  return TDM_WHY_NOT;
}

/* Shall the run that goes on here end at once? It is cancelled with one that
 * waits for it, or in whose thread it is. By the worker's own thread, also in a
 * signal handler. */
static inline enum tdm_why tdm_ctl_why(const tdm_ctl *c) {
  enum tdm_why why = tdm_ctl_own_why(c);
  while (why == TDM_WHY_NOT && c->run != 0 && (c = c->around) != NULL)
    if (tdm_ctl_own_why(c) != TDM_WHY_NOT) why = TDM_WHY_CANCEL;
  return why;
}

#endif
