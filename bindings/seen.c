#include "seen.h"

#include <string.h>

#include "../core/error.h"
#include "../core/mem.h"

enum { FIRST_CAP = 32, KEEP_CAP = 1 << 16 };

static uint32_t home(const tdml_seen *s, const void *table) {
  uint64_t h = (uint64_t)(uintptr_t)table * UINT64_C(0x9E3779B97F4A7C15);
  return (uint32_t)(h >> s->shift);
}

/* The slot of the table, or the empty one where it belongs. Half of the slots
 * at least are empty, so the search ends. */
static tdml_seen_slot *locate(const tdml_seen *s, const void *table) {
  uint32_t mask = 2 * s->cap - 1;
  uint32_t i = home(s, table) & mask;
  for (;; i = (i + 1) & mask) {
    tdml_seen_slot *slot = &s->slots[i];
    if (slot->stamp != s->stamp) return slot;
    if (s->list[slot->index].table == table) return slot;
  }
}

static void place_all(tdml_seen *s) {
  for (uint32_t i = 0; i < s->n; i++) {
    tdml_seen_slot *slot = locate(s, s->list[i].table);
    *slot = (tdml_seen_slot){s->stamp, i};
  }
}

static int grow(tdml_seen *s) {
  if (s->cap >= TDML_SEEN_MAX) return TDM_NOMEM;
  uint32_t cap = s->cap == 0 ? FIRST_CAP : 2 * s->cap;
  tdml_seen_slot *slots = tdm_mem_zero((size_t)cap * 2 * sizeof *slots);
  if (slots == NULL) return TDM_NOMEM;
  tdml_seen_entry *list = tdm_mem_resize(s->list, cap * sizeof *list);
  if (list == NULL) {
    tdm_mem_free(slots);
    return TDM_NOMEM;
  }
  tdm_mem_free(s->slots);
  s->shift = s->cap == 0 ? 64 - 6 : s->shift - 1;
  s->list = list;
  s->slots = slots;
  s->cap = cap;
  s->stamp = 1;
  place_all(s);
  return TDM_OK;
}

int tdml_seen_find(tdml_seen *s, const void *table, uint32_t *index,
                   bool *fresh) {
  if (s->n == s->cap && grow(s) != TDM_OK) return TDM_NOMEM;
  tdml_seen_slot *slot = locate(s, table);
  *fresh = slot->stamp != s->stamp;
  if (*fresh) {
    *slot = (tdml_seen_slot){s->stamp, s->n};
    s->list[s->n++] = (tdml_seen_entry){table, 0, 0};
  }
  *index = slot->index;
  return TDM_OK;
}

void tdml_seen_reset(tdml_seen *s) {
  if (s->cap > KEEP_CAP) tdml_seen_fini(s);
  s->n = 0;
  if (s->cap == 0 || ++s->stamp != 0) return;
  /* The stamp has come round: slots of old could seem to be of today. */
  memset(s->slots, 0, (size_t)s->cap * 2 * sizeof *s->slots);
  s->stamp = 1;
}

void tdml_seen_fini(tdml_seen *s) {
  tdm_mem_free(s->list);
  tdm_mem_free(s->slots);
  *s = (tdml_seen){0};
}
