/* buf.h -- a growing run of bytes.
 *
 * Owns:    its block, from the first reserve until fini or take.
 * Threads: one at a time.
 * A buffer of all zero bits is empty and valid.
 */
#ifndef TDM_BUF_H
#define TDM_BUF_H

#include <stddef.h>
#include <string.h>

typedef struct tdm_buf {
  char *p;    /* the bytes, or NULL */
  size_t n;   /* how many are in use */
  size_t cap; /* how many fit; n <= cap */
} tdm_buf;

/* Make room for `more` bytes beyond n. TDM_OK or TDM_NOMEM (unchanged). */
int tdm_buf_grow(tdm_buf *b, size_t more);

/* Free the block; the buffer is empty again. */
void tdm_buf_fini(tdm_buf *b);

static inline int tdm_buf_reserve(tdm_buf *b, size_t more) {
  return b->cap - b->n >= more ? 0 : tdm_buf_grow(b, more);
}

/* Append; the caller has reserved the room. */
static inline void tdm_buf_put(tdm_buf *b, const void *p, size_t n) {
  if (n != 0) memcpy(b->p + b->n, p, n);
  b->n += n;
}

static inline void tdm_buf_put_byte(tdm_buf *b, unsigned c) {
  b->p[b->n++] = (char)c;
}

#endif
