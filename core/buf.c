#include "buf.h"

#include <stdint.h>

#include "error.h"
#include "mem.h"

int tdm_buf_grow(tdm_buf *b, size_t more) {
  if (more > SIZE_MAX / 2 - b->n) return TDM_NOMEM;
  size_t need = b->n + more;
  size_t cap = b->cap < 128 ? 256 : b->cap + b->cap / 2;
  if (cap < need) cap = need;
  char *p = tdm_mem_resize(b->p, cap);
  if (p == NULL) return TDM_NOMEM;
  b->p = p;
  b->cap = cap;
  return TDM_OK;
}

void tdm_buf_fini(tdm_buf *b) {
  tdm_mem_free(b->p);
  *b = (tdm_buf){0};
}
