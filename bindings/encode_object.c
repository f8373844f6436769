/* encode_object.c -- tables with a metatable: tandem's own errors, what has a
 * __tandem_pack, what may lose its metatable, and what is refused. */
#include <lauxlib.h>

#include "../core/error.h"
#include "codec_wire.h"
#include "encoder.h"

/* Is the metatable at index mt the one of tandem's errors? */
static bool is_error_metatable(lua_State *L, int mt) {
  lua_pushliteral(L, TDML_ERROR_MT);
  lua_rawget(L, LUA_REGISTRYINDEX);
  bool same = lua_rawequal(L, -1, mt);
  lua_pop(L, 1);
  return same;
}

/* Push the __tandem_pack of the metatable at index mt; nothing if none. */
static bool push_packer(lua_State *L, int mt) {
  lua_pushliteral(L, "__tandem_pack");
  lua_rawget(L, mt);
  if (!lua_isnil(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

static bool has_packer(lua_State *L, int idx) {
  if (!lua_istable(L, idx) || !lua_getmetatable(L, idx)) return false;
  bool has = push_packer(L, lua_gettop(L));
  lua_pop(L, has ? 2 : 1);
  return has;
}

static int pack_failed(tdml_encoder *e, int status) {
  if (status == LUA_ERRMEM) return TDM_NOMEM;
  if (lua_type(e->L, -1) != LUA_TSTRING)
    return tdml_refuse_because(e, "__tandem_pack raised a %s",
                               luaL_typename(e->L, -1));
  return tdml_refuse_because(e, "__tandem_pack failed: %s",
                             lua_tostring(e->L, -1));
}

/* The one value but nil that no table has as a key. */
static bool is_nan(lua_State *L, int idx) {
  lua_Number x = lua_type(L, idx) == LUA_TNUMBER ? lua_tonumber(L, idx) : 0;
  return x != x;
}

/* Encode the value on top of the stack, at index top, in place of the table
 * of entry i. The entry is the place, so that the path leads through it. */
static int put_result(tdml_encoder *e, int top, uint32_t i) {
  uint32_t in = e->in;
  if (e->on_key && is_nan(e->L, top))
    return tdml_refuse_because(e, "__tandem_pack returned NaN for a key");
  e->in = i;
  e->packed = true;
  int err = tdml_put_value(e, top, top);
  if (err != TDM_OK) return err;
  e->packed = false;
  e->in = in;
  lua_pop(e->L, 1);
  return TDM_OK;
}

/* The packer is on top of the stack, at index top. */
static int pack(tdml_encoder *e, int idx, int top, uint32_t i) {
  lua_State *L = e->L;
  e->s->seen.list[i].id = TDML_PACKED;
  lua_pushvalue(L, idx);
  int status = lua_pcall(L, 1, 1, 0);
  if (status != LUA_OK) return pack_failed(e, status);
  if (lua_isnil(L, top))
    return tdml_refuse_because(e, "__tandem_pack returned nil");
  if (has_packer(L, top))
    return tdml_refuse_because(
        e, "__tandem_pack returned an object that has a __tandem_pack itself");
  lua_pushvalue(L, idx);
  lua_pushvalue(L, top);
  lua_rawset(L, e->anchor);
  return put_result(e, top, i);
}

int tdml_put_packed(tdml_encoder *e, int idx, int top, uint32_t i) {
  if (!lua_checkstack(e->L, TDML_ROOM_STACK)) return TDM_NOMEM;
  lua_pushvalue(e->L, idx);
  lua_rawget(e->L, e->anchor);
  return put_result(e, top + 1, i);
}

int tdml_put_object(tdml_encoder *e, int idx, int top, uint32_t i) {
  lua_State *L = e->L;
  int mt = top + 1;
  if (!lua_checkstack(L, TDML_ROOM_STACK)) return TDM_NOMEM;
  if (is_error_metatable(L, mt)) {
    lua_pop(L, 1);
    int err = tdml_put_tag(e, TDML_ERROR);
    return err == TDM_OK ? tdml_put_table(e, idx, top, i) : err;
  }
  if (push_packer(L, mt)) {
    lua_remove(L, mt);
    return pack(e, idx, mt, i);
  }
  lua_pop(L, 1);
  if (e->o->mode == TDML_DROP_MT) return tdml_put_table(e, idx, top, i);
  return tdml_refuse(e, idx);
}
