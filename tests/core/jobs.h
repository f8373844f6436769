/* jobs.h -- a worker's virtual machine in plain C, and a pool made of it.
 *
 * A task's function says what to do, by a letter; its payload is the argument:
 * the address of what the job works on, or bytes. Jobs that work on an address
 * are of no use in another process.
 */
#ifndef TDM_JOBS_H
#define TDM_JOBS_H

#include "door.h"
#include "error.h"
#include "executor.h"
#include "gate.h"
#include "mem.h"

enum job {
  JOB_ECHO,  /* bytes -> the same bytes */
  JOB_COUNT, /* atomic_long *: adds one */
  JOB_GATE,  /* gate *: enters */
  JOB_MEET,  /* meeting *: returns once all who are expected are there */
  JOB_NOTE,  /* note: appends a number to a list */
  JOB_SLEEP, /* gate *: enters, then sleeps until cancelled, and fails */
  JOB_FAIL,  /* fails with "oops" */
  JOB_NOMEM, /* fails with nothing, which means out of memory */
  JOB_WHO,   /* -> which virtual machine ran it: int */
  JOB_HEED,  /* int: loops until it is interrupted, and so many us longer */

  JOB_ADD, /* int; where it continues a task, that one's int besides: -> sum */
  /* For processes. */
  JOB_PID,     /* -> pid_t */
  JOB_DOOR,    /* door_address: enters */
  JOB_NAP,     /* door_address: knocks, then sleeps until cancelled; fails */
  JOB_LOOP,    /* door_address: knocks, then loops for ever */
  JOB_EXIT,    /* int: the process exits with that code */
  JOB_DIE,     /* int: it sends itself that signal */
  JOB_BIG,     /* size_t: so many bytes, see big_byte */
  JOB_ATTEMPT, /* int: dies in the attempts before this one; -> the attempt */
  JOB_LEND,    /* has others run JOB_ECHO for it; -> int: how many failed */
  JOBS
};

/* tdm_task.job of a continuation: its argument lies behind a result. */
#define JOBS_THEN 1

/* What a big result holds. */
static inline char big_byte(size_t i) { return (char)(i * 7 + i / 4096); }

/* Tasks that need each other: none returns before all have begun. */
typedef struct meeting {
  atomic_int missing;
} meeting;

typedef struct note {
  int *list;
  atomic_int *n;
  int value;
} note;

/* What open does, and what was done with the machines. */
typedef struct recipe {
  atomic_int opens_to_pass; /* opens that succeed before one fails */
  atomic_int opens_to_fail; /* then these fail; the ones after succeed again */
  int error;                /* with what they fail */
  gate *at_open;            /* where open stops, or NULL */
  atomic_int opened, closed, idled, released;
} recipe;

extern const tdm_runner jobs_runner;

/* What a pool that TDM_BROKEN broke says. */
#define JOBS_CAUSE "the initializer failed, and says so in more than 24 bytes"

typedef int (*maker)(const tdm_settings *s, const tdm_runner *r, void *recipe,
                     tdm_port *port, tdm_executor **out);

/* A port, an executor, its recipe: all that a case needs. */
typedef struct rig {
  tdm_port *port;
  tdm_executor *e;
  tdm_func *func[JOBS];
  recipe recipe;
} rig;

tdm_settings rig_settings(unsigned max_workers);

/* For tdm_worker_set_grace where nothing is to be given up, however late its
 * turn comes. */
#define RIG_LONG_GRACE (1000 * TDM_SECOND)

/* For processes the program is the one beside the tests, where `s` names none;
 * they get a copy of the recipe. */
void rig_open(rig *r, maker make, const tdm_settings *s);

/* Shuts down in good order: closes, waits until all is over and all who were
 * given up have come home, frees. */
void rig_close(rig *r);

/* Closes and waits until it is over. */
void rig_end(rig *r);

/* A task that is not submitted yet. */
tdm_task *rig_task(rig *r, enum job job, const void *arg, size_t n);

/* A task that was accepted. */
tdm_task *rig_submit(rig *r, enum job job, const void *arg, size_t n);

/* The same with the address of something as its argument. */
tdm_task *rig_submit_to(rig *r, enum job job, const void *target);

/* Waits until it has settled; its state. */
enum tdm_state rig_wait(rig *r, tdm_task *t);

/* The same, and releases it. */
enum tdm_state rig_finish(rig *r, tdm_task *t);

/* Waits until nothing is away. */
void rig_wait_all(rig *r);

/* What became of the tasks that ran. */
void rig_check_tally(rig *r, uint64_t done, uint64_t stopped, uint64_t failed);

/* Until all `n` workers sleep in the kernel. */
void rig_wait_asleep(rig *r, size_t n);

size_t rig_workers(rig *r);

/* Does the payload hold these bytes? */
int payload_is(const tdm_task *t, const void *bytes, size_t n);

/* The n-th allocation fails, for each n until there is no n-th: a pool of two
 * is made, used and closed. `use` returns how many of its tasks came to harm.
 * In how many of the rounds something did. */
int rig_fail_each_allocation(maker make, uint64_t max_tasks_per_worker,
                             int (*use)(rig *r));

#endif
