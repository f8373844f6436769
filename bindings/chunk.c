#include "chunk.h"

#include <string.h>

/* --- writing ----------------------------------------------------------------
 */

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
  int is_integer;
  word.i = lua_tointegerx(L, idx, &is_integer);
  /* An integral float converts too, and shall stay a float. */
  if (!is_integer || !lua_isinteger(L, idx)) {
    is_integer = 0;
    word.f = lua_tonumber(L, idx);
  }
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

/* --- reading ----------------------------------------------------------------
 */

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

static tdml_item read_number(tdml_reader *r) {
  tdml_item item = {.tag = r->run};
  r->left--;
  if (r->run == TDML_RANGE) {
    item.tag = TDML_INTS;
    item.number.i = r->next;
    r->next = (lua_Integer)((lua_Unsigned)r->next + (lua_Unsigned)r->step);
  } else {
    memcpy(&item.number, r->p, sizeof item.number);
    r->p += sizeof item.number;
  }
  return item;
}

static tdml_item read_bytes(tdml_reader *r, int tag) {
  uint64_t n;
  if (!take(r, &n, sizeof n) || (size_t)(r->end - r->p) < n)
    return (tdml_item){.tag = -1};
  tdml_item item = {.tag = tag, .p = r->p, .n = (size_t)n};
  r->p += n;
  return item;
}

tdml_item tdml_read_item(tdml_reader *r) {
  while (r->left == 0) {
    if (r->p == r->end) return (tdml_item){.tag = 0};
    int tag = (unsigned char)*r->p++;
    switch (tag) {
      case TDML_PACK:
      case TDML_FAILED:
        return read_bytes(r, tag);
      case TDML_INTS:
      case TDML_FLOATS:
      case TDML_RANGE:
        if (open_run(r, tag)) break;
        return (tdml_item){.tag = -1};
      default:
        return (tdml_item){.tag = -1};
    }
  }
  return read_number(r);
}

int tdml_push_item(lua_State *L, const tdml_item *item) {
  switch (item->tag) {
    case TDML_INTS:
      lua_pushinteger(L, item->number.i);
      return 1;
    case TDML_FLOATS:
      lua_pushnumber(L, item->number.f);
      return 1;
    case TDML_PACK:
      return tdml_decode(L, item->p, item->n);
    default:
      return TDM_DECODE;
  }
}
