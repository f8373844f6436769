/* executor.h -- what runs tasks: the one interface over all kinds of pools.
 *
 *   submitting thread        executor                    worker
 *   ----------------------------------------------------------------------
 *   submit(task) ----------> inbox -> queue ----claim--> runner->run
 *   port: drain <------------------------------deliver-- outcome, bytes
 *
 * Owns:    its recipe, its workers, and the tasks between submit and deliver.
 * Threads: the thread of the port that it was made for. Workers: prepare, run,
 *          break, deliver, note_…_before; and `ops->submit` of another pool,
 *          for continuations, as its visitors (then.h). Where several states
 *          share its workers, each has an executor of its own before it, whose
 *          port is its own: see shared.h.
 * Locks:   CREW and QUEUE of its own, never while calling out.
 * Blocks:  where a kind's `submit` runs the task itself (serial); close and
 *          free, until visitors are gone. Waiting is done on the port.
 */
#ifndef TDM_EXECUTOR_H
#define TDM_EXECUTOR_H

#include "buf.h"
#include "caller.h"
#include "port.h"
#include "runner.h"
#include "tally.h"
#include "worker.h"

#define TDM_MAX_WORKERS 65535
#define TDM_MAX_PROCESSES 1000 /* with some places for those that go */

typedef struct tdm_executor tdm_executor;

typedef struct tdm_settings {
  unsigned max_workers;          /* 1 .. TDM_MAX_WORKERS */
  uint64_t max_tasks_per_worker; /* 0: no limit */
  size_t queue_limit;            /* most pending tasks; 0: no limit */
  tdm_time spin;                 /* ns an idle worker looks before it sleeps */
  uint64_t memory_limit;         /* bytes of a worker process; 0: none */
  int one_lock;                  /* only one thread runs at a time */
  size_t recipe_size;            /* bytes of the recipe, for another process */
  char name[48];
  char program[512]; /* the worker program, for processes */
} tdm_settings;

typedef struct tdm_executor_ops {
  const char *kind; /* "thread", "process", "serial" */

  /* Tasks are run inside `submit`, by the port's thread alone. */
  int is_inline;

  /* Takes over the task, after `open`; any thread, where not inline. On an
   * error it was not taken. `backlog`: how many tasks are about, as far as is
   * known. *woke: a worker had to be woken for it. */
  int (*submit)(tdm_executor *e, tdm_task *t, size_t backlog, int *woke);

  /* Makes what is needed before the task can be submitted. NULL: nothing is. */
  int (*open)(tdm_executor *e, tdm_task *t);

  /* Takes out all tasks that no worker has taken: a list linked by `next`. */
  tdm_task *(*recall)(tdm_executor *e);

  /* Cancels a task that a task of the pool has submitted and nobody has taken,
   * to be delivered; or NULL: there is none. NULL: there never is. */
  tdm_task *(*withdraw_nested)(tdm_executor *e);

  int (*resize)(tdm_executor *e, unsigned n);

  /* `closing` was set: workers end once nothing is left to run. */
  void (*close)(tdm_executor *e);

  /* Tells all running tasks to end; new ones are told from the start. */
  void (*interrupt)(tdm_executor *e);

  /* Have all workers ended? Then nothing is away but what is on its way. */
  int (*is_over)(tdm_executor *e);

  /* It is about to be freed. NULL: nobody need know. */
  void (*leave)(tdm_executor *e);

  /* Frees it; only when it is over. Blocks for the threads' last steps. */
  void (*free)(tdm_executor *e);

  /* It is never freed, as not all of its threads end: those that do leave
   * nothing of themselves. NULL: nothing can be done about it. */
  void (*disown)(tdm_executor *e);

  /* Fills in up to `max` workers; how many there are. */
  size_t (*workers)(tdm_executor *e, tdm_worker_view *views, size_t max);

  /* Adds what all workers did. */
  void (*tally)(tdm_executor *e, tdm_tally *sum);

  /* Workers that were given up, as what they run does not end: as long as there
   * are some, the executor cannot be freed. NULL: there never are. */
  unsigned (*lost)(tdm_executor *e);

  /* Tells a running task to end at once. True: it will be cancelled. NULL, also
   * below: that cannot be done here. */
  int (*try_stop)(tdm_executor *e, tdm_task *t);

  /* Tells workers that start to end: nobody waits for them any more. What comes
   * later makes them start anew. NULL: nobody need be told. */
  void (*end_starts)(tdm_executor *e);

  /* Sees to it that tasks with a limit of time are stopped. TDM_OK; TDM_LIMIT:
   * that cannot be done. */
  int (*keep_time)(tdm_executor *e);

  /* In a forked child: makes it as new, where it has nothing that a fork does
   * not take along. False: it has, and belongs to the parent. NULL: it does. */
  int (*try_renew)(tdm_executor *e);

  /* The rest is NULL where tasks stay in this process, and a task's state says
   * all. */

  /* As tdm_task_try_cancel, for a task that may be in a worker's reach. */
  int (*try_cancel)(tdm_executor *e, tdm_task *t);

  /* Ends a running task with its worker. True: it is cancelled. */
  int (*try_kill)(tdm_executor *e, tdm_task *t);

  /* Ends all workers, and cancels what they run. */
  void (*kill)(tdm_executor *e);

  /* Brings the state of a task that is away up to date. */
  void (*look)(tdm_executor *e, tdm_task *t);

  /* How many tasks are pending, at most `enough`. */
  size_t (*pending)(tdm_executor *e, size_t enough);

  /* What a task that is away says of its progress. False: nothing. */
  int (*progress)(tdm_executor *e, tdm_task *t, tdm_progress_view *view);

  /* Something waits for the task's end: it shall be heard of without the
   * port's thread. */
  void (*expect_then)(tdm_executor *e, tdm_task *t);

  /* So many more sleep where the workers cannot wake them: somebody of this
   * process shall take in what is finished. Any thread. */
  void (*listen)(tdm_executor *e, int more);
} tdm_executor_ops;

struct tdm_executor {
  const tdm_executor_ops *ops;
  tdm_settings settings;
  const tdm_runner *runner;
  void *recipe;
  tdm_port *port;
  /* Whose workers run its tasks: itself; or it is shared. */
  tdm_executor *pool;
  /* Wakes all that may wait for something of it. NULL: the port's thread. */
  void (*stir)(void *arg);
  void *stir_arg;
  unsigned fork_generation;
  tdm_time made;
  /* of the port's thread */
  int closed;      /* it takes no more tasks */
  size_t reserved; /* tasks that may yet come: see then.h */
  _Atomic(uint64_t) submitted, cancelled; /* items; counted at the pool */
  tdm_tally *account;           /* where they are counted besides, or NULL */
  _Atomic(tdm_caller *) caller; /* runs what a full queue hands back */
  /* of all */
  atomic_int closing;  /* closed, and nothing is reserved */
  atomic_int visitors; /* threads of others that are handing on a task */
  atomic_size_t out;   /* tasks that `pool` has, where that is another */
  /* Workers that were given up and may yet read the function of one of its
   * tasks. */
  atomic_uint haunting;
  _Atomic(uint64_t) failed_before, cancelled_before; /* items; see then.h */
  atomic_int interrupting;
  _Atomic(tdm_time) stop_at; /* since then: what still runs is stopped */
  atomic_int breaking;       /* somebody writes `cause` */
  atomic_int broken;         /* `cause` is set and constant from now on */
  tdm_buf cause;             /* payload of the failure that broke it */
  atomic_uint missing;       /* workers that could not be started */
  atomic_size_t queued;      /* kept only where queue_limit is set */
  struct tdm_heap *heap;     /* where large arguments may lie, or NULL */
  char trouble[200];         /* what TDM_LIMIT was about, or "" */
};

/* Makes one. On success it owns the recipe. Starts no worker. */
int tdm_threads_new(const tdm_settings *s, const tdm_runner *r, void *recipe,
                    tdm_port *port, tdm_executor **out);
int tdm_procs_new(const tdm_settings *s, const tdm_runner *r, void *recipe,
                  tdm_port *port, tdm_executor **out);
int tdm_serial_new(const tdm_settings *s, const tdm_runner *r, void *recipe,
                   tdm_port *port, tdm_executor **out);

/* Hands a fresh task of the port to the executor. TDM_OK; TDM_CLOSED,
 * TDM_FORKED, TDM_BROKEN (see cause), TDM_FULL, TDM_LIMIT or TDM_NOMEM: then
 * it was not taken. */
int tdm_executor_submit(tdm_executor *e, tdm_task *t);

/* Runs the task here and now, in a virtual machine kept for that, as a full
 * queue with the rule "caller" wants it. Same errors but TDM_FULL. */
int tdm_executor_run_here(tdm_executor *e, tdm_task *t);

/* A fresh task may come by another way than submit: until it has come home, or
 * tdm_executor_unreserve is called for it, the executor does not end. Errors as
 * of submit, but TDM_FULL. */
int tdm_executor_reserve(tdm_executor *e, tdm_task *t);
void tdm_executor_unreserve(tdm_executor *e);

/* Cancels the task if it has not started. True if it did. */
int tdm_executor_try_cancel(tdm_task *t);

/* The same, also if it runs in a worker process, which is killed for it. */
int tdm_executor_try_kill(tdm_task *t);

/* The same, also if it runs: it is then told to end at once, and is cancelled
 * when it does, or when it does not in time. True: it is cancelled, or will be.
 * Always false where the executor cannot do that. */
int tdm_executor_try_interrupt(tdm_task *t);

/* The state of a task, as far as it can be known here. */
enum tdm_state tdm_executor_state(tdm_task *t);

/* What a task has said of its progress. False: nothing. */
int tdm_executor_progress(tdm_task *t, tdm_progress_view *view);

/* Cancels all tasks of this executor that have not started; how many items. */
size_t tdm_executor_cancel_pending(tdm_executor *e);

/* No more tasks; workers end when all is done. */
void tdm_executor_close(tdm_executor *e);

/* Tells all running tasks to end. Those that do not are stopped a little later,
 * where that can be done. */
void tdm_executor_interrupt(tdm_executor *e);

/* Ends what runs: kills worker processes, and tells threads to end. */
void tdm_executor_kill(tdm_executor *e);

int tdm_executor_is_over(tdm_executor *e);

/* Does it belong to a process that forked us? */
int tdm_executor_is_foreign(const tdm_executor *e);

/* In a forked child: one that was never used belongs to it as well, with a port
 * of its own. False: it is the parent's. */
int tdm_executor_try_adopt(tdm_executor *e, tdm_port *port);

/* Frees it; only when over. */
void tdm_executor_free(tdm_executor *e);

/* Adds up what was done. */
void tdm_executor_tally(tdm_executor *e, tdm_tally *sum);

/* Wakes who waits for room in the queue, or for who has died. Any thread. */
void tdm_executor_stir(tdm_executor *e);

/* So many items were cancelled before they began. The port's thread. */
void tdm_executor_note_cancelled(tdm_executor *e, uint32_t items);

/* The task goes home, as by tdm_port_deliver; also one of another port, of a
 * nest of this pool or of a state that shares it, which is kept from going
 * before we have told it that the task is there. */
int tdm_executor_deliver(tdm_executor *e, tdm_task *t);

/* A claimed task fails before it has begun, for this cause, the payload of a
 * failed task; without one: for want of memory. The caller delivers it. */
void tdm_executor_fail_before(tdm_task *t, const void *why, size_t n);

/* So many items failed, or were cancelled, before they came to a worker. By who
 * settles them. */
void tdm_executor_note_failed_before(tdm_executor *e, uint32_t items);
void tdm_executor_note_cancelled_before(tdm_executor *e, uint32_t items);

/* For the kinds: the parts that all share. */
void tdm_executor_init(tdm_executor *e, const tdm_executor_ops *ops,
                       const tdm_settings *s, const tdm_runner *r,
                       tdm_port *port);

/* The pool is broken, for this cause, which is taken; unless it is already. */
void tdm_executor_break(tdm_executor *e, tdm_buf *why);

/* When a run has to end that has this deadline of its own, 0 for none; and
 * why. TDM_FOREVER: never. */
tdm_time tdm_executor_time_of(tdm_executor *e, tdm_time deadline,
                              enum tdm_why *why);

/* Sees to it that the worker can run: opens its virtual machine where it is
 * not open, and a fresh one where it has done its share. A failing initializer
 * breaks the pool, which is not an error here: run will refuse the tasks. `t`
 * waits for it, and is cancelled if it is told to end. TDM_ABORTED: the worker
 * was given up meanwhile, and `t` is no longer its own. */
int tdm_executor_prepare(tdm_executor *e, tdm_worker *w, tdm_task *t);

/* Claims a task that came off the queue. False: it was cancelled. */
int tdm_executor_claim(tdm_executor *e, tdm_task *t);

/* Claims a task that came off the queue and runs it to its outcome; the caller
 * delivers it. A broken pool fails it instead. False: it was cancelled. *now
 * is the time before and after. */
int tdm_executor_run(tdm_executor *e, tdm_worker *w, tdm_task *t,
                     tdm_time *now);

#endif
