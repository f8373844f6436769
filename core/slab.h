/* slab.h -- task slots from contiguous blocks, last freed first reused.
 *
 * Scattered slots cost more than half of the throughput, hence blocks; a block
 * without a live slot goes back to the system, but for a few that are kept. In
 * a debug build each slot is a block of its own and goes back at once, so that
 * the memory checkers see a slot that is used after it was freed.
 *
 * Owns:    the blocks. All zero bits are an empty slab.
 * Threads: one, but where it says any.
 */
#ifndef TDM_SLAB_H
#define TDM_SLAB_H

#include "task.h"

typedef struct tdm_slab_block tdm_slab_block;

typedef struct tdm_slab {
  tdm_slab_block *open; /* blocks with a free slot, the one in use first */
  tdm_slab_block *full;
  size_t live;   /* slots in use */
  size_t empty;  /* open blocks without a slot in use */
  size_t blocks; /* blocks that were ever made */
} tdm_slab;

/* Roughly what a block takes. */
#define TDM_SLAB_BLOCK_KIB 32

/* A zeroed task, or NULL. */
tdm_task *tdm_slab_new(tdm_slab *s);
void tdm_slab_free(tdm_slab *s, tdm_task *t);

/* The slab that a slot is of. Any thread. */
tdm_slab *tdm_slab_of(tdm_task *t);

/* Calls visit for each live slot, in no order. It frees none. */
void tdm_slab_each(tdm_slab *s, void (*visit)(tdm_task *t, void *arg),
                   void *arg);

/* Frees all blocks, whatever is live. */
void tdm_slab_fini(tdm_slab *s);

#endif
