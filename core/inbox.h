/* inbox.h -- a stack of tasks that many push and one empties at a stroke.
 *
 * The one lock-free structure of the core. It carries submitted tasks to the
 * workers and finished ones back. Pushing never waits for who takes, and
 * since nothing is ever popped singly, a slot that comes back at the same
 * address (ABA) does no harm: see DESIGN.md, "Inbox".
 *
 * inbox_locked.c implements the same with a mutex, to check this one against:
 * `make test INBOX=locked`.
 *
 * Owns:    nothing; a task on it belongs to who will take it.
 * Threads: any. Blocks: never.
 */
#ifndef TDM_INBOX_H
#define TDM_INBOX_H

#include "atomic.h"
#include "task.h"

typedef struct tdm_inbox {
  _Atomic(tdm_task *) top;
} tdm_inbox;

/* Publishes the task and all that was written to it. True if the inbox was
 * empty before. */
int tdm_inbox_push(tdm_inbox *in, tdm_task *t);

/* Takes all: the oldest first, linked by `next`; NULL if there is none. */
tdm_task *tdm_inbox_take(tdm_inbox *in);

/* Is there something? A hint, but ordered with the total accesses. */
int tdm_inbox_has(tdm_inbox *in);

#endif
