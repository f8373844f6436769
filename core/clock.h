/* clock.h -- monotonic time and deadlines, in nanoseconds.
 *
 * A timeout becomes a deadline once, at the border; inside there are only
 * deadlines, so that a wait that is resumed never starts over.
 *
 * Threads: any. Blocks: never.
 */
#ifndef TDM_CLOCK_H
#define TDM_CLOCK_H

#include <stdint.h>

typedef int64_t tdm_time; /* nanoseconds of the monotonic clock */

#define TDM_FOREVER INT64_MAX
#define TDM_SECOND INT64_C(1000000000)

tdm_time tdm_clock_now(void);

/* CPU time of the calling thread. A system call: half a microsecond. */
tdm_time tdm_clock_cpu(void);

/* The deadline `seconds` after this moment, for a positive number of them;
 * TDM_FOREVER for what does not fit. */
tdm_time tdm_clock_after(tdm_time now, double seconds);

/* The deadline `seconds` from now: past for zero, negatives and NaN, and
 * TDM_FOREVER for whatever does not fit. */
tdm_time tdm_clock_deadline(double seconds);

#endif
