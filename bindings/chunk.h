/* chunk.h -- many items in one task: the bytes of a chunk.
 *
 * A chunk of arguments, and its chunk of results, is a row of entries, each a
 * tag, a count or size, and what it says:
 *
 *     INTS    u32 n, n words     n items, each one integer
 *     FLOATS  u32 n, n words     n items, each one float
 *     RANGE   u32 n, first, step n items, the integers first, first+step, ...
 *     PACK    u64 n, n bytes     one item: a message of the codec
 *     FAILED  u64 n, n bytes     one item that failed: see failure.h
 *
 * Each item is a message of its own: what two items share is not shared on the
 * other side, however the items were cut into chunks. A chunk of arguments for
 * `reduce` begins with a tdml_combiner and the combining function's spec.
 */
#ifndef TDML_CHUNK_H
#define TDML_CHUNK_H

#include <lua.h>
#include <stdint.h>
#include <string.h>

#include "client.h"

enum tdml_entry {
  TDML_INTS = 'i',
  TDML_FLOATS = 'f',
  TDML_RANGE = 'r',
  TDML_PACK = 'p',
  TDML_FAILED = 'x',
};

typedef struct tdml_combiner {
  uint8_t form;    /* enum tdm_func_form */
  uint8_t no_task; /* combine the items as they are */
  uint32_t id, size;
} tdml_combiner;

/* Writes entries; items of one number each are gathered into runs. */
typedef struct tdml_writer {
  tdm_buf *out;
  size_t count_at; /* offset of the open run's count */
  uint32_t count;
  int run; /* tag of the open run, or 0 */
} tdml_writer;

/* TDM_OK or TDM_NOMEM, all of them. The count of a run is written by
 * tdml_writer_end_run, which the others call where needed. */
int tdml_write_number(lua_State *L, int idx, tdml_writer *w);
void tdml_writer_end_run(tdml_writer *w);

/* The integer, where it goes on with an open run; else nothing and false. */
static inline int tdml_try_write_integer(tdml_writer *w, lua_Integer i) {
  tdm_buf *b = w->out;
  if (w->run != TDML_INTS || b->cap - b->n < sizeof i || w->count > INT32_MAX)
    return 0;
  memcpy(b->p + b->n, &i, sizeof i);
  b->n += sizeof i;
  w->count++;
  return 1;
}

/* Opens an entry of unknown size: append to w->out, then close it. `at` is
 * where its size will be. */
int tdml_writer_open(tdml_writer *w, int tag, size_t *at);
void tdml_writer_close(tdml_writer *w, size_t at);

/* Reads entries, and in runs item by item. */
typedef struct tdml_reader {
  const char *p, *end;
  uint32_t left; /* items left in the open run or range */
  int run;       /* its tag */
  lua_Integer next, step;
} tdml_reader;

/* Pushes the next number of an open run: left > 0. */
static inline void tdml_push_number(lua_State *L, tdml_reader *r) {
  lua_Integer i = r->next;
  r->left--;
  if (r->run == TDML_RANGE) {
    r->next = (lua_Integer)((lua_Unsigned)i + (lua_Unsigned)r->step);
    lua_pushinteger(L, i);
  } else if (r->run == TDML_INTS) {
    memcpy(&i, r->p, sizeof i);
    r->p += sizeof i;
    lua_pushinteger(L, i);
  } else {
    lua_Number f;
    memcpy(&f, r->p, sizeof f);
    r->p += sizeof f;
    lua_pushnumber(L, f);
  }
}

typedef struct tdml_entry_bytes {
  int tag; /* TDML_PACK, TDML_FAILED: these bytes; TDML_INTS: a run is open;
              0: the end; negative: malformed */
  const char *p;
  size_t n;
} tdml_entry_bytes;

void tdml_reader_init(tdml_reader *r, const char *p, size_t n);

/* The next entry; no run is open. */
tdml_entry_bytes tdml_read_entry(tdml_reader *r);

#endif
