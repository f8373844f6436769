/* encode_bytes.h -- appending bytes to a message under way.
 *
 * The cursor e->p runs ahead of e->out->n, which moves only when the message
 * is complete: whatever ends an encode early leaves the buffer as it was.
 *
 * Threads: one at a time.
 */
#ifndef TDML_ENCODE_BYTES_H
#define TDML_ENCODE_BYTES_H

#include <string.h>

#include "../core/error.h"
#include "encoder.h"

/* Room enough for a tag and a number. */
enum { TDML_ROOM_SCALAR = 16 };

/* Set the cursor at offset `used` of the buffer. */
void tdml_use_buffer(tdml_encoder *e, size_t used);

/* Make room for `more` bytes. TDM_OK or TDM_NOMEM. */
int tdml_grow_buffer(tdml_encoder *e, size_t more);

static inline int tdml_room(tdml_encoder *e, size_t more) {
  if ((size_t)(e->end - e->p) >= more) return TDM_OK;
  return tdml_grow_buffer(e, more);
}

/* The offset of the cursor, which outlives a change of the buffer. */
static inline size_t tdml_offset(const tdml_encoder *e) {
  return (size_t)(e->p - e->out->p);
}

/* The caller of these has made room. */
static inline void tdml_byte(tdml_encoder *e, unsigned c) { *e->p++ = (char)c; }

static inline void tdml_bytes(tdml_encoder *e, const void *p, size_t n) {
  memcpy(e->p, p, n);
  e->p += n;
}

static inline void tdml_number32(tdml_encoder *e, uint32_t n) {
  tdml_bytes(e, &n, sizeof n);
}

#endif
