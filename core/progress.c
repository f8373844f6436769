#include "progress.h"

#include <string.h>

#define WORDS (TDM_PROGRESS_NOTE / 8)

/* As long as there is none it is one word. */
static void copy_note(struct tdm_progress_copy *to,
                      struct tdm_progress_copy *from) {
  uint64_t word = tdm_load_relaxed(&from->note[0]);
  tdm_store_release(&to->note[0], word);
  for (size_t i = 1; i < WORDS && word != 0; i++)
    tdm_store_release(&to->note[i], tdm_load_relaxed(&from->note[i]));
}

static void store_note(struct tdm_progress_copy *to, const char *note) {
  uint64_t words[WORDS] = {0};
  memcpy(words, note, strnlen(note, TDM_PROGRESS_NOTE - 1));
  for (size_t i = 0; i < WORDS; i++) tdm_store_release(&to->note[i], words[i]);
}

/* Each store is a release and each load an acquire, so that those of a copy
 * stay between the version before and the version after. */
void tdm_progress_set(tdm_progress *p, uint64_t done, uint64_t total,
                      unsigned kinds, const char *note) {
  uint64_t version = tdm_load_relaxed(&p->version);
  struct tdm_progress_copy *from = &p->copy[version & 1];
  struct tdm_progress_copy *to = &p->copy[(version + 1) & 1];
  tdm_store_release(&to->done, done);
  tdm_store_release(&to->total, total);
  tdm_store_release(&to->kinds, (uint64_t)kinds);
  if (note != NULL)
    store_note(to, note);
  else
    copy_note(to, from);
  tdm_store_release(&p->version, version + 1);
}

static void load_all(struct tdm_progress_copy *from, tdm_progress_view *view) {
  uint64_t words[WORDS];
  view->done = tdm_load_acquire(&from->done);
  view->total = tdm_load_acquire(&from->total);
  view->kinds = (unsigned)tdm_load_acquire(&from->kinds);
  for (size_t i = 0; i < WORDS; i++)
    words[i] = tdm_load_acquire(&from->note[i]);
  memcpy(view->note, words, sizeof words);
  view->note[TDM_PROGRESS_NOTE - 1] = '\0';
}

int tdm_progress_get(tdm_progress *p, tdm_progress_view *view) {
  uint64_t version, before = tdm_load_acquire(&p->version);
  while (before != 0) {
    load_all(&p->copy[before & 1], view);
    version = tdm_load_acquire(&p->version);
    if (version == before) return 1;
    before = version;
  }
  return 0;
}
