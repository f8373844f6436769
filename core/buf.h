/* buf.h -- a growing run of bytes.
 *
 * Owns:    its block, from the first reserve until fini or take.
 * Threads: one at a time.
 * A buffer of all zero bits is empty and valid. One that is to end up in
 * another process has a heap: once it is large it lies there from the start,
 * so that it need not be copied.
 */
#ifndef TDM_BUF_H
#define TDM_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tdm_heap;

/* From this size on a buffer with a heap lies in the heap. */
#define TDM_BUF_SHARED ((size_t)32 * 1024)

typedef struct tdm_buf {
  char *p;               /* the bytes, or NULL */
  size_t n;              /* how many are in use */
  size_t cap;            /* how many fit; n <= cap */
  struct tdm_heap *heap; /* where it grows when it is large, or NULL */
  uint32_t block;        /* of the heap; 0: it is not there */
} tdm_buf;

/* Make room for `more` bytes beyond n. TDM_OK or TDM_NOMEM (unchanged). */
int tdm_buf_grow(tdm_buf *b, size_t more);

/* Free the block; the buffer is empty again, and has no heap. */
void tdm_buf_fini(tdm_buf *b);

/* From now on it grows in this heap, or in none (NULL). Drops what is in it. */
void tdm_buf_use_heap(tdm_buf *b, struct tdm_heap *heap);

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
