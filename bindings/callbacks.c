/* The callbacks of a future: on_done, and what takes one back. */
#include <string.h>

#include "future.h"
#include "pump.h"

/* Puts in the place of the handle at index 1 the one that has the callbacks: a
 * list of unfinished futures has handles of its own. */
static void go_to_anchored(lua_State *L, const tdm_task *t) {
  lua_getiuservalue(L, lua_upvalueindex(1), 1);
  if (lua_rawgetp(L, -1, t) == LUA_TUSERDATA)
    lua_replace(L, 1);
  else
    lua_pop(L, 1);
  lua_pop(L, 1);
}

/* Keeps the handle at index 1, or lets it go. */
static void set_anchor(lua_State *L, const tdm_task *t, int keep) {
  lua_getiuservalue(L, lua_upvalueindex(1), 1);
  if (keep)
    lua_pushvalue(L, 1);
  else
    lua_pushnil(L);
  lua_rawsetp(L, -2, t);
  lua_pop(L, 1);
}

static void add_callback(lua_State *L) {
  int top = lua_gettop(L);
  tdml_future_neednotes(L, 1);
  if (lua_getfield(L, -1, "callbacks") != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "callbacks");
  }
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_settop(L, top);
}

/* Takes the callback at index 2 out of those of the handle at index 1. True: it
 * was the last. */
static int remove_callback(lua_State *L) {
  if (!tdml_future_getnotes(L, 1)) return 0;
  if (lua_getfield(L, -1, "callbacks") != LUA_TTABLE) return 0;
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1), i;
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    int found = lua_rawequal(L, -1, 2);
    lua_pop(L, 1);
    if (found) break;
  }
  if (i > n) return 0;
  for (; i <= n; i++) {
    lua_rawgeti(L, -1, i + 1);
    lua_rawseti(L, -2, i);
  }
  return n == 1;
}

static void check_callable(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TFUNCTION) return;
  if (luaL_getmetafield(L, idx, "__call") == LUA_TNIL)
    tdml_expected(L, idx, idx - 1, "on_done", "a function");
  lua_pop(L, 1);
}

/* Deeper than this, a callback on a settled future waits for its turn instead
 * of running inside the one that adds it. */
#define MAX_NESTED 8

/* At once, for a future that is done. One that is found to be done only now
 * waits behind those that were done before it. */
static int is_callback_due(lua_State *L, tdml_client *c, tdm_task *t) {
  int known = t->marks & TDM_SETTLED;
  tdml_future_look(L, t);
  if (!(t->marks & TDM_SETTLED) || (t->marks & TDM_WATCHED)) return 0;
  return c->depth < MAX_NESTED && (known || c->port->ready == NULL);
}

/* future:on_done(fn) -> future */
int tdml_future_on_done(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdml_client *c = tdml_client_of(L);
  check_callable(L, 2);
  lua_settop(L, 2);
  if (is_callback_due(L, c, t)) {
    tdml_call_back(L, c, 1);
    tdml_raise_interruption(L, c);
    if (c->depth == 0) tdml_client_tell_loop(L, c);
    return 1;
  }
  lua_pushvalue(L, 1);
  go_to_anchored(L, t);
  add_callback(L);
  set_anchor(L, t, 1);
  tdm_port_watch(t);
  tdml_client_tell_loop(L, c);
  return 1;
}

int tdml_future_forget(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  lua_settop(L, 2);
  go_to_anchored(L, t);
  if (remove_callback(L) && !(t->marks & TDM_SETTLED)) {
    tdm_port_unwatch(t);
    set_anchor(L, t, 0);
    tdml_client_tell_loop(L, tdml_client_of(L));
  }
  return 0;
}
