#include "task.h"

#include "error.h"
#include "mem.h"

/* A block is worth taking over, with what it has to spare, from this size;
 * smaller bytes are copied and the buffer is used again. */
#define WORTH_TAKING 4096

void tdm_payload_fini(tdm_payload *p) {
  if (p->n > TDM_INLINE) tdm_mem_free(p->at.block);
  p->n = 0;
}

int tdm_payload_take(tdm_payload *p, tdm_buf *b) {
  size_t n = b->n;
  char *block = NULL;
  if (n > TDM_INLINE) {
    if (n >= WORTH_TAKING) {
      block = b->p;
      *b = (tdm_buf){0};
    } else {
      block = tdm_mem_new(n);
      if (block == NULL) return TDM_NOMEM;
      memcpy(block, b->p, n);
    }
  }
  tdm_payload_fini(p);
  p->n = n;
  if (block != NULL)
    p->at.block = block;
  else if (n != 0)
    memcpy(p->at.bytes, b->p, n);
  b->n = 0;
  return TDM_OK;
}
