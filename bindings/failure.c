#include "failure.h"

#include <lauxlib.h>

#include "../core/error.h"

static char traceback_key; /* its address is the key in the registry */

#define LONGEST_TRACEBACK ((size_t)64 * 1024)

int tdml_keep_traceback(lua_State *L) {
  luaL_traceback(L, L, NULL, 1);
  size_t size;
  const char *s = lua_tolstring(L, -1, &size);
  if (size > LONGEST_TRACEBACK) lua_pushlstring(L, s, LONGEST_TRACEBACK);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
  lua_settop(L, 1);
  return 1;
}

void tdml_push_traceback(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
}

static int to_string(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* Replaces the value on top by its tostring, whatever its __tostring does. */
static void make_string(lua_State *L) {
  lua_pushcfunction(L, to_string);
  lua_pushvalue(L, -2);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, -1));
  }
  lua_replace(L, -2);
}

int tdml_put_failure(lua_State *L, tdml_scratch *s, int mode, tdm_buf *out) {
  tdml_push_traceback(L);
  return tdml_put_error(L, s, mode, out);
}

int tdml_put_error(lua_State *L, tdml_scratch *s, int mode, tdm_buf *out) {
  const tdml_encode_opts opts = {mode, "error", 0};
  int first = lua_gettop(L) - 1;
  int err = tdml_encode(L, first, 2, out, s, &opts);
  if (err == TDM_ENCODE) {
    lua_pushvalue(L, first);
    make_string(L);
    lua_replace(L, first);
    err = tdml_encode(L, first, 2, out, s, &opts);
  }
  lua_settop(L, first - 1);
  return err == TDM_OK;
}
