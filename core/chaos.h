/* chaos.h -- bad luck, in a build with -DTDM_CHAOS; nothing in any other.
 *
 * Before each access with a total order, which is where threads agree on who
 * does what, the thread may lose the processor. Windows of a few instructions
 * then stand open for whole time slices, and the tests fall into them.
 *
 * Threads: any. Blocks: with TDM_CHAOS, for some 0.1 ms now and then.
 */
#ifndef TDM_CHAOS_H
#define TDM_CHAOS_H

#ifdef TDM_CHAOS

#include <sched.h>
#include <stdint.h>
#include <time.h>

static inline int tdm_chaos(void) {
  static _Thread_local uint32_t dice;
  static const struct timespec some_time = {0, 20000};
  dice = (dice ? dice : (uint32_t)(uintptr_t)&dice) * 1664525u + 1013904223u;
  if (dice >> 25 == 0) return nanosleep(&some_time, NULL);
  return dice >> 29 == 0 ? sched_yield() : 0;
}

#else
#define tdm_chaos() ((void)0)
#endif

#endif
