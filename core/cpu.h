/* cpu.h -- how many processors this process may use.
 *
 * Threads: any. Blocks: reads files below /proc and /sys.
 */
#ifndef TDM_CPU_H
#define TDM_CPU_H

/* Processors of the affinity mask, and at most what the control group's CPU
 * quota allows, rounded up; at least 1. */
int tdm_cpu_count(void);

#endif
