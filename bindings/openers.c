#include "openers.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "../core/error.h"
#include "../core/fork.h"
#include "../core/mem.h"

typedef struct opener {
  struct opener *next; /* the older ones */
  lua_CFunction open;
  char name[];
} opener;

static opener *newest; /* under the process's lock */

int tdml_openers_add(const char *name, lua_CFunction open) {
  size_t size = strlen(name) + 1;
  opener *o = tdm_mem_new(sizeof *o + size);
  if (o == NULL) return TDM_NOMEM;
  o->open = open;
  memcpy(o->name, name, size);
  tdm_process_lock();
  o->next = newest;
  newest = o;
  tdm_process_unlock();
  return TDM_OK;
}

/* The newest first: what is set already is not set again. */
static void set_all(lua_State *L) {
  tdm_process_lock();
  const opener *o = newest;
  tdm_process_unlock();
  for (; o != NULL; o = o->next) {
    int is_new = lua_getfield(L, -1, o->name) == LUA_TNIL;
    lua_pop(L, 1);
    if (!is_new) continue;
    lua_pushcfunction(L, o->open);
    lua_setfield(L, -2, o->name);
  }
}

static lua_CFunction from_address(lua_Integer n) {
  lua_CFunction open;
  uintptr_t address = (uintptr_t)n;
  memcpy(&open, &address, sizeof open);
  return open;
}

static lua_Integer to_address(lua_CFunction open) {
  uintptr_t address;
  memcpy(&address, &open, sizeof address);
  return (lua_Integer)address;
}

void tdml_openers_set(lua_State *L, int idx) {
  set_all(L);
  if (!lua_istable(L, idx)) return;
  int preload = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_pushvalue(L, -2);
    lua_pushcfunction(L, from_address(lua_tointeger(L, -2)));
    lua_settable(L, preload);
    lua_pop(L, 1);
  }
}

int tdml_opener_address(lua_State *L) {
  lua_settop(L, 1);
  lua_CFunction open = lua_tocfunction(L, 1);
  if (open == NULL) {
    luaL_pushfail(L);
    lua_pushliteral(L, "a C function");
    return 2;
  }
  if (lua_getupvalue(L, 1, 1) != NULL) {
    luaL_pushfail(L);
    lua_pushliteral(L, "a C function without upvalues");
    return 2;
  }
  lua_pushinteger(L, to_address(open));
  return 1;
}
