/* queue.h -- tasks in the order in which they are to run.
 *
 * Higher priority first, first in first out within one priority. Tasks of
 * priority 0 are a plain list; the others a pairing heap through the tasks'
 * own links, so that nothing here allocates and nothing can fail.
 *
 * Owns:    nothing. All zero bits are an empty queue.
 * Threads: under the executor's QUEUE lock; `size` may be read by anybody, and
 *          is ordered with the total accesses where it grows.
 */
#ifndef TDM_QUEUE_H
#define TDM_QUEUE_H

#include "task.h"

typedef struct tdm_queue {
  tdm_task *first, **last; /* priority 0; last is NULL in a zeroed queue */
  tdm_task *heap;          /* other priorities */
  uint64_t seq;            /* grows with each arrival */
  uint64_t front;          /* grows with each arrival at the front */
  atomic_size_t size;
} tdm_queue;

/* Adds a list that is linked by `next`, in its order. */
void tdm_queue_push_all(tdm_queue *q, tdm_task *list);

/* Adds a task before all others of its priority. */
void tdm_queue_push_front(tdm_queue *q, tdm_task *t);

/* The next one to run, or NULL. */
tdm_task *tdm_queue_try_pop(tdm_queue *q);

static inline size_t tdm_queue_size(tdm_queue *q) {
  return tdm_load_total(&q->size);
}

#endif
