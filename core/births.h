/* births.h -- whether one more thread fits into a limited address space.
 *
 * Where there is a limit (RLIMIT_AS), as in an auth process of dovecot, the
 * heaps of a few threads fill it, and then tasks fail, and the host's own work.
 * Fewer workers do it all. What a heap takes is known only when the thread has
 * made its first allocation; until then it is unborn.
 *
 * Owns:    nothing: the count is the process's.
 * Threads: any.
 * Locks:   the process's (fork.h), while it is counted, and looked for room.
 * Blocks:  tdm_birth_expect, where the room is too small for all who are
 *          unborn, until they are born: some tens of microseconds, a second at
 *          the most.
 */
#ifndef TDM_BIRTHS_H
#define TDM_BIRTHS_H

#include <stddef.h>

/* A thread with such a stack is about to be started. True if it may: then one
 * of the next two follows. With `must` it may in any case. */
int tdm_birth_expect(size_t stack, int must);

/* By the thread itself, before anything else. */
void tdm_birth_give(void);

/* By who expected it: it could not be started. */
void tdm_birth_forget(void);

#endif
