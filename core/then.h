/* then.h -- what is to be done when a task is over, without its port's thread.
 *
 *     task --then--> next --next--> next ...        all of one port
 *
 * A continuation is a task that its executor does not have yet: HELD. Whoever
 * settles the task before it -- a worker, as a rule -- hands it on: the result
 * becomes its arguments, and it goes to its executor. A failed or cancelled
 * task passes its fate on instead. The list is emptied once; what is added
 * later is handed on by who adds it.
 *
 * The executor counts what is reserved for it, and does not end before that has
 * come home: until then it is there to be handed tasks, by any thread.
 *
 * Owns:    nothing: tasks are their port's.
 * Threads: pass: who settles the task, before it is delivered. All else: the
 *          port's.
 * Blocks:  try_cancel, for as long as somebody hands the task on.
 */
#ifndef TDM_THEN_H
#define TDM_THEN_H

#include "task.h"

/* Bytes of a continuation's arguments: the size of the result before it, the
 * result, then what it was given of its own. */
#define TDM_THEN_HEAD sizeof(uint64_t)

/* `next`, fresh and with its own arguments as payload, is to run on the
 * executor when `task` is over: perhaps at once. TDM_OK; or an error of the
 * executor's `open`, TDM_CLOSED, TDM_FORKED: then it was not taken. */
int tdm_then_add(tdm_task *task, tdm_task *next, struct tdm_executor *e);

/* The task is settled: hands on what waits for it. What its port's thread has
 * to run itself, as serial executors want it, remains, unless it is that
 * thread (`at_home`) which calls. */
void tdm_then_pass(tdm_task *task, int at_home);

static inline int tdm_then_has(tdm_task *task) {
  return tdm_load_total(&task->then) != NULL;
}

/* Does it wait for another task? That one, or one before it, may have to be
 * brought on by the port's thread. */
static inline int tdm_then_is_held(const tdm_task *task) {
  return tdm_load_relaxed(&task->state) >= TDM_HELD;
}

/* What the task waits for in the end, through all that are held: itself, where
 * it is not. Those before it must be there meanwhile: it is the port's thread
 * that frees them. */
tdm_task *tdm_then_awaited(tdm_task *t);

/* Nobody will ever settle the task, which is of no executor: what waits for it
 * is cancelled. */
void tdm_then_abandon(tdm_task *task);

/* HELD -> CANCELLED, with all that its executor should know. False: it is not
 * held. Waits while somebody hands it on. */
int tdm_then_try_cancel(tdm_task *t);

/* The reserved task has come home. */
void tdm_then_return(tdm_task *t);

#endif
