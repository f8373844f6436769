/* fork.h -- telling a forked child from its parent, at no cost a call.
 *
 * Threads: any. Blocks: never but for the process's lock, a leaf, which a fork
 * takes before it and gives back after it on both sides.
 */
#ifndef TDM_FORK_H
#define TDM_FORK_H

/* The number of forks that lie between this process and the one that loaded
 * us. What was made under another number belongs to another process. */
unsigned tdm_fork_generation(void);

/* Something to be done in each forked child, before anything else there: only
 * what a signal handler may do. */
typedef struct tdm_fork_item {
  struct tdm_fork_item *next;
  void (*in_child)(struct tdm_fork_item *item);
} tdm_fork_item;

/* The lock of the few lists that a process has: as a fork takes it as well, a
 * child finds them whole. Held for a few steps, and while no other lock is
 * taken. */
void tdm_process_lock(void);
void tdm_process_unlock(void);

void tdm_fork_add(tdm_fork_item *item);
void tdm_fork_remove(tdm_fork_item *item);

#endif
