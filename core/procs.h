/* procs.h -- the parts of the executor of worker processes; private to it.
 *
 *   procs.c          the executor's interface: submit, cancel, kill, look
 *   procs_slots.c    tasks into slots, results out of them
 *   procs_crew.c     workers: start, call, bury
 *   procs_manager.c  the thread that watches zygote and workers
 *   procs_errands.c  nested tasks on their way from worker to worker
 *
 * Threads of the host meet here: the port's, which submits and collects, or
 * those of several ports, where the pool is shared; and the manager, which sees
 * deaths, and stands in where they are away or asleep. All below is under
 * `lock`, but for what is constant.
 *
 * `…_locked`: the caller holds the lock. Tasks that settle are gathered in a
 * list and delivered by the caller, who has let go of the lock by then.
 */
#ifndef TDM_PROCS_H
#define TDM_PROCS_H

#include <sys/types.h>

#include "executor.h"
#include "fork.h"
#include "heap.h"
#include "lock.h"
#include "note.h"
#include "queue.h"
#include "share.h"

enum tdm_member_state {
  TDM_MEMBER_NONE,
  TDM_MEMBER_ORDERED, /* the zygote has not answered yet */
  TDM_MEMBER_PRESENT, /* there is a process */
};

/* What the host knows of the worker at a place. */
typedef struct tdm_member {
  enum tdm_member_state state;
  int channel; /* to the worker: its end of file is the worker's end */
  pid_t pid;
  unsigned zygote;     /* which one is its parent, counted from 1 */
  int ended;           /* the channel says so */
  int status_known;    /* the zygote says so, and how: */
  int status;          /* as waitpid has it */
  tdm_time no_later;   /* how long to wait for the zygote's word on it */
  uint64_t stopping;   /* the run that it was seen to be told to end */
  tdm_time stop_since; /* and since when */
  int killed;          /* by us */
  uint64_t born_at;    /* collected at its start */
  int replaced;        /* it is leaving, and another has its share */
  int is_heir;         /* it waits for another to end, and does not count */
  unsigned heir;       /* the place of its heir, + 1; or 0 */
  struct tdm_outwork *outwork; /* what it lets others run, or NULL */
} tdm_member;

/* A list of tasks to be delivered, in order. */
typedef struct tdm_settled {
  tdm_task *first, **last;
} tdm_settled;

/* The block that tells workers of a function, by its number. */
typedef struct tdm_known_func {
  uint32_t id, block;
} tdm_known_func;

typedef struct tdm_procs {
  tdm_executor base;
  tdm_source source;
  /* constant after the launch */
  int launched; /* the port's thread alone writes it */
  int memory;   /* the descriptor of `share` and the heap */
  tdm_share *share;
  tdm_heap *heap;
  pthread_t manager;
  int wake; /* an event that wakes the manager */
  tdm_fork_item in_child;
  int is_foreign; /* this is a forked child */
  int fuse;       /* after the end: that of fault.h, for tests */
  /* of the manager: what its port's tasks are of, how many are out, and what
   * they have ever named */
  tdm_executor errands;
  size_t errands_out;
  tdm_funcs errand_funcs;
  atomic_int over;
  /* under the lock */
  tdm_mutex lock;
  tdm_queue queue; /* tasks that have no slot */
  int thens;       /* some tasks have continuations, see then.h */
  int lowest;      /* the lowest priority that is posted, or more */
  uint32_t free_count, used_count;
  uint32_t free[TDM_SLOTS];  /* slots: last freed first reused */
  tdm_task *task[TDM_SLOTS]; /* whose slot it is */
  uint32_t lent[TDM_SLOTS];  /* block with its arguments, or 0 */
  tdm_known_func *funcs;     /* a hash table */
  uint32_t func_count, func_room;
  tdm_tally tally;
  /* the crew */
  pid_t zygote;
  unsigned zygotes;      /* so far */
  int control;           /* channel to the zygote; -1: there is none */
  int lifeline;          /* to it as well, while there is a control */
  int is_ready;          /* it has its machine */
  uint64_t collected;    /* results so far */
  unsigned present;      /* members that are not NONE */
  unsigned ordered;      /* of these, ORDERED */
  unsigned early_deaths; /* in a row */
  tdm_time start_after;  /* no new try before */
  tdm_member member[TDM_PLACES];
  tdm_note last_death;
} tdm_procs;

static inline tdm_procs *tdm_procs_of(tdm_executor *e) {
  return (tdm_procs *)e;
}

/* --- settling --- */

static inline void tdm_settled_init(tdm_settled *l) {
  *l = (tdm_settled){.first = NULL};
}
void tdm_settled_add(tdm_settled *l, tdm_task *t);

/* Sends them home. Not under the lock. */
void tdm_settled_deliver(tdm_procs *p, tdm_settled *l);

/* --- procs_slots.c --- */

/* Is it one that a worker of the pool lets another run? */
static inline int tdm_procs_is_errand(const tdm_procs *p, const tdm_task *t) {
  return t->executor == &p->errands;
}

/* Puts the task into a slot, or into the queue behind others. TDM_OK, or
 * TDM_NOMEM: it was not taken. */
int tdm_procs_put_locked(tdm_procs *p, tdm_task *t, tdm_settled *out);

/* The same, if that goes at once and nothing waits; else TDM_FULL. */
int tdm_procs_try_post_locked(tdm_procs *p, tdm_task *t);

/* The task goes before all others of its priority. */
void tdm_procs_put_first_locked(tdm_procs *p, tdm_task *t);

/* Fills free slots from the queue. */
void tdm_procs_refill_locked(tdm_procs *p, tdm_settled *out);

/* Takes in what is finished. */
void tdm_procs_collect_locked(tdm_procs *p, tdm_settled *out);

/* All tasks that no worker has, as a list. */
tdm_task *tdm_procs_recall_locked(tdm_procs *p);

/* Takes the task out of its slot: true; or a worker has it. */
int tdm_procs_withdraw_locked(tdm_procs *p, tdm_task *t);

/* The task of a slot whose worker has died; NULL: it was killed for it, or its
 * result is out. Sets *started to when it began, or 0. */
tdm_task *tdm_procs_bury_slot_locked(tdm_procs *p, uint32_t slot,
                                     tdm_time *started, tdm_settled *out);

/* Settles a task that is in no slot as failed. */
void tdm_procs_fail_locked(tdm_procs *p, tdm_task *t, const void *why, size_t n,
                           tdm_time started, tdm_settled *out);

/* Settles a task that is in no slot as CANCELLED, or EXPIRED. */
void tdm_procs_stopped_locked(tdm_procs *p, tdm_task *t, enum tdm_state how,
                              tdm_settled *out);

/* Fails all that nobody has begun, with the cause of the broken pool. */
void tdm_procs_fail_pending_locked(tdm_procs *p, tdm_settled *out);

int tdm_procs_has_work_locked(tdm_procs *p);

/* --- procs_crew.c --- */

/* Starts a worker, if one may be started. TDM_OK also where none may; else
 * TDM_LIMIT, with what it is in base.trouble. */
int tdm_procs_start_locked(tdm_procs *p);

/* There is work: sees to it that somebody searches. True if that took a call.
 */
int tdm_procs_call_locked(tdm_procs *p, size_t backlog);

/* Starts a zygote, where there is none. */
int tdm_procs_need_zygote_locked(tdm_procs *p);

/* The zygote is no longer needed, or has ended. Fills in how. */
void tdm_procs_end_zygote_locked(tdm_procs *p, tdm_note *note);

void tdm_procs_kill_member_locked(tdm_procs *p, unsigned place);
void tdm_procs_wake_all_locked(tdm_procs *p);

/* The worker shall leave when it is idle, and its heir as well. */
void tdm_procs_dismiss_locked(tdm_procs *p, unsigned place);

/* What the zygote says; its end. */
void tdm_procs_hear_zygote_locked(tdm_procs *p, tdm_settled *out);

/* What the worker says; its end. */
void tdm_procs_hear_member_locked(tdm_procs *p, unsigned place);

/* Buries who is dead for certain; until when others are waited for. */
tdm_time tdm_procs_bury_locked(tdm_procs *p, tdm_settled *out);

/* Everything that somebody may have asked for. */
void tdm_procs_attend_locked(tdm_procs *p, tdm_settled *out);

/* --- procs_time.c --- */

/* Tells a running task to end at once: true. */
int tdm_procs_try_stop_locked(tdm_procs *p, tdm_task *t);

/* Stops who runs for too long; when to look again. */
tdm_time tdm_procs_watch_locked(tdm_procs *p, tdm_settled *out);

/* --- procs_errands.c --- */

/* Readable when some have come home; negative: there are none. */
int tdm_procs_errands_fd(const tdm_procs *p);

/* Does what workers wish for theirs. By the manager, as the next two. */
void tdm_procs_errands_locked(tdm_procs *p, tdm_settled *out);

/* Sends on what has come home. Not under the lock. */
void tdm_procs_errands_home(tdm_procs *p);

/* The worker that had it is dead, and it waits for another. */
void tdm_procs_errand_waits_locked(tdm_procs *p, const tdm_task *t);

/* The worker is dead: nobody waits for those that it has out. */
void tdm_procs_forget_errands_locked(tdm_procs *p, unsigned place,
                                     tdm_settled *out);

/* All workers have gone, and so has the manager: nobody else has one in hand
 * that has come home. */
void tdm_procs_end_errands(tdm_procs *p);

/* --- procs_manager.c --- */

/* TDM_OK or TDM_LIMIT. */
int tdm_procs_start_manager(tdm_procs *p);

#endif
