#include "mem.h"

#include <stdlib.h>
#include <string.h>

#ifdef TDM_DEBUG
#include <stdatomic.h>

static atomic_long asked, fail_at, live;

static int refuse(void) {
  long n = atomic_fetch_add(&asked, 1) + 1;
  return n == atomic_load(&fail_at);
}

static void *count(void *block) {
  if (block != NULL) atomic_fetch_add(&live, 1);
  return block;
}

static void uncount(const void *block) {
  if (block != NULL) atomic_fetch_sub(&live, 1);
}

void tdm_mem_fail_after(long n) {
  atomic_store(&asked, 0);
  atomic_store(&fail_at, n);
}

long tdm_mem_asked(void) { return atomic_load(&asked); }
long tdm_mem_live(void) { return atomic_load(&live); }

#else

#define refuse() 0
#define count(block) (block)
#define uncount(block) ((void)0)

void tdm_mem_fail_after(long n) { (void)n; }
long tdm_mem_asked(void) { return 0; }
long tdm_mem_live(void) { return 0; }

#endif

void *tdm_mem_new(size_t size) { return refuse() ? NULL : count(malloc(size)); }

void *tdm_mem_zero(size_t size) {
  return refuse() ? NULL : count(calloc(1, size));
}

void *tdm_mem_resize(void *block, size_t size) {
  if (refuse()) return NULL;
  if (block == NULL) return count(malloc(size));
  return realloc(block, size);
}

void *tdm_mem_aligned(size_t align, size_t size) {
  return refuse() ? NULL : count(aligned_alloc(align, size));
}

void tdm_mem_free(void *block) {
  uncount(block);
  free(block);
}
