#include "func.h"

#include <string.h>

#include "atomic.h"
#include "error.h"
#include "fork.h"
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

void tdm_func_free(tdm_func *f) { tdm_mem_free(f); }

/* --- numbers -------------------------------------------------------------- */

/* So many numbers are enough for a level, and so many levels. */
#define LEVEL_BITS 28
#define LEVELS 16u

static unsigned own_level;

void tdm_func_set_level(unsigned level) {
  own_level = level % LEVELS;
  tdm_store_relaxed(&last_id, own_level << LEVEL_BITS);
}

unsigned tdm_func_level(void) { return own_level; }

/* --- those of the process ------------------------------------------------- */

#define BUCKETS 256u

static tdm_func *bucket[BUCKETS]; /* under the process's lock */

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint32_t hash_of(const char *p, size_t n) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 16777619u;
  return h;
}

static tdm_func *find_locked(uint32_t hash, enum tdm_func_form form,
                             const char *spec, size_t size, const char *label) {
  tdm_func *f = bucket[hash % BUCKETS];
  for (; f != NULL; f = f->next)
    if (f->hash == hash && f->form == form && f->size == size &&
        memcmp(f->spec, spec, size) == 0 && strcmp(f->label, label) == 0)
      return f;
  return NULL;
}

static void add_locked(tdm_func *f) {
  f->references = 1;
  f->next = bucket[f->hash % BUCKETS];
  bucket[f->hash % BUCKETS] = f;
}

static void remove_locked(tdm_func *f) {
  tdm_func **at = &bucket[f->hash % BUCKETS];
  while (*at != f) at = &(*at)->next;
  *at = f->next;
}

tdm_func *tdm_func_get(enum tdm_func_form form, const char *spec, size_t size,
                       const char *label) {
  uint32_t hash = hash_of(spec, size);
  tdm_process_lock();
  tdm_func *f = find_locked(hash, form, spec, size, label);
  if (f != NULL) {
    f->references++;
  } else if ((f = tdm_func_new(form, spec, size, label)) != NULL) {
    f->hash = hash;
    add_locked(f);
  }
  tdm_process_unlock();
  return f;
}

void tdm_func_retain(tdm_func *f) {
  tdm_process_lock();
  f->references++;
  tdm_process_unlock();
}

void tdm_func_release(tdm_func *f) {
  if (f == NULL) return;
  tdm_process_lock();
  int is_last = --f->references == 0;
  if (is_last) remove_locked(f);
  tdm_process_unlock();
  if (is_last) tdm_func_free(f);
}

/* --- references ----------------------------------------------------------- */

int tdm_funcs_add(tdm_funcs *l, tdm_func *f) {
  if (l->n == l->room) {
    size_t room = l->room != 0 ? l->room * 2 : 8;
    tdm_func **at = tdm_mem_resize(l->at, room * sizeof(tdm_func *));
    if (at == NULL) return TDM_NOMEM;
    l->at = at;
    l->room = room;
  }
  l->at[l->n++] = f;
  return TDM_OK;
}

int tdm_funcs_has(const tdm_funcs *l, const tdm_func *f) {
  for (size_t i = l->n; i-- > 0;)
    if (l->at[i] == f) return 1;
  return 0;
}

void tdm_funcs_release(tdm_funcs *l) {
  for (size_t i = 0; i < l->n; i++) tdm_func_release(l->at[i]);
  tdm_mem_free(l->at);
  *l = (tdm_funcs){0};
}
