/* mem.h -- memory of the core: malloc, with a count and a fault to inject.
 *
 * Every allocation of core/ and bindings/ that is not a Lua value goes through
 * here, so that a test can fail the n-th one and can see that all came back.
 *
 * Threads: any.
 */
#ifndef TDM_MEM_H
#define TDM_MEM_H

#include <stddef.h>

/* NULL when out of memory. Contents undefined. */
void *tdm_mem_new(size_t size);

/* As tdm_mem_new, all bytes zero. */
void *tdm_mem_zero(size_t size);

/* As realloc: NULL when out of memory, and the old block is then untouched. */
void *tdm_mem_resize(void *block, size_t size);

/* Aligned to `align` (a power of two, a divisor of size); NULL on failure. */
void *tdm_mem_aligned(size_t align, size_t size);

/* NULL is allowed. */
void tdm_mem_free(void *block);

/* For tests: let the n-th allocation from now on, and it alone, fail (n >= 1);
 * 0 disarms. */
void tdm_mem_fail_after(long n);

/* For tests: how many allocations were asked for since tdm_mem_fail_after, and
 * how many blocks are live. Counted in builds with TDM_DEBUG only; else 0. */
long tdm_mem_asked(void);
long tdm_mem_live(void);

#endif
