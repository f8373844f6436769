#include "share.h"

#include <string.h>

uint32_t tdm_share_put_func(tdm_heap *h, const tdm_func *f) {
  char *at;
  uint32_t size = (uint32_t)f->size + 1;
  uint32_t label_size = (uint32_t)strlen(f->label) + 1;
  tdm_shared_func head = {(uint32_t)f->form, size, label_size};
  uint32_t block = tdm_heap_take(h, sizeof head + size + label_size, &at);
  if (block == 0) return 0;
  memcpy(at, &head, sizeof head);
  memcpy(at + sizeof head, f->spec, size);
  memcpy(at + sizeof head + size, f->label, label_size);
  return block;
}

const tdm_shared_func *tdm_share_func_at(tdm_heap *h, uint32_t block) {
  const tdm_shared_func *f = (const void *)tdm_heap_at(h, block, sizeof *f);
  if (f == NULL) return NULL;
  size_t size = f->size, label_size = f->label_size;
  return (const void *)tdm_heap_at(h, block, sizeof *f + size + label_size);
}
