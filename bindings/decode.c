/* decode.c -- bytes to values; see codec_wire.h.
 *
 * Nothing in the bytes is trusted. A count is believed only as far as the
 * bytes that remain can bear it, and room is made in advance for no more
 * elements than the message has bytes, all tables taken together.
 */
#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../core/error.h"
#include "codec.h"
#include "codec_wire.h"

enum { VALUES_AT_ONCE = 64, SLACK = 16 };

typedef struct decoder {
  lua_State *L;
  const unsigned char *p, *end;
  size_t budget;   /* elements that room may still be made for in advance */
  int refs;        /* index of the list of all tables by id + 1, or 0 */
  int bodies;      /* index of the list of deferred tables, or 0 */
  uint32_t tables; /* how many have an id */
  uint32_t deferred;
  unsigned depth;
} decoder;

/*
** Bytes
*/

static inline size_t left(const decoder *d) { return (size_t)(d->end - d->p); }

/* Take n bytes to `to`. */
static inline bool take(decoder *d, void *to, size_t n) {
  if (left(d) < n) return false;
  memcpy(to, d->p, n);
  d->p += n;
  return true;
}

static bool take_count(decoder *d, unsigned size, uint64_t *n) {
  uint8_t n8;
  uint32_t n32;
  bool ok;
  if (size == 8) return take(d, n, 8);
  if (size == 4) {
    ok = take(d, &n32, 4);
    if (ok) *n = n32;
  } else {
    ok = take(d, &n8, 1);
    if (ok) *n = n8;
  }
  return ok;
}

/* Is the next tag this one? Then it is taken. */
static bool take_tag(decoder *d, unsigned tag) {
  if (d->p == d->end || *d->p != tag) return false;
  d->p++;
  return true;
}

/* The signed integer of `size` bytes at p. */
static lua_Integer integer_at(const unsigned char *p, unsigned size) {
  int16_t i16;
  int32_t i32;
  lua_Integer i64;
  switch (size) {
    case 1:
      return *p < 0x80 ? *p : (lua_Integer)*p - 0x100;
    case 2:
      memcpy(&i16, p, sizeof i16);
      return i16;
    case 4:
      memcpy(&i32, p, sizeof i32);
      return i32;
    default:
      memcpy(&i64, p, sizeof i64);
      return i64;
  }
}

/*
** Scalars. All getters push one value and return TDM_OK, or TDM_DECODE with
** the stack in any state.
*/

static int get_integer(decoder *d, unsigned size) {
  unsigned char word[8];
  if (!take(d, word, size)) return TDM_DECODE;
  lua_pushinteger(d->L, integer_at(word, size));
  return TDM_OK;
}

static int get_float(decoder *d) {
  lua_Number x;
  if (!take(d, &x, sizeof x)) return TDM_DECODE;
  lua_pushnumber(d->L, x);
  return TDM_OK;
}

static inline int get_bytes(decoder *d, uint64_t n) {
  if (n > left(d)) return TDM_DECODE;
  lua_pushlstring(d->L, (const char *)d->p, (size_t)n);
  d->p += n;
  return TDM_OK;
}

static int get_string(decoder *d, unsigned size) {
  uint64_t n;
  if (!take_count(d, size, &n)) return TDM_DECODE;
  return get_bytes(d, n);
}

/*
** Tables
*/

static int get_value(decoder *d);

/* Room for n more elements, as far as the budget goes. */
static int presize(decoder *d, uint64_t n) {
  if (n > d->budget) n = d->budget;
  if (n > INT_MAX / 4) n = INT_MAX / 4;
  d->budget -= (size_t)n;
  return (int)n;
}

/* Give the new table on top of the stack its id, and its metatable. */
static void enter_table(decoder *d, bool is_error) {
  d->tables++;
  if (d->refs != 0) {
    lua_pushvalue(d->L, -1);
    lua_rawseti(d->L, d->refs, (lua_Integer)d->tables);
  }
  if (is_error) luaL_setmetatable(d->L, TDML_ERROR_MT);
}

/* The words of a run go to *next, *next + 1, ... <= items of the table on top
 * of the stack. */
static bool run_fits(decoder *d, uint32_t items, uint32_t next, uint32_t *n) {
  return take(d, n, sizeof *n) && *n > 0 && *n <= items - next + 1 &&
         *n <= left(d) / 8;
}

static int get_ints(decoder *d, uint32_t items, uint32_t *next) {
  uint32_t n;
  if (!run_fits(d, items, *next, &n)) return TDM_DECODE;
  lua_Integer i = *next, last = i + n - 1, word;
  *next += n;
  for (; i <= last; i++, d->p += sizeof word) {
    memcpy(&word, d->p, sizeof word);
    lua_pushinteger(d->L, word);
    lua_rawseti(d->L, -2, i);
  }
  return TDM_OK;
}

static int get_floats(decoder *d, uint32_t items, uint32_t *next) {
  uint32_t n;
  if (!run_fits(d, items, *next, &n)) return TDM_DECODE;
  lua_Integer i = *next, last = i + n - 1;
  lua_Number word;
  *next += n;
  for (; i <= last; i++, d->p += sizeof word) {
    memcpy(&word, d->p, sizeof word);
    lua_pushnumber(d->L, word);
    lua_rawseti(d->L, -2, i);
  }
  return TDM_OK;
}

static int get_items(decoder *d, uint32_t items) {
  uint32_t next = 1;
  while (next <= items) {
    int err;
    if (take_tag(d, TDML_INTS)) {
      err = get_ints(d, items, &next);
    } else if (take_tag(d, TDML_FLOATS)) {
      err = get_floats(d, items, &next);
    } else {
      if (take_tag(d, TDML_NIL)) return TDM_DECODE;
      err = get_value(d);
      if (err == TDM_OK) lua_rawseti(d->L, -2, (lua_Integer)next++);
    }
    if (err != TDM_OK) return err;
  }
  return TDM_OK;
}

/* No nil and no NaN. */
static int get_key(decoder *d) {
  if (take_tag(d, TDML_NIL)) return TDM_DECODE;
  if (!take_tag(d, TDML_FLOAT)) return get_value(d);
  int err = get_float(d);
  if (err != TDM_OK) return err;
  lua_Number x = lua_tonumber(d->L, -1);
  return x == x ? TDM_OK : TDM_DECODE;
}

static int get_pairs(decoder *d, uint32_t pairs) {
  while (pairs-- > 0) {
    int err = get_key(d);
    if (err != TDM_OK) return err;
    if (take_tag(d, TDML_NIL)) return TDM_DECODE;
    err = get_value(d);
    if (err != TDM_OK) return err;
    lua_rawset(d->L, -3);
  }
  return TDM_OK;
}

typedef struct counts {
  uint32_t items, pairs;
} counts;

/* What follows the tag of a table; an item has a byte at least, a pair two. */
static bool take_counts(decoder *d, unsigned tag, counts *c) {
  uint64_t items, pairs;
  unsigned size = tag == TDML_TABLE1 ? 1 : 4;
  if (!take_count(d, size, &items) || !take_count(d, size, &pairs))
    return false;
  *c = (counts){(uint32_t)items, (uint32_t)pairs};
  return items + 2 * pairs <= left(d);
}

/* Fill the table on top of the stack. */
static int get_contents(decoder *d, const counts *c) {
  if (d->depth >= TDML_MAX_DEPTH) return TDM_DECODE;
  d->depth++;
  int err = get_items(d, c->items);
  if (err == TDM_OK) err = get_pairs(d, c->pairs);
  d->depth--;
  return err;
}

static int get_table(decoder *d, unsigned tag, bool is_error) {
  counts c;
  if (!take_counts(d, tag, &c)) return TDM_DECODE;
  int items = presize(d, c.items), pairs = presize(d, c.pairs);
  if (!lua_checkstack(d->L, SLACK)) return TDM_LIMIT;
  lua_createtable(d->L, items, pairs);
  enter_table(d, is_error);
  return get_contents(d, &c);
}

/* An empty table now; its contents come at the end. */
static int get_deferred(decoder *d, bool is_error) {
  if (d->bodies == 0) return TDM_DECODE;
  lua_newtable(d->L);
  enter_table(d, is_error);
  lua_pushvalue(d->L, -1);
  lua_rawseti(d->L, d->bodies, (lua_Integer)++d->deferred);
  return TDM_OK;
}

static int get_error(decoder *d) {
  if (take_tag(d, TDML_DEFER)) return get_deferred(d, true);
  if (take_tag(d, TDML_TABLE1)) return get_table(d, TDML_TABLE1, true);
  if (take_tag(d, TDML_TABLE4)) return get_table(d, TDML_TABLE4, true);
  return TDM_DECODE;
}

static int get_ref(decoder *d) {
  uint32_t id;
  if (d->refs == 0 || !take(d, &id, sizeof id)) return TDM_DECODE;
  if (id >= d->tables) return TDM_DECODE;
  lua_rawgeti(d->L, d->refs, (lua_Integer)id + 1);
  return TDM_OK;
}

/*
** Values
*/

static int get_tagged(decoder *d, unsigned tag) {
  switch (tag) {
    case TDML_NIL:
      lua_pushnil(d->L);
      return TDM_OK;
    case TDML_FALSE:
    case TDML_TRUE:
      lua_pushboolean(d->L, tag == TDML_TRUE);
      return TDM_OK;
    case TDML_NULL:
      lua_pushlightuserdata(d->L, NULL);
      return TDM_OK;
    case TDML_INT1:
      return get_integer(d, 1);
    case TDML_INT2:
      return get_integer(d, 2);
    case TDML_INT4:
      return get_integer(d, 4);
    case TDML_INT8:
      return get_integer(d, 8);
    case TDML_FLOAT:
      return get_float(d);
    case TDML_STR1:
      return get_string(d, 1);
    case TDML_STR4:
      return get_string(d, 4);
    case TDML_STR8:
      return get_string(d, 8);
    case TDML_TABLE1:
    case TDML_TABLE4:
      return get_table(d, tag, false);
    case TDML_ERROR:
      return get_error(d);
    case TDML_DEFER:
      return get_deferred(d, false);
    case TDML_REF:
      return get_ref(d);
    default:
      return TDM_DECODE;
  }
}

static int get_value(decoder *d) {
  if (d->p == d->end) return TDM_DECODE;
  unsigned tag = *d->p++;
  if (tag >= TDML_SMALL_INT) {
    lua_pushinteger(d->L, (lua_Integer)tag - TDML_SMALL_INT + TDML_SMALL_MIN);
    return TDM_OK;
  }
  if (tag >= TDML_SHORT_STR) return get_bytes(d, tag - TDML_SHORT_STR);
  return get_tagged(d, tag);
}

static bool at_bodies(const decoder *d) {
  return d->bodies != 0 && *d->p == TDML_BODY;
}

static int get_values(decoder *d, int *n) {
  for (*n = 0; d->p != d->end && !at_bodies(d); ++*n) {
    if (*n % VALUES_AT_ONCE == 0 &&
        !lua_checkstack(d->L, VALUES_AT_ONCE + SLACK))
      return TDM_LIMIT;
    int err = get_value(d);
    if (err != TDM_OK) return err;
  }
  return *n > 0 ? TDM_OK : TDM_DECODE;
}

static int get_body(decoder *d) {
  if (!take_tag(d, TDML_BODY) || d->p == d->end) return TDM_DECODE;
  unsigned tag = *d->p++;
  counts c;
  if (tag != TDML_TABLE1 && tag != TDML_TABLE4) return TDM_DECODE;
  if (!take_counts(d, tag, &c)) return TDM_DECODE;
  return get_contents(d, &c);
}

/* Fill the deferred tables; that may defer more. */
static int get_bodies(decoder *d) {
  for (uint32_t k = 1; k <= d->deferred; k++) {
    lua_rawgeti(d->L, d->bodies, (lua_Integer)k);
    int err = get_body(d);
    if (err != TDM_OK) return err;
    lua_pop(d->L, 1);
  }
  return TDM_OK;
}

/* The lists that the message needs stand below its values. */
static int push_lists(decoder *d, unsigned flags) {
  if (flags & ~(unsigned)(TDML_HAS_REFS | TDML_HAS_BODIES)) return TDM_DECODE;
  if (!lua_checkstack(d->L, SLACK)) return TDM_LIMIT;
  if (flags & TDML_HAS_REFS) {
    lua_newtable(d->L);
    d->refs = lua_gettop(d->L);
  }
  if (flags & TDML_HAS_BODIES) {
    lua_newtable(d->L);
    d->bodies = lua_gettop(d->L);
  }
  return TDM_OK;
}

static int get_message(decoder *d, int *n) {
  int err = push_lists(d, *d->p++);
  if (err == TDM_OK) err = get_values(d, n);
  if (err == TDM_OK) err = get_bodies(d);
  if (err != TDM_OK) return err;
  if (d->p != d->end) return TDM_DECODE;
  if (d->bodies != 0) lua_remove(d->L, d->bodies);
  if (d->refs != 0) lua_remove(d->L, d->refs);
  return TDM_OK;
}

int tdml_decode(lua_State *L, const char *p, size_t n) {
  if (n == 0) return 0;
  int top = lua_gettop(L), values;
  const unsigned char *bytes = (const unsigned char *)p;
  decoder d = {.L = L, .p = bytes, .end = bytes + n, .budget = n};
  int err = get_message(&d, &values);
  if (err == TDM_OK) return values;
  lua_settop(L, top);
  return err;
}
