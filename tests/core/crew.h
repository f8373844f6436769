/* crew.h -- a rig of worker processes, and what must not be left of it.
 *
 * The case is the reaper of its orphans, so that it sees whoever outlives a
 * pool.
 */
#ifndef TDM_CREW_H
#define TDM_CREW_H

#include "jobs.h"
#include "note.h"

/* What there is of this process. */
typedef struct belongings {
  int descriptors, threads;
} belongings;

belongings belongings_now(void);

/* No more than before, within a moment; and no child, be it dead or alive. */
void belongings_check(belongings before);

typedef struct crew {
  rig r;
  belongings before;
} crew;

void crew_open(crew *c, const tdm_settings *s);
void crew_open_with(crew *c, unsigned workers);

/* As rig_close; nothing may be left. */
void crew_close(crew *c);

/* Sends the task to a worker that it holds there, inside of the door. */
tdm_task *crew_hold(crew *c, door *d);

/* The processes of its workers, 0 where not known yet: how many. */
size_t crew_pids(crew *c, pid_t *pids, size_t max);
pid_t crew_zygote(crew *c);

/* Waits until there are so many workers. */
void crew_await_workers(crew *c, size_t n);

/* Sends a signal to one process, and never to all. */
void strike(pid_t pid, int signal);

/* Waits until this process is gone, or a zombie. */
void await_death(pid_t pid);

/* The note that a settled task failed with. */
tdm_note note_of(const tdm_task *t);

/* The outcome of a job without arguments. */
enum tdm_state crew_do(crew *c, enum job job);
enum tdm_state crew_do_int(crew *c, enum job job, int n);

uint64_t crew_restarts(crew *c);

#endif
