#include "task.h"

#include "error.h"
#include "heap.h"
#include "mem.h"

/* A block is worth taking over, with what it has to spare, from this size;
 * smaller bytes are copied and the buffer is used again. */
#define WORTH_TAKING 4096

/* Bytes that are lent have neither memory of ours nor a block; `heap` is then
 * not NULL, but nobody's. */
static char lent;
#define LENT ((struct tdm_heap *)(void *)&lent)

void tdm_payload_fini(tdm_payload *p) {
  if (p->n > TDM_INLINE) {
    if (p->at.far.block != 0)
      tdm_heap_free(p->at.far.heap, p->at.far.block);
    else if (p->at.far.heap != LENT)
      tdm_mem_free(p->at.far.bytes);
  }
  p->n = 0;
}

static void set_far(tdm_payload *p, char *bytes, size_t n,
                    struct tdm_heap *heap, uint32_t block) {
  tdm_payload_fini(p);
  p->n = n;
  p->at.far.bytes = bytes;
  p->at.far.heap = heap;
  p->at.far.block = block;
}

int tdm_payload_copy(tdm_payload *p, const void *bytes, size_t n) {
  if (n > TDM_INLINE) {
    char *copy = tdm_mem_new(n);
    if (copy == NULL) return TDM_NOMEM;
    memcpy(copy, bytes, n);
    set_far(p, copy, n, NULL, 0);
    return TDM_OK;
  }
  tdm_payload_fini(p);
  p->n = n;
  if (n != 0) memcpy(p->at.bytes, bytes, n);
  return TDM_OK;
}

int tdm_payload_take(tdm_payload *p, tdm_buf *b) {
  if (b->n >= WORTH_TAKING) {
    set_far(p, b->p, b->n, b->block != 0 ? b->heap : NULL, b->block);
    *b = (tdm_buf){0};
    return TDM_OK;
  }
  int err = tdm_payload_copy(p, b->p, b->n);
  if (err == TDM_OK) b->n = 0;
  return err;
}

void tdm_payload_take_block(tdm_payload *p, tdm_heap *heap, uint32_t block,
                            char *bytes, size_t n) {
  set_far(p, bytes, n, heap, block);
}

void tdm_payload_lend(tdm_payload *p, char *bytes, size_t n) {
  p->n = n;
  if (n > TDM_INLINE) {
    p->at.far.bytes = bytes;
    p->at.far.heap = LENT;
    p->at.far.block = 0;
  } else if (n != 0) {
    memcpy(p->at.bytes, bytes, n);
  }
}
