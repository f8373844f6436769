/* seen.h -- which tables a message has met, numbered in order of meeting.
 *
 * A set of pointers that forgets in no time: a slot counts only if it bears
 * the stamp of the present message. Small messages allocate nothing once the
 * first has passed.
 *
 * Owns:    its two arrays, from the first entry until fini.
 * Threads: one at a time.
 * All zero bits are an empty set.
 */
#ifndef TDML_SEEN_H
#define TDML_SEEN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tdml_seen_entry {
  const void *table;
  uint32_t parent; /* for the owner's use */
  uint32_t id;     /* for the owner's use */
} tdml_seen_entry;

typedef struct tdml_seen_slot {
  uint32_t stamp, index;
} tdml_seen_slot;

typedef struct tdml_seen {
  tdml_seen_entry *list; /* the entries [0, n) */
  tdml_seen_slot *slots; /* 2 * cap slots, or none */
  uint32_t n, cap;       /* cap is 0 or a power of two; n <= cap */
  uint32_t stamp;
  int shift; /* slots are numbered by the upper 64 - shift bits of the hash */
} tdml_seen;

#define TDML_SEEN_MAX 0x40000000u

/* The index of the table's entry, *fresh where it was made now.
 * TDM_OK; TDM_NOMEM, and nothing is changed. */
int tdml_seen_find(tdml_seen *s, const void *table, uint32_t *index,
                   bool *fresh);

/* Forget all entries; the memory of a very large set is freed. */
void tdml_seen_reset(tdml_seen *s);

void tdml_seen_fini(tdml_seen *s);

#endif
