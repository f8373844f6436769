/* fault.h -- death at a chosen step, for tests of a debug build.
 *
 * Each call is a step between two writes that others see. With
 * TANDEM_DIE_AT=n in its environment a worker process kills itself at its n-th
 * step, once in the life of its pool.
 */
#ifndef TDM_FAULT_H
#define TDM_FAULT_H

#ifdef TDM_DEBUG
void tdm_fault(void);
/* By a worker process, before its first step. `fuse` is shared by all workers
 * of a pool: who burns it dies. */
struct tdm_share;
void tdm_fault_arm(struct tdm_share *share);
#else
#define tdm_fault() ((void)0)
#define tdm_fault_arm(share) ((void)(share))
#endif

#endif
