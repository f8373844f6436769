/* park.h -- a place where one thread sleeps until it is woken.
 *
 * A place holds at most one notice. `wait` takes the notice, sleeping until it
 * is there; `wake` leaves it, and costs a system call only when somebody
 * sleeps. A notice may be left over from an earlier round, so who waits checks
 * its condition again.
 *
 * Owns:    nothing. All zero bits are an empty place.
 * Threads: one waits, any wake. After `wake` the place may be gone: the waker
 *          does not touch it again except in the wake system call itself,
 *          which tolerates a freed address.
 * Blocks:  tdm_park_wait, until its deadline.
 *
 * A place in memory that processes share says so before it is used.
 */
#ifndef TDM_PARK_H
#define TDM_PARK_H

#include "atomic.h"
#include "clock.h"

typedef struct tdm_park {
  atomic_uint word;
  unsigned shared; /* others may wake it from another process */
} tdm_park;

/* TDM_OK: took a notice. TDM_TIMEOUT: the deadline passed; it is the past for
 * a poll. TDM_INTR: a signal handler ran. */
int tdm_park_wait(tdm_park *p, tdm_time deadline);

/* What a signal handler may have left for the thread. */
typedef struct tdm_call {
  int (*is_there)(void *arg); /* NULL: it is never asked */
  void *arg;
} tdm_call;

/* As tdm_park_wait, and TDM_INTR where the call is there. A handler that runs
 * just before the sleep interrupts none: so it is looked for now and then. */
int tdm_park_wait_or_call(tdm_park *p, tdm_time deadline, const tdm_call *call);

void tdm_park_wake(tdm_park *p);

/* The same where another waker may have died half way: between leaving the
 * notice and the system call. Always a system call. */
void tdm_park_rouse(tdm_park *p);

#endif
