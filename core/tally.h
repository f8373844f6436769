/* tally.h -- what a worker has done, in numbers.
 *
 * Durations go into a histogram with eight steps an octave, which gives every
 * percentile within 6 %.
 *
 * Threads: one writes; any may read, and sees each number recent, not all of
 *          one moment.
 */
#ifndef TDM_TALLY_H
#define TDM_TALLY_H

#include "atomic.h"
#include "clock.h"
#include "task.h"

#define TDM_OCTAVES 40 /* up to 2^40 ns, 18 minutes; longer ones are capped */
#define TDM_STEPS 8

typedef struct tdm_histogram {
  _Atomic(int64_t) sum, max; /* nanoseconds */
  _Atomic(uint64_t) total;   /* durations */
  /* In proportion: all are halved where one would overflow. */
  _Atomic(uint32_t) count[TDM_OCTAVES * TDM_STEPS];
} tdm_histogram;

typedef struct tdm_tally {
  /* items that tasks have submitted here, and withdrawn */
  _Atomic(uint64_t) submitted, withdrawn;
  _Atomic(uint64_t) taken; /* claimed items */
  _Atomic(uint64_t) done, failed;
  _Atomic(uint64_t) stopped; /* cancelled while they ran */
  _Atomic(uint64_t) bytes_in, bytes_out;
  _Atomic(uint64_t) restarts;
  _Atomic(int64_t) cpu; /* nanoseconds in tasks */
  tdm_histogram wait, run;
} tdm_tally;

/* Adds a finished task: all its items took an equal share of its run. */
void tdm_tally_add(tdm_tally *y, const tdm_task *t, int failed);

/* Adds all of `from` to `to`. */
void tdm_tally_merge(tdm_tally *to, tdm_tally *from);

typedef struct tdm_spread {
  double mean, p50, p90, p99, max; /* seconds */
} tdm_spread;

tdm_spread tdm_histogram_spread(tdm_histogram *h);

#endif
