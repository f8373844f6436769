/* share.h -- what a host and its worker processes see in common.
 *
 * One piece of memory a pool. The host writes tasks into slots and posts them
 * on the ring; workers claim them there, run them, write the result into the
 * same slot and push it on the stack of finished ones. Everything that two
 * processes decide is decided by one compare-and-swap, so a worker may die
 * between any two instructions: see DESIGN.md, "Worker processes".
 *
 * Threads: as each part says. "The host" is its threads under the pool's lock.
 */
#ifndef TDM_SHARE_H
#define TDM_SHARE_H

#include "heap.h"
#include "task.h"
#include "worker.h"

#define TDM_SLOTS 4096u
#define TDM_RING 8192u   /* positions: twice the slots, a power of two */
#define TDM_PLACES 1024u /* most worker processes of a pool */
#define TDM_PER_WORD 32u /* places in a word of the board */
#define TDM_ERRANDS 32u  /* tasks of one worker that others run: errands.h */

/* Both sides must have been built from the same of these. */
#define TDM_SHARE_VERSION 2u

/* Bytes that lie in a slot, where they are few, or in a block. */
typedef struct tdm_ref {
  uint64_t n;
  uint32_t block; /* 0: in the slot */
} tdm_ref;

/* What a slot is at: in the low byte of its claim. */
enum tdm_claim {
  TDM_SLOT_FREE,     /* the host's */
  TDM_SLOT_READY,    /* posted; whoever claims it has it */
  TDM_SLOT_TAKEN,    /* a worker's: it runs */
  TDM_SLOT_STOPPING, /* the same, and is cancelled when it ends */
  TDM_SLOT_OVER,   /* finished; the host's once the worker pushed it or died */
  TDM_SLOT_KILLED, /* was taken; the host kills the worker for it */
};

typedef struct tdm_slot {
  alignas(64) _Atomic(uint64_t) claim; /* position << 24 | place << 8 | state */
  _Atomic(uint32_t) next;              /* on the stack of finished: index + 1 */
  uint32_t func_id;
  uint64_t cookie; /* the task's address in the host */
  uint32_t func;   /* block of a tdm_shared_func */
  uint32_t items, failed;
  float limit, cpu; /* seconds: that it may run; that it took */
  uint8_t job, attempt, outcome;
  _Atomic(uint8_t) tell; /* the manager waits for its end */
  tdm_time queued, finished;
  _Atomic(tdm_time) started; /* 0: no code of the task has run */
  tdm_ref in, out;
  tdm_progress progress;
  char bytes[120];
} tdm_slot;

typedef struct tdm_shared_func {
  uint32_t form;
  uint32_t size, label_size; /* with their '\0' */
  char bytes[];              /* spec, label */
} tdm_shared_func;

/* How far a worker has come. */
enum tdm_stage {
  TDM_STAGE_STARTING, /* not yet ready to work */
  TDM_STAGE_READY,
  TDM_STAGE_BROKEN, /* it cannot start, and `why` says what for */
  TDM_STAGE_NO_MEMORY,
  TDM_STAGE_LEAVING, /* in good order: nothing is lost when it ends */
};

typedef struct tdm_place {
  alignas(64) tdm_park bed; /* where the worker sleeps */
  tdm_stop stop;
  atomic_int leave;      /* it is one too many */
  atomic_int begin;      /* it may work; an heir waits for it */
  atomic_int wants_heir; /* it has nearly done its share */
  atomic_uint heir;      /* the place that takes over from it, + 1; or 0 */
  atomic_int stage;      /* enum tdm_stage */
  atomic_int pid;        /* its own word for it; 0: it has not begun */
  atomic_int signal;     /* by which it is interrupted */
  unsigned id;           /* from 1 */
  atomic_uint slot;      /* that it runs: index + 1, or 0 */
  _Atomic(tdm_time) since;
  _Atomic(uint64_t) tasks;
  _Atomic(int64_t) cpu; /* nanoseconds in tasks */
  tdm_ref why;
  /* its errands: where its keeper sleeps, the block that they lie in, or 0, and
   * a bit for each that the host shall look at */
  tdm_park keeper;
  atomic_uint errands, wishes;
} tdm_place;

typedef struct tdm_share {
  /* constant once the first worker is there */
  uint64_t max_tasks_per_worker;
  uint64_t memory_limit; /* bytes; 0: none */
  tdm_time spin;
  unsigned cpus;
  unsigned level;  /* of the worker processes: see func.h */
  int tell_claims; /* the host waits for room in its queue */
  int tell_all;    /* and more of its threads than the one at the bell */
  char name[48];
  tdm_ref recipe;
  tdm_ref why; /* of a zygote that failed */
  /* written by the host */
  alignas(64) _Atomic(uint64_t) tail; /* positions posted so far */
  atomic_int closing, interrupting;
  atomic_int more;      /* the host has tasks that found no slot */
  atomic_int listeners; /* its threads that sleep elsewhere than at the bell */
  _Atomic(tdm_time) next_look; /* when the host looks who runs for too long */
  atomic_uint alive, target;
  atomic_uint places; /* places that were ever in use: the first ones */
  /* written by workers, and by the host for the dead */
  alignas(64) _Atomic(uint64_t) head; /* all before it are claimed, or gone */
  alignas(64) _Atomic(uint32_t) finished; /* a stack of slots: index + 1 */
  alignas(64) atomic_int long_tasks;      /* the last ones were */
  atomic_int asked;  /* somebody asked the host to look after us */
  atomic_int wishes; /* some place has wishes */
  atomic_int fuse;   /* see fault.h */
  alignas(64) _Atomic(uint64_t) board[TDM_PLACES / TDM_PER_WORD];
  _Atomic(uint32_t) ring[TDM_RING]; /* slot indices by position */
  tdm_slot slots[TDM_SLOTS];
  tdm_place place[TDM_PLACES];
  tdm_heap_share heap;
} tdm_share;

_Static_assert(sizeof(tdm_slot) == 384, "six cache lines");

/* A block that says what the function is; 0 when out of memory. */
uint32_t tdm_share_put_func(tdm_heap *h, const tdm_func *f);

/* What the block says, until tdm_heap_look_away; or NULL. */
const tdm_shared_func *tdm_share_func_at(tdm_heap *h, uint32_t block);

/* How much of the file it takes, in whole segments of the heap. */
#define TDM_SHARE_SIZE                                             \
  ((sizeof(tdm_share) + TDM_HEAP_SEGMENT - 1) / TDM_HEAP_SEGMENT * \
   TDM_HEAP_SEGMENT)

#endif
