#include "buf.h"

#include <stdint.h>

#include "error.h"
#include "heap.h"
#include "mem.h"

static void free_block(tdm_buf *b) {
  if (b->block != 0)
    tdm_heap_free(b->heap, b->block);
  else
    tdm_mem_free(b->p);
}

static int grow_in_heap(tdm_buf *b, size_t cap) {
  char *p;
  uint32_t block = tdm_heap_take(b->heap, cap, &p);
  if (block == 0) return TDM_NOMEM;
  /* All of it, as realloc does: there may be bytes that n does not count yet.
   */
  if (b->cap != 0) memcpy(p, b->p, b->cap);
  free_block(b);
  b->p = p;
  b->cap = cap;
  b->block = block;
  return TDM_OK;
}

int tdm_buf_grow(tdm_buf *b, size_t more) {
  if (more > SIZE_MAX / 2 - b->n) return TDM_NOMEM;
  size_t need = b->n + more;
  size_t cap = b->cap < 128 ? 256 : b->cap + b->cap / 2;
  if (cap < need) cap = need;
  if (b->heap != NULL && cap >= TDM_BUF_SHARED) return grow_in_heap(b, cap);
  char *p = tdm_mem_resize(b->p, cap);
  if (p == NULL) return TDM_NOMEM;
  b->p = p;
  b->cap = cap;
  return TDM_OK;
}

void tdm_buf_fini(tdm_buf *b) {
  free_block(b);
  *b = (tdm_buf){0};
}

void tdm_buf_use_heap(tdm_buf *b, tdm_heap *heap) {
  if (b->block != 0) tdm_buf_fini(b);
  b->n = 0;
  b->heap = heap;
}
