/* encode_table.c -- what is in a table: items, runs of raw words, pairs.
 *
 * One traversal by lua_next finds all there is, in whatever layout. Where a
 * table is a list it comes by the keys 1, 2, 3, ... first and in order; nothing
 * depends on that but how compact and quick the message is.
 */
#include "codec_wire.h"
#include "encode_bytes.h"

/* So many items of one subtype in a row, and a run of words begins. */
enum { RUN_AFTER = 8 };

/* A table's head, its counts still open, and what they count. */
typedef struct table_head {
  size_t at; /* offset of its tag */
  uint32_t items, pairs;
  bool wide;
} table_head;

static int open_table(tdml_encoder *e, table_head *h) {
  int err = tdml_room(e, TDML_ROOM_SCALAR);
  if (err != TDM_OK) return err;
  *h = (table_head){.at = tdml_offset(e)};
  tdml_byte(e, TDML_TABLE1);
  tdml_byte(e, 0);
  tdml_byte(e, 0);
  return TDM_OK;
}

/* From here on the counts have 32 bits: what was written moves up a little. */
static int widen(tdml_encoder *e, table_head *h) {
  enum { MORE = 8 - 2 };
  int err = tdml_room(e, MORE);
  if (err != TDM_OK) return err;
  char *contents = e->out->p + h->at + 3;
  memmove(contents + MORE, contents, (size_t)(e->p - contents));
  e->p += MORE;
  h->wide = true;
  return TDM_OK;
}

static void close_table(tdml_encoder *e, const table_head *h) {
  char *p = e->out->p + h->at;
  if (h->wide) {
    *p++ = TDML_TABLE4;
    memcpy(p, &h->items, 4);
    memcpy(p + 4, &h->pairs, 4);
  } else {
    p[1] = (char)h->items;
    p[2] = (char)h->pairs;
  }
}

/* Count one more item or pair. */
static inline int count(tdml_encoder *e, table_head *h, uint32_t *n) {
  if (++*n <= UINT8_MAX || h->wide) return *n == 0 ? TDM_NOMEM : TDM_OK;
  return widen(e, h);
}

/* Is the key at idx the one of the next item? */
static inline bool is_next(const tdml_encoder *e, int idx, uint32_t items) {
  return lua_isinteger(e->L, idx) &&
         lua_tointeger(e->L, idx) == (lua_Integer)items + 1 &&
         items < INT32_MAX;
}

static inline bool is_float(lua_State *L, int idx) {
  return lua_type(L, idx) == LUA_TNUMBER && !lua_isinteger(L, idx);
}

/* The two loops that follow take items as raw words as long as they are of
 * one subtype. A pair is on the stack at their start, the first that is not
 * taken at their end. They return whether there is one, or an error. */

static int int_words(tdml_encoder *e, int idx, table_head *h) {
  lua_State *L = e->L;
  do {
    if (tdml_room(e, sizeof(lua_Integer)) != TDM_OK) return TDM_NOMEM;
    lua_Integer word = lua_tointeger(L, -1);
    tdml_bytes(e, &word, sizeof word);
    h->items++;
    lua_pop(L, 1);
    if (!lua_next(L, idx)) return 0;
  } while (lua_isinteger(L, -1) && is_next(e, -2, h->items));
  return 1;
}

static int float_words(tdml_encoder *e, int idx, table_head *h) {
  lua_State *L = e->L;
  do {
    if (tdml_room(e, sizeof(lua_Number)) != TDM_OK) return TDM_NOMEM;
    lua_Number word = lua_tonumber(L, -1);
    tdml_bytes(e, &word, sizeof word);
    h->items++;
    lua_pop(L, 1);
    if (!lua_next(L, idx)) return 0;
  } while (is_float(L, -1) && is_next(e, -2, h->items));
  return 1;
}

static int put_run(tdml_encoder *e, int idx, table_head *h, unsigned tag) {
  if (!h->wide && widen(e, h) != TDM_OK) return TDM_NOMEM;
  if (tdml_room(e, TDML_ROOM_SCALAR) != TDM_OK) return TDM_NOMEM;
  tdml_byte(e, tag);
  size_t at = tdml_offset(e);
  uint32_t before = h->items;
  tdml_number32(e, 0);
  int more = tag == TDML_INTS ? int_words(e, idx, h) : float_words(e, idx, h);
  uint32_t n = h->items - before;
  memcpy(e->out->p + at, &n, sizeof n);
  return more;
}

/* What a value of this type would be in a run, or 0. */
static inline unsigned run_tag(lua_State *L, int idx, int type) {
  if (type != LUA_TNUMBER) return 0;
  return lua_isinteger(L, idx) ? TDML_INTS : TDML_FLOATS;
}

/* Put the items, as long as the traversal comes by them in order. *more: the
 * stack is as for a run; otherwise the table is at its end. */
static int put_items(tdml_encoder *e, int idx, int top, table_head *h,
                     int *more) {
  lua_State *L = e->L;
  unsigned last = 0, streak = 0;
  *more = lua_next(L, idx);
  while (*more && is_next(e, top + 1, h->items)) {
    int type = lua_type(L, top + 2);
    unsigned tag = run_tag(L, top + 2, type);
    streak = tag == last ? streak + 1 : 0;
    last = tag;
    if (tag != 0 && streak >= RUN_AFTER) {
      *more = put_run(e, idx, h, tag);
      if (*more < 0) return *more;
      continue;
    }
    int err = tdml_put_typed(e, top + 2, top + 2, type);
    if (err == TDM_OK) err = count(e, h, &h->items);
    if (err != TDM_OK) return err;
    lua_pop(L, 1);
    *more = lua_next(L, idx);
  }
  return TDM_OK;
}

static int put_key(tdml_encoder *e, int idx, int top) {
  e->on_key = true;
  int err = tdml_put_value(e, idx, top);
  e->on_key = false;
  return err;
}

static int put_pairs(tdml_encoder *e, int idx, int top, table_head *h) {
  do {
    int err = put_key(e, top + 1, top + 2);
    if (err == TDM_OK) err = tdml_put_value(e, top + 2, top + 2);
    if (err == TDM_OK) err = count(e, h, &h->pairs);
    if (err != TDM_OK) return err;
    lua_pop(e->L, 1);
  } while (lua_next(e->L, idx));
  return TDM_OK;
}

static int put_contents(tdml_encoder *e, int idx, int top) {
  table_head h;
  int err = open_table(e, &h);
  if (err != TDM_OK) return err;
  if (!lua_checkstack(e->L, TDML_ROOM_STACK)) return TDM_NOMEM;
  lua_pushnil(e->L);
  int more;
  err = put_items(e, idx, top, &h, &more);
  if (err == TDM_OK && more) err = put_pairs(e, idx, top, &h);
  close_table(e, &h);
  return err;
}

int tdml_put_inside(tdml_encoder *e, int idx, int top, uint32_t i) {
  uint32_t in = e->in;
  int key = e->key;
  bool on_key = e->on_key, packed = e->packed;
  e->in = i;
  e->key = top + 1;
  e->on_key = e->packed = false;
  e->depth++;
  int err = put_contents(e, idx, top);
  if (err != TDM_OK) return err;
  e->depth--;
  e->in = in;
  e->key = key;
  e->on_key = on_key;
  e->packed = packed;
  return TDM_OK;
}

/* Put off the table of entry i to the end of the message. */
static int defer(tdml_encoder *e, uint32_t i) {
  if (e->anchor == 0) return TDML_CARE;
  e->flags |= TDML_HAS_BODIES;
  e->s->seen.list[i].id |= TDML_DEFERRED;
  return tdml_put_tag(e, TDML_DEFER);
}

int tdml_put_table(tdml_encoder *e, int idx, int top, uint32_t i) {
  e->s->seen.list[i].id = e->tables++;
  if (e->depth >= TDML_MAX_DEPTH) return defer(e, i);
  return tdml_put_inside(e, idx, top, i);
}
