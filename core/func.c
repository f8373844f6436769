#include "func.h"

#include <string.h>

#include "atomic.h"
#include "mem.h"

static atomic_uint last_id;

tdm_func *tdm_func_new(enum tdm_func_form form, const char *spec, size_t size,
                       const char *label) {
  size_t label_size = strlen(label) + 1;
  tdm_func *f = tdm_mem_new(sizeof *f + size + 1 + label_size);
  if (f == NULL) return NULL;
  char *bytes = (char *)(f + 1);
  memcpy(bytes, spec, size);
  bytes[size] = '\0';
  memcpy(bytes + size + 1, label, label_size);
  *f = (tdm_func){.id = tdm_add_total(&last_id, 1u) + 1,
                  .form = form,
                  .label = bytes + size + 1,
                  .spec = bytes,
                  .size = size};
  return f;
}

void tdm_func_keep_apart(void) { tdm_store_total(&last_id, TDM_FUNC_OWN); }

void tdm_func_free(tdm_func *f) { tdm_mem_free(f); }
