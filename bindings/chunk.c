#include "chunk.h"

#include <string.h>

/* --- writing --- */

void tdml_writer_end_run(tdml_writer *w) {
  if (w->run != 0) memcpy(w->out->p + w->count_at, &w->count, sizeof w->count);
  w->run = 0;
}

static int begin_run(tdml_writer *w, int tag) {
  tdml_writer_end_run(w);
  if (tdm_buf_reserve(w->out, 1 + sizeof w->count) != TDM_OK) return TDM_NOMEM;
  tdm_buf_put_byte(w->out, (unsigned)tag);
  w->run = tag;
  w->count = 0;
  w->count_at = w->out->n;
  w->out->n += sizeof w->count;
  return TDM_OK;
}

int tdml_write_number(lua_State *L, int idx, tdml_writer *w) {
  union {
    lua_Integer i;
    lua_Number f;
  } word;
  int is_integer = lua_isinteger(L, idx);
  if (is_integer)
    word.i = lua_tointeger(L, idx);
  else
    word.f = lua_tonumber(L, idx);
  int tag = is_integer ? TDML_INTS : TDML_FLOATS;
  if (w->run != tag || w->count == UINT32_MAX)
    if (begin_run(w, tag) != TDM_OK) return TDM_NOMEM;
  if (tdm_buf_reserve(w->out, sizeof word) != TDM_OK) return TDM_NOMEM;
  tdm_buf_put(w->out, &word, sizeof word);
  w->count++;
  return TDM_OK;
}

int tdml_writer_open(tdml_writer *w, int tag, size_t *at) {
  tdml_writer_end_run(w);
  if (tdm_buf_reserve(w->out, 1 + sizeof(uint64_t)) != TDM_OK) return TDM_NOMEM;
  tdm_buf_put_byte(w->out, (unsigned)tag);
  *at = w->out->n;
  w->out->n += sizeof(uint64_t);
  return TDM_OK;
}

void tdml_writer_close(tdml_writer *w, size_t at) {
  uint64_t size = w->out->n - at - sizeof size;
  memcpy(w->out->p + at, &size, sizeof size);
}

/* --- reading --- */

void tdml_reader_init(tdml_reader *r, const char *p, size_t n) {
  *r = (tdml_reader){.p = p, .end = p + n};
}

static int take(tdml_reader *r, void *to, size_t n) {
  if ((size_t)(r->end - r->p) < n) return 0;
  memcpy(to, r->p, n);
  r->p += n;
  return 1;
}

/* Opens a run: true if the bytes are there. */
static int open_run(tdml_reader *r, int tag) {
  if (!take(r, &r->left, sizeof r->left)) return 0;
  r->run = tag;
  if (tag == TDML_RANGE)
    return take(r, &r->next, sizeof r->next) &&
           take(r, &r->step, sizeof r->step);
  return (size_t)(r->end - r->p) / sizeof(lua_Integer) >= r->left;
}

static tdml_entry_bytes read_bytes(tdml_reader *r, int tag) {
  uint64_t n;
  if (!take(r, &n, sizeof n) || (size_t)(r->end - r->p) < n)
    return (tdml_entry_bytes){.tag = -1};
  tdml_entry_bytes entry = {.tag = tag, .p = r->p, .n = (size_t)n};
  r->p += n;
  return entry;
}

tdml_entry_bytes tdml_read_entry(tdml_reader *r) {
  while (r->p != r->end) {
    int tag = (unsigned char)*r->p++;
    switch (tag) {
      case TDML_PACK:
      case TDML_FAILED:
        return read_bytes(r, tag);
      case TDML_INTS:
      case TDML_FLOATS:
      case TDML_RANGE:
        if (!open_run(r, tag)) return (tdml_entry_bytes){.tag = -1};
        if (r->left > 0) return (tdml_entry_bytes){.tag = TDML_INTS};
        break;
      default:
        return (tdml_entry_bytes){.tag = -1};
    }
  }
  return (tdml_entry_bytes){.tag = 0};
}
