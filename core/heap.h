/* heap.h -- blocks of memory that a host and its worker processes share.
 *
 * What does not fit into a slot of the ring lies in a block; whoever gets the
 * block's number reads it in place. Blocks come in sizes of powers of two. A
 * free block is on the stack of its size, from which host and workers take and
 * to which they give back, each by one compare-and-swap: no lock that could
 * die with its holder. A block that a worker holds bears its place, so that the
 * host gets it back when the worker dies.
 *
 * The memory is a file without a name. Small blocks (up to 64 KiB) lie in its
 * first part, in segments that are mapped as a whole; others are mapped one by
 * one, as far as they are used, and stay mapped for the next time.
 *
 * Owns:    tdm_heap is one process's view: the mappings, and references by
 *          each block in use here. The descriptor is the caller's.
 * Threads: any, of any process that has a view.
 * Locks:   HEAP, a leaf, around the view's list of mappings.
 */
#ifndef TDM_HEAP_H
#define TDM_HEAP_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"
#include "lock.h"

#define TDM_HEAP_LEAST 9    /* log2 of the smallest block */
#define TDM_HEAP_SMALL 16   /* of the largest that lies in a segment */
#define TDM_HEAP_CLASSES 32 /* sizes: up to 2^40 */
#define TDM_HEAP_BLOCKS 65536
#define TDM_HEAP_SEGMENTS 256 /* of small blocks */
#define TDM_HEAP_SEGMENT ((uint64_t)1 << 20)

typedef struct tdm_block {
  _Atomic(uint32_t) next;  /* on a stack of free blocks: number, 0 for none */
  _Atomic(uint16_t) owner; /* TDM_HEAP_NOBODY, _HOST, or a worker's place + 2 */
  uint8_t size_class;      /* constant, as is */
  uint64_t at;             /* the offset in the file */
  uint64_t used;           /* bytes of it that were asked for */
} tdm_block;

enum { TDM_HEAP_NOBODY, TDM_HEAP_HOST, TDM_HEAP_FIRST_PLACE };

/* The part that lies in the shared memory itself. All zero bits: no blocks. */
typedef struct tdm_heap_share {
  uint64_t base;                  /* where the blocks begin in the file */
  _Atomic(uint64_t) small, large; /* how far each part is used */
  _Atomic(uint32_t) count;        /* block numbers in use: 1 .. count */
  _Atomic(int64_t) kept;          /* bytes of large free blocks with pages */
  /* The free blocks of a size: a count against ABA << 32 | number */
  alignas(64) _Atomic(uint64_t) free[TDM_HEAP_CLASSES];
  tdm_block block[TDM_HEAP_BLOCKS]; /* number n is at n - 1 */
} tdm_heap_share;

typedef struct tdm_mapping {
  char *p;
  size_t size; /* mapped, from the start of the block */
  int used;
} tdm_mapping;

typedef struct tdm_heap {
  tdm_heap_share *share;
  int fd;         /* -1: no more blocks can be mapped */
  unsigned owner; /* what our blocks bear */
  atomic_size_t references;
  tdm_mutex lock;
  char *segment[TDM_HEAP_SEGMENTS];
  tdm_mapping *mapped; /* of the large ones, by number - 1 */
  size_t mapped_count;
  atomic_size_t mapped_bytes; /* changed under the lock */
} tdm_heap;

/* Once, by the host: the blocks begin at `base`, a multiple of a segment. */
void tdm_heap_share_init(tdm_heap_share *s, uint64_t base);

/* A view, with one reference. NULL when out of memory. */
tdm_heap *tdm_heap_new(tdm_heap_share *s, int fd, unsigned owner);
void tdm_heap_release(tdm_heap *h);

/* The shared memory goes away: blocks that are in use here stay readable, and
 * nothing else can be done with the view. */
void tdm_heap_leave(tdm_heap *h);

/* The same in a forked child, before anything else there. */
void tdm_heap_forget(tdm_heap *h);

/* A block of at least `size` bytes, mapped here; `*p` is where. Its number, or
 * 0 when out of memory. It is a reference to the view until it is freed. */
uint32_t tdm_heap_take(tdm_heap *h, size_t size, char **p);

/* Gives it back, to whoever takes next. */
void tdm_heap_free(tdm_heap *h, uint32_t block);

/* Where the block is, its first `size` bytes at least; NULL when that cannot be
 * mapped, or there is no such block. */
char *tdm_heap_at(tdm_heap *h, uint32_t block, size_t size);

/* As that, for a block that another process has filled: it is ours now, as if
 * we had taken it. */
char *tdm_heap_adopt(tdm_heap *h, uint32_t block, size_t size);

/* Frees a block that another process has filled and that cannot be read. */
void tdm_heap_abandon(tdm_heap *h, uint32_t block);

/* A block that we have filled is another's now; it bears our mark until that
 * one adopts it. */
void tdm_heap_part_with(tdm_heap *h, uint32_t block);

/* Frees a block that we have parted with, if nobody has adopted it. Nobody may
 * be about to. */
void tdm_heap_reclaim(tdm_heap *h, uint32_t block);

/* A block that was read here, but belongs to another, is read no more. */
void tdm_heap_look_away(tdm_heap *h, uint32_t block);

/* By the host: frees what a worker held when it died. */
void tdm_heap_inherit(tdm_heap *h, unsigned owner);

#endif
