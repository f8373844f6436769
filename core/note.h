/* note.h -- a failure that the core itself writes, as the payload of a task.
 *
 * What a runner writes is its own business; that no message of it begins with
 * TDM_NOTE_MARK tells the two apart.
 */
#ifndef TDM_NOTE_H
#define TDM_NOTE_H

#include <stddef.h>
#include <stdint.h>

#define TDM_NOTE_MARK ((char)0xff)

enum tdm_note_kind {
  TDM_NOTE_CRASHED,   /* the worker process died under the task */
  TDM_NOTE_STORM,     /* workers die before they get anything done */
  TDM_NOTE_NO_WORKER, /* no worker can be started; `text` says why */
};

typedef struct tdm_note {
  char mark;
  uint8_t kind;
  uint8_t status_known;
  uint8_t code;   /* the exit code, where no signal is given */
  int32_t signal; /* or 0 */
  int32_t pid;
  uint32_t worker;
  double ran; /* seconds that the task had run */
  char text[128];
} tdm_note;

static inline int tdm_note_is(const char *p, size_t n) {
  return n == sizeof(tdm_note) && *p == TDM_NOTE_MARK;
}

#endif
