/* fork.h -- telling a forked child from its parent, at no cost a call.
 *
 * Threads: any. Blocks: never.
 */
#ifndef TDM_FORK_H
#define TDM_FORK_H

/* The number of forks that lie between this process and the one that loaded
 * us. What was made under another number belongs to another process. */
unsigned tdm_fork_generation(void);

#endif
