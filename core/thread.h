/* thread.h -- threads of our own, as a host wants them to be.
 *
 * They take no signal but those of their own faults and, where asked for, the
 * one of interrupt.h.
 *
 * Threads: any. Blocks: never.
 */
#ifndef TDM_THREAD_H
#define TDM_THREAD_H

#include <pthread.h>
#include <stddef.h>

#define TDM_SMALL_STACK ((size_t)256 * 1024) /* for those that run no Lua */

/* TDM_OK, TDM_NOMEM, TDM_LIMIT. */
int tdm_thread_new(pthread_t *thread, size_t stack_size, void *(*run)(void *),
                   void *arg);

/* By a thread of ours: from now on it may be interrupted. */
void tdm_thread_heed_interrupts(void);

#endif
