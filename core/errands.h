/* errands.h -- nested tasks of a worker process that other ones of its pool
 * run.
 *
 *   owner's thread    owner's keeper         manager             another worker
 *   ---------------------------------------------------------------------------
 *   submit -> nest -> take: an errand ----->  a task of the pool
 *                                             in a slot --------->  claim, run
 *   wait <---------- deliver <- - OVER - - -  collect <- - - - - -  finish
 *                    put back <- REFUSED - -  nobody is free for it
 *
 * A nested task waits in the nest of its process, where its submitter runs it
 * as soon as he waits for it. Meanwhile the process's keeper looks now and then
 * whether others of the pool are idle, and sends them the oldest. One that
 * nobody has begun after a moment is asked for again, so that nobody ever waits
 * for what nobody runs. Where tasks turn out to be shorter than the way is
 * worth, they are sent less and less often.
 *
 * Owns:    the block of its errands; a task between take and deliver, or put
 *          back.
 * Threads: init, call, stop, progress: the owner's; look: its keeper.
 * Locks:   QUEUE, for which task is which errand.
 * Blocks:  never.
 */
#ifndef TDM_ERRANDS_H
#define TDM_ERRANDS_H

#include "keeper.h"
#include "lock.h"
#include "share.h"

struct tdm_nest;

/* Who may write an errand: in FREE, OVER and REFUSED its owner, in OUT and
 * BEGUN the manager of the pool. From ASKED either takes it by a
 * compare-and-swap. */
enum tdm_errand_state {
  TDM_ERRAND_FREE,
  TDM_ERRAND_ASKED,
  TDM_ERRAND_OUT,   /* the pool has it */
  TDM_ERRAND_BEGUN, /* it runs: it is of no use to ask for it again */
  TDM_ERRAND_OVER,
  TDM_ERRAND_REFUSED,
};

/* What its owner wants of one that is out. */
enum tdm_wish { TDM_WISH_NOTHING, TDM_WISH_BACK, TDM_WISH_STOP };

typedef struct tdm_errand {
  alignas(64) _Atomic(uint32_t) state;
  _Atomic(uint32_t) wish;
  /* the call */
  uint32_t func; /* block of a tdm_shared_func, which stays the owner's */
  uint32_t items;
  float limit;
  uint8_t job, retries;
  /* the outcome */
  uint8_t attempt, outcome;
  uint16_t worker;
  uint32_t failed;
  float cpu;
  tdm_time started, finished;
  tdm_progress said;
  _Atomic(uint64_t) where; /* it is posted: position << 16 | slot + 1 */
  tdm_ref in, out;         /* a block is of whoever it is for */
  char bytes[120];
} tdm_errand;

typedef struct tdm_errands {
  tdm_share *share;
  tdm_heap *heap;
  tdm_place *place;
  void (*ask)(void *arg); /* for the manager to look at the wishes */
  void *arg;
  struct tdm_nest *nest; /* NULL: there is none */
  atomic_int awake;      /* the keeper looks */
  atomic_uint out;
  /* of the keeper */
  tdm_errand *at;
  tdm_time since[TDM_ERRANDS]; /* when it was sent, or asked for */
  unsigned quiet;              /* looks that found nothing to do */
  tdm_time pause, not_before;  /* so long, and until then, none is sent */
  uint64_t runs; /* of the owner, at the last look; and the looks since then */
  unsigned idle_looks;
  tdm_tally tally; /* written by the keeper, for the owner */
  /* under the lock, which the keeper alone may do without to read */
  tdm_mutex lock;
  tdm_task *task[TDM_ERRANDS];
} tdm_errands;

/* TDM_OK or TDM_NOMEM. All else is zero. */
int tdm_errands_init(tdm_errands *e, tdm_share *s, tdm_heap *h, tdm_place *p);
void tdm_errands_fini(tdm_errands *e);

/* Something is in the nest. */
void tdm_errands_call(tdm_errands *e, tdm_keeper *k);

/* Sends and takes in what there is; when to look again. */
tdm_time tdm_errands_look(tdm_errands *e);

/* Tells a task that is STOPPING to end. False: it is not out. */
int tdm_errands_try_stop(tdm_errands *e, tdm_task *t);

/* What a task that is out says of its progress. False: nothing. */
int tdm_errands_progress(tdm_errands *e, tdm_task *t, tdm_progress_view *view);

#endif
