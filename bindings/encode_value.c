/* encode_value.c -- one value of any type. */
#include "codec_wire.h"
#include "encode_bytes.h"

int tdml_put_tag(tdml_encoder *e, unsigned tag) {
  int err = tdml_room(e, TDML_ROOM_SCALAR);
  if (err == TDM_OK) tdml_byte(e, tag);
  return err;
}

static void integer(tdml_encoder *e, lua_Integer i) {
  if (i >= TDML_SMALL_MIN && i <= TDML_SMALL_MAX) {
    tdml_byte(e, (unsigned)(i - TDML_SMALL_MIN) + TDML_SMALL_INT);
  } else if (i >= INT8_MIN && i <= INT8_MAX) {
    tdml_byte(e, TDML_INT1);
    tdml_byte(e, (unsigned)i & 0xff);
  } else if (i >= INT16_MIN && i <= INT16_MAX) {
    int16_t n = (int16_t)i;
    tdml_byte(e, TDML_INT2);
    tdml_bytes(e, &n, sizeof n);
  } else if (i >= INT32_MIN && i <= INT32_MAX) {
    int32_t n = (int32_t)i;
    tdml_byte(e, TDML_INT4);
    tdml_bytes(e, &n, sizeof n);
  } else {
    tdml_byte(e, TDML_INT8);
    tdml_bytes(e, &i, sizeof i);
  }
}

static int put_number(tdml_encoder *e, int idx) {
  int err = tdml_room(e, TDML_ROOM_SCALAR);
  if (err != TDM_OK) return err;
  if (lua_isinteger(e->L, idx)) {
    integer(e, lua_tointeger(e->L, idx));
  } else {
    lua_Number x = lua_tonumber(e->L, idx);
    tdml_byte(e, TDML_FLOAT);
    tdml_bytes(e, &x, sizeof x);
  }
  return TDM_OK;
}

static int put_string(tdml_encoder *e, int idx) {
  size_t n;
  const char *s = lua_tolstring(e->L, idx, &n);
  if (n > SIZE_MAX / 4) return TDM_NOMEM;
  int err = tdml_room(e, n + TDML_ROOM_SCALAR);
  if (err != TDM_OK) return err;
  if (n <= TDML_SHORT_MAX) {
    tdml_byte(e, TDML_SHORT_STR + (unsigned)n);
  } else if (n <= UINT8_MAX) {
    tdml_byte(e, TDML_STR1);
    tdml_byte(e, (unsigned)n);
  } else if (n <= UINT32_MAX) {
    tdml_byte(e, TDML_STR4);
    tdml_number32(e, (uint32_t)n);
  } else {
    uint64_t n64 = n;
    tdml_byte(e, TDML_STR8);
    tdml_bytes(e, &n64, sizeof n64);
  }
  tdml_bytes(e, s, n);
  return TDM_OK;
}

static int put_seen(tdml_encoder *e, int idx, int top, uint32_t i) {
  uint32_t id = e->s->seen.list[i].id;
  if (id == TDML_PACKED) return tdml_put_packed(e, idx, top, i);
  int err = tdml_put_tag(e, TDML_REF);
  if (err != TDM_OK) return err;
  if (tdml_room(e, TDML_ROOM_SCALAR) != TDM_OK) return TDM_NOMEM;
  e->flags |= TDML_HAS_REFS;
  tdml_number32(e, id & ~TDML_DEFERRED);
  return TDM_OK;
}

static bool hold(tdml_encoder *e, int idx, uint32_t i) {
  if (!lua_checkstack(e->L, TDML_ROOM_STACK)) return false;
  lua_pushvalue(e->L, idx);
  lua_rawseti(e->L, e->anchor, (lua_Integer)i + 1);
  return true;
}

static int put_any_table(tdml_encoder *e, int idx, int top) {
  uint32_t i;
  bool fresh;
  tdml_seen *seen = &e->s->seen;
  int err = tdml_seen_find(seen, lua_topointer(e->L, idx), &i, &fresh);
  if (err != TDM_OK) return err;
  if (!fresh) return put_seen(e, idx, top, i);
  seen->list[i].parent = e->in;
  if (e->anchor != 0 && !hold(e, idx, i)) return TDM_NOMEM;
  if (!lua_getmetatable(e->L, idx)) return tdml_put_table(e, idx, top, i);
  return e->anchor == 0 ? TDML_CARE : tdml_put_object(e, idx, top, i);
}

static int put_light(tdml_encoder *e, int idx) {
  if (lua_touserdata(e->L, idx) == NULL) return tdml_put_tag(e, TDML_NULL);
  return e->anchor == 0 ? TDML_CARE : tdml_refuse(e, idx);
}

int tdml_put_typed(tdml_encoder *e, int idx, int top, int type) {
  switch (type) {
    case LUA_TNUMBER:
      return put_number(e, idx);
    case LUA_TSTRING:
      return put_string(e, idx);
    case LUA_TTABLE:
      return put_any_table(e, idx, top);
    case LUA_TBOOLEAN:
      return tdml_put_tag(e, lua_toboolean(e->L, idx) ? TDML_TRUE : TDML_FALSE);
    case LUA_TNIL:
      return tdml_put_tag(e, TDML_NIL);
    case LUA_TLIGHTUSERDATA:
      return put_light(e, idx);
    default:
      return e->anchor == 0 ? TDML_CARE : tdml_refuse(e, idx);
  }
}

int tdml_put_value(tdml_encoder *e, int idx, int top) {
  return tdml_put_typed(e, idx, top, lua_type(e->L, idx));
}
