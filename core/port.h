/* port.h -- where the tasks of one submitting state live and come back to.
 *
 *     port thread                          workers
 *     new_task -> (executor) ------------> claim, run
 *     drain    <- back (inbox) <---------- deliver
 *
 * A Lua state has one port. Tasks are then plain objects of one thread: only
 * their way out and back crosses threads.
 *
 * Results of worker processes lie in memory that these share with us: a source,
 * which the port's thread looks into itself, so that no other thread need be
 * woken for them.
 *
 * Owns:    the tasks (slots), the bell's memory and the descriptors.
 * Threads: tdm_port_of, deliver, report, nudge, rouse: any. All else: the
 * thread that runs the state. Locks:   none. Blocks: tdm_port_wait, until its
 * deadline.
 */
#ifndef TDM_PORT_H
#define TDM_PORT_H

#include <stdalign.h>

#include "bell.h"
#include "inbox.h"
#include "progress.h"
#include "slab.h"
#include "task.h"

typedef struct tdm_source {
  struct tdm_source *next;
  int (*has)(struct tdm_source *s);      /* a hint, as tdm_inbox_has */
  void (*collect)(struct tdm_source *s); /* delivers what is there */
  /* The port's thread sleeps from now on, or polls the descriptor: 1; no
   * longer: -1. NULL: who has something wakes it in any case. */
  void (*listen)(struct tdm_source *s, int more);
} tdm_source;

/* The last that a task said of its progress, on its way home before it. */
typedef struct tdm_report_home {
  struct tdm_report_home *next;
  tdm_task *task;
  tdm_progress_view view;
} tdm_report_home;

typedef struct tdm_port {
  /* workers push here */
  alignas(64) tdm_inbox back;
  _Atomic(tdm_report_home *) reports;
  /* where the port's thread waits: own_bell, or one that processes share */
  alignas(64) _Atomic(tdm_bell *) bell;
  tdm_bell own_bell;
  atomic_int fd; /* -1 until somebody asked for it */
  /* of the tasks that are away, those that wait for another to end: then.h */
  _Atomic(size_t) held;
  /* of the port's thread alone */
  alignas(64) tdm_slab slab;
  tdm_source *sources;
  int bell_memory; /* a descriptor, where the bell is shared; else -1 */
  size_t away;     /* tasks marked TDM_AWAY */
  size_t watched;  /* tasks marked TDM_WATCHED, not yet ready */
  tdm_task *ready; /* settled and watched, in order of settling */
  tdm_task **ready_last;
  size_t readied;            /* how many have ever come on that list */
  size_t taken;              /* how many of them were taken off it */
  tdm_report_home *reported; /* of tasks that are about to come home */
  tdm_report_home **reported_last;

  /* of the worker whose state it serves, or NULL */
  struct tdm_ctl *ctl;
  tdm_call call;   /* what ends a wait of the thread besides */
  int submit_woke; /* the last submit had to wake a worker */
} tdm_port;

/* The port that the task is of. Any thread. */
static inline tdm_port *tdm_port_of(tdm_task *t) {
  return (tdm_port *)((char *)tdm_slab_of(t) - offsetof(tdm_port, slab));
}

/* NULL when out of memory. */
tdm_port *tdm_port_new(void);

/* Frees the port and its tasks. Where a task is still away (its executor could
 * not be joined) nothing is freed: the worker may yet write to it. */
void tdm_port_free(tdm_port *p);

/* A pending task with one handle, or NULL. */
tdm_task *tdm_port_new_task(tdm_port *p);

/* Gives up one handle. The slot is free once no handle is left and the task is
 * not away. */
void tdm_port_release(tdm_task *t);

/* The task goes to, or never reached, an executor. */
void tdm_port_sent(tdm_task *t);
void tdm_port_unsent(tdm_task *t);

/* Marks a task final without an executor's help: cancelled, or settled by the
 * port's thread itself. Where it is watched, the descriptor says so. */
void tdm_port_settle(tdm_task *t);

/* Takes in all tasks that came back. How many. */
size_t tdm_port_drain(tdm_port *p);

/* Takes the next settled task that is watched off the ready list, or NULL. It
 * is no longer watched. */
tdm_task *tdm_port_try_ready(tdm_port *p);

/* Watch a task: once settled, or at once, it goes on the ready list. */
void tdm_port_watch(tdm_task *t);

/* Watch it no longer, unless it is settled: then it stays on the ready list. */
void tdm_port_unwatch(tdm_task *t);

/* Is a task watched, or on the ready list? */
int tdm_port_is_watching(const tdm_port *p);

/* Returns when there is something to drain: at once where there is already;
 * else when `target` came back or, with a NULL target, when `count` more tasks
 * have; any one, where the target is held (then.h). May return early. `spin`:
 * nanoseconds to look for it before sleeping. TDM_OK, TDM_TIMEOUT, TDM_INTR. */
int tdm_port_wait(tdm_port *p, const tdm_task *target, int count,
                  tdm_time deadline, tdm_time spin);

/* By a worker: the task goes home. It is no longer the worker's. True if the
 * port's thread had taken all that came before: it seems to be waiting. */
int tdm_port_deliver(tdm_task *t);

/* By a worker, before it delivers the task: what it said last. For want of
 * memory that is forgotten. */
void tdm_port_report(tdm_task *t, tdm_progress *p);

/* What a task that is at home said last, or NULL. */
const tdm_progress_view *tdm_port_reported(const tdm_task *t);

/* By a worker: wakes the port's thread, whatever it waits for. */
void tdm_port_nudge(tdm_port *p);

/* The same after the death of somebody who may have been about to wake it. */
void tdm_port_rouse(tdm_port *p);

/* Is there something to drain? A hint, but ordered with the total accesses. */
int tdm_port_has(tdm_port *p);

/* From now on the port looks there as well; or no longer. */
void tdm_port_add_source(tdm_port *p, tdm_source *s);
void tdm_port_remove_source(tdm_port *p, tdm_source *s);

/* Sees to it that the bell lies in memory that processes can share: the first
 * page of p->bell_memory. p->fd is then there as well. TDM_OK, TDM_LIMIT,
 * TDM_NOMEM. */
int tdm_port_share_bell(tdm_port *p);
#define TDM_BELL_SIZE 4096

/* In a forked child: the shared bell is the parent's. */
void tdm_port_forget_bell(tdm_port *p);

/* A descriptor that is readable from when a task comes back, or the ready list
 * grows, until tdm_port_clear_fd. Negative: TDM_LIMIT. */
int tdm_port_fileno(tdm_port *p);
void tdm_port_clear_fd(tdm_port *p);

/* Makes it readable once more where the ready list is not empty. */
void tdm_port_remind(tdm_port *p);

#endif
