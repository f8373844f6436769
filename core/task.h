/* task.h -- one call on its way to a worker and back.
 *
 *     HELD -> PASSING -> PENDING --claim--> RUNNING ------------> DONE | FAILED
 *       |                   |                  '--interrupt--> STOPPING
 *       '------cancel-------'-> CANCELLED <-----------------------'
 *
 * The state leaves PENDING by one compare-and-swap, so that a worker's claim
 * and a cancel exclude each other; whoever loses leaves the task alone. The
 * outcome is written by the worker alone and seen by others only when the task
 * has come back to its port. HELD and PASSING are for what waits for another
 * task to end: see then.h.
 *
 * Owns:    its payload: the arguments until a worker has run it, then the
 *          result, or the error, of the call.
 * Threads: the fields are in groups by who may touch them when.
 */
#ifndef TDM_TASK_H
#define TDM_TASK_H

#include <stddef.h>
#include <stdint.h>

#include "atomic.h"
#include "buf.h"
#include "clock.h"
#include "func.h"

struct tdm_executor;

enum tdm_state {
  TDM_PENDING,
  TDM_RUNNING,
  TDM_STOPPING, /* runs, and is cancelled when it ends, however it does */
  TDM_DONE,
  TDM_FAILED,
  TDM_CANCELLED,
  TDM_EXPIRED, /* failed for want of time, and has no payload to say so */
  TDM_HELD,    /* waits for another task to end */
  TDM_PASSING, /* that has ended; somebody hands this one to its executor */
};

#define TDM_INLINE 24 /* bytes that need no block of their own */

typedef struct tdm_payload {
  size_t n;
  union {
    char bytes[TDM_INLINE]; /* n <= TDM_INLINE */
    struct tdm_task *next;  /* n == 0: as of next_ready below */
    struct {                /* else */
      char *bytes;
      struct tdm_heap *heap; /* whose block it is; NULL: memory of our own */
      uint32_t block;        /* of the heap; 0: somebody else's bytes */
    } far;
  } at;
} tdm_payload;

/* The port's marks. Only its own thread reads or writes them. */
enum tdm_mark {
  TDM_AWAY = 1,      /* an executor has the task */
  TDM_SETTLED = 2,   /* the state is final and known here */
  TDM_WATCHED = 4,   /* a callback waits for it, or it is on the ready list */
  TDM_REPORTED = 16, /* what it said of its progress is at `next`, at home */
  TDM_RESERVED = 8,  /* its executor knows that it may yet come: see then.h */
};

typedef struct tdm_task {
  struct tdm_task *next; /* link of the one list that it is on */
  tdm_func *func;
  union { /* until it settles; then, where it is watched and not cancelled, */
    struct tdm_executor *executor;
    struct tdm_task *next_ready; /* link of the port's ready list */
  };
  _Atomic(struct tdm_task *) then; /* what waits for its end, see then.h */
  tdm_payload payload;
  size_t bytes_in, bytes_out; /* size of the arguments, of the outcome */
  tdm_time queued;            /* when it was submitted */
  union { /* in a queue, or what a held one waits for; then from the claim on */
    struct tdm_task *child;
    tdm_time started;
  };
  union {
    uint64_t seq;
    tdm_time finished;
  };
  union {        /* seconds */
    float limit; /* that it may run, 0 for ever; and then */
    float cpu;   /* CPU time of the run */
  };
  int32_t priority; /* higher first */
  uint32_t items;   /* calls that it carries: 1, or the items of a chunk */
  uint32_t failed;  /* of these, how many failed: the runner's count */
  uint16_t worker;  /* who ran it, from 1 */
  /* How the runner shall run it, which is nothing to the core; and how often it
   * may yet be run again after a worker died under it. */
  uint8_t job : 3, retries : 5;
  uint8_t attempt; /* from 1 */
  _Atomic(uint8_t) state;
  uint8_t marks; /* enum tdm_mark */
  uint16_t handles;
} tdm_task;

static inline const char *tdm_payload_bytes(const tdm_payload *p) {
  return p->n <= TDM_INLINE ? p->at.bytes : p->at.far.bytes;
}

#define TDM_MOST_RETRIES 31u

/* Frees the block, if there is one; the payload is then empty. */
void tdm_payload_fini(tdm_payload *p);

/* Takes the bytes of `b`: a copy where they are few, the block itself where
 * they are many (b is then empty), and the payload's old bytes go. TDM_OK or
 * TDM_NOMEM (nothing changed). */
int tdm_payload_take(tdm_payload *p, tdm_buf *b);

/* Copies bytes. TDM_OK or TDM_NOMEM (nothing changed). */
int tdm_payload_copy(tdm_payload *p, const void *bytes, size_t n);

/* Takes a block of the heap over, as the payload's bytes. */
void tdm_payload_take_block(tdm_payload *p, struct tdm_heap *heap,
                            uint32_t block, char *bytes, size_t n);

/* Refers to bytes that stay where they are and are not freed with it. The
 * payload must be empty. */
void tdm_payload_lend(tdm_payload *p, char *bytes, size_t n);

/* Does a worker run it, as far as can be seen from outside? */
static inline int tdm_task_is_running(tdm_task *t) {
  uint8_t state = tdm_load_total(&t->state);
  return state == TDM_RUNNING || state == TDM_STOPPING;
}

/* PENDING -> RUNNING, by a worker. False: somebody cancelled it. */
static inline int tdm_task_claim(tdm_task *t) {
  uint8_t pending = TDM_PENDING;
  return tdm_cas_total(&t->state, &pending, (uint8_t)TDM_RUNNING);
}

/* RUNNING -> STOPPING, by its port's thread. False: it does not run. */
static inline int tdm_task_try_stop(tdm_task *t) {
  uint8_t running = TDM_RUNNING;
  return tdm_cas_total(&t->state, &running, (uint8_t)TDM_STOPPING);
}

/* PENDING -> CANCELLED, by its port's thread. False: it has started. */
static inline int tdm_task_try_cancel(tdm_task *t) {
  uint8_t pending = TDM_PENDING;
  return tdm_cas_total(&t->state, &pending, (uint8_t)TDM_CANCELLED);
}

#endif
