/* progress.h -- how far a task says that it is.
 *
 * One writes, as often as it likes; others read what is whole. There are two
 * copies: the version says by its last bit which one holds, and while the other
 * is written, for however long, readers have that one. A reader who finds the
 * version changed reads again. It lies in the worker, or in memory that
 * processes share.
 *
 * Owns:    nothing. All zero bits: nothing was said.
 * Threads: set and clear: the one who runs the task; get: any, of any process.
 */
#ifndef TDM_PROGRESS_H
#define TDM_PROGRESS_H

#include <stdint.h>

#include "atomic.h"

#define TDM_PROGRESS_NOTE 40 /* bytes of a note, with its '\0' */

/* What is known of it. */
enum {
  TDM_PROGRESS_FLOAT_DONE =
      1, /* `done` is the bits of a double, else integer */
  TDM_PROGRESS_FLOAT_TOTAL = 2,
  TDM_PROGRESS_HAS_TOTAL = 4,
};

/* As it was at one moment. */
typedef struct tdm_progress_view {
  uint64_t done, total;
  unsigned kinds;
  char note[TDM_PROGRESS_NOTE];
} tdm_progress_view;

typedef struct tdm_progress {
  _Atomic(uint64_t) version; /* 0: nothing was said */
  struct tdm_progress_copy {
    _Atomic(uint64_t) done, total, kinds;
    _Atomic(uint64_t) note[TDM_PROGRESS_NOTE / 8];
  } copy[2];
} tdm_progress;

/* A NULL note: the one before stays. */
void tdm_progress_set(tdm_progress *p, uint64_t done, uint64_t total,
                      unsigned kinds, const char *note);

static inline void tdm_progress_clear(tdm_progress *p) {
  if (tdm_load_relaxed(&p->version) == 0) return;
  tdm_store_relaxed(&p->copy[0].note[0], UINT64_C(0));
  tdm_store_release(&p->version, UINT64_C(0));
}

/* False: nothing was said. */
int tdm_progress_get(tdm_progress *p, tdm_progress_view *view);

#endif
