/* Values that C has as well, to messages and back. */
#include <stdint.h>
#include <string.h>

#include "../core/mem.h"
#include "api.h"
#include "codec_wire.h"

/* --- writing --- */

/* Results have no room: they are their task's. */
static int is_borrowed(const tandem_bytes *b) { return b->room < b->n; }

static char *reserve(tandem_bytes *b, size_t n) {
  if (is_borrowed(b)) return NULL;
  if (b->room - b->n < n) {
    size_t room = b->room < 32 ? 64 : b->room * 2;
    if (room < b->n + n) room = b->n + n;
    char *p = tdm_mem_resize(b->p, room);
    if (p == NULL) return NULL;
    b->p = p;
    b->room = room;
  }
  return b->p + b->n;
}

static int append(tandem_bytes *b, int tag, const void *head, size_t head_size,
                  const void *tail, size_t n) {
  size_t flags = b->n == 0;
  char *p = NULL;
  if (n < SIZE_MAX / 4) p = reserve(b, flags + 1 + head_size + n);
  if (p == NULL) return 0;
  if (flags) *p++ = 0;
  *p++ = (char)tag;
  if (head_size != 0) memcpy(p, head, head_size);
  if (n != 0) memcpy(p + head_size, tail, n);
  b->n += flags + 1 + head_size + n;
  return 1;
}

int tdml_api_put(tandem_bytes *b, tandem_value v) {
  uint64_t n = v.as.string.n;
  switch (v.type) {
    case TANDEM_IS_NIL:
      return append(b, TDML_NIL, NULL, 0, NULL, 0);
    case TANDEM_IS_BOOLEAN:
      return append(b, v.as.boolean ? TDML_TRUE : TDML_FALSE, NULL, 0, NULL, 0);
    case TANDEM_IS_INTEGER:
      return append(b, TDML_INT8, &v.as.integer, 8, NULL, 0);
    case TANDEM_IS_NUMBER:
      return append(b, TDML_FLOAT, &v.as.number, 8, NULL, 0);
    case TANDEM_IS_STRING:
      return append(b, TDML_STR8, &n, sizeof n, v.as.string.p, (size_t)n);
    default:
      return 0;
  }
}

/* --- reading --- */

typedef struct reader {
  const char *p, *end;
} reader;

static int take(reader *r, void *to, size_t n) {
  if ((size_t)(r->end - r->p) < n) return 0;
  memcpy(to, r->p, n);
  r->p += n;
  return 1;
}

static int take_integer(reader *r, tandem_value *v, size_t n) {
  int8_t one;
  int16_t two;
  int32_t four;
  int64_t eight;
  int ok = n == 1   ? take(r, &one, 1)
           : n == 2 ? take(r, &two, 2)
           : n == 4 ? take(r, &four, 4)
                    : take(r, &eight, 8);
  if (!ok) return 0;
  *v = tandem_integer(n == 1 ? one : n == 2 ? two : n == 4 ? four : eight);
  return 1;
}

static int take_bytes(reader *r, tandem_value *v, uint64_t n) {
  if ((uint64_t)(r->end - r->p) < n) return 0;
  *v = tandem_lstring(r->p, (size_t)n);
  r->p += n;
  return 1;
}

static int take_string(reader *r, tandem_value *v, size_t size) {
  uint8_t one;
  uint32_t four;
  uint64_t n;
  if (size == 1) {
    if (!take(r, &one, 1)) return 0;
    n = one;
  } else if (size == 4) {
    if (!take(r, &four, 4)) return 0;
    n = four;
  } else if (!take(r, &n, 8)) {
    return 0;
  }
  return take_bytes(r, v, n);
}

static int take_tagged(reader *r, tandem_value *v, unsigned tag) {
  double x;
  switch (tag) {
    case TDML_NIL:
      *v = tandem_nil();
      return 1;
    case TDML_FALSE:
    case TDML_TRUE:
      *v = tandem_boolean(tag == TDML_TRUE);
      return 1;
    case TDML_INT1:
      return take_integer(r, v, 1);
    case TDML_INT2:
      return take_integer(r, v, 2);
    case TDML_INT4:
      return take_integer(r, v, 4);
    case TDML_INT8:
      return take_integer(r, v, 8);
    case TDML_FLOAT:
      if (!take(r, &x, 8)) return 0;
      *v = tandem_number(x);
      return 1;
    case TDML_STR1:
      return take_string(r, v, 1);
    case TDML_STR4:
      return take_string(r, v, 4);
    case TDML_STR8:
      return take_string(r, v, 8);
    default:
      *v = tandem_nil();
      v->type = TANDEM_IS_OTHER;
      r->p = r->end;
      return 1;
  }
}

static int take_value(reader *r, tandem_value *v) {
  uint8_t tag;
  if (!take(r, &tag, 1)) return 0;
  if (tag >= TDML_SMALL_INT) {
    *v = tandem_integer(tag - TDML_SMALL_INT + TDML_SMALL_MIN);
    return 1;
  }
  if (tag >= TDML_SHORT_STR) return take_bytes(r, v, tag - TDML_SHORT_STR);
  return take_tagged(r, v, tag);
}

/* Before the values are the flags. */
int tdml_api_get(const tandem_bytes *b, size_t *at, tandem_value *v) {
  size_t from = *at == 0 ? 1 : *at;
  if (b->n <= 1 || from >= b->n) return 0;
  reader r = {b->p + from, b->p + b->n};
  if (!take_value(&r, v)) return 0;
  *at = (size_t)(r.p - b->p);
  return 1;
}

void tdml_api_free_bytes(tandem_bytes *b) {
  if (!is_borrowed(b)) tdm_mem_free(b->p);
  *b = (tandem_bytes){NULL, 0, 0};
}
