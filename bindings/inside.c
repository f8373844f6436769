#include "inside.h"

#include <string.h>

#include "client.h"
#include "pump.h"

static char ctl_key; /* its address is the key in the registry */

tdm_ctl *tdml_ctl_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &ctl_key);
  tdm_ctl *ctl = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return ctl;
}

/* os.exit([code]): in a thread it would end the host, so it ends the task. */
static int exit_task(lua_State *L) {
  lua_Integer code = 0;
  if (lua_isboolean(L, 1))
    code = lua_toboolean(L, 1) ? 0 : 1;
  else
    code = luaL_optinteger(L, 1, 0);
  tdml_pusherror(L, "exit", "the task called os.exit(%lld)", (long long)code);
  lua_pushinteger(L, code);
  lua_setfield(L, -2, "code");
  const tdm_ctl *ctl = tdml_ctl_of(L);
  if (ctl->task != NULL) tdml_seterrorstring(L, "task", ctl->task->func->label);
  lua_pushinteger(L, ctl->worker);
  lua_setfield(L, -2, "worker");
  return lua_error(L);
}

/* print, but a line in one piece whatever the other workers print. */
static int print_line(lua_State *L) {
  int n = lua_gettop(L);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 1; i <= n; i++) {
    if (i > 1) luaL_addchar(&b, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&b);
  }
  luaL_addchar(&b, '\n');
  luaL_pushresult(&b);
  size_t size;
  const char *line = lua_tolstring(L, -1, &size);
  tdm_ctl_print(tdml_ctl_of(L), line, size);
  return 0;
}

void tdml_move_in(lua_State *L, tdm_ctl *ctl) {
  lua_pushlightuserdata(L, ctl);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &ctl_key);
  lua_pushcfunction(L, print_line);
  lua_setglobal(L, "print");
  /* A worker process may end. */
  if (strcmp(ctl->pool_kind, "process") == 0 && !ctl->is_caller) return;
  lua_getglobal(L, "os");
  lua_pushcfunction(L, exit_task);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}

/* tandem.current() -> { task, worker, pool, attempt }, or nil outside */
static int inside_current(lua_State *L) {
  tdm_ctl *ctl = tdml_client_of(L)->ctl;
  if (ctl == NULL || ctl->task == NULL) return luaL_pushfail(L), 1;
  lua_createtable(L, 0, 5);
  lua_pushstring(L, ctl->task->func->label);
  lua_setfield(L, -2, "task");
  lua_pushinteger(L, ctl->worker);
  lua_setfield(L, -2, "worker");
  lua_pushstring(L, ctl->pool_kind);
  lua_setfield(L, -2, "pool");
  lua_pushstring(L, ctl->pool_name);
  lua_setfield(L, -2, "pool_name");
  lua_pushinteger(L, ctl->task->attempt);
  lua_setfield(L, -2, "attempt");
  return 1;
}

/* tandem.cancelled() -> boolean */
static int inside_cancelled(lua_State *L) {
  tdm_ctl *ctl = tdml_client_of(L)->ctl;
  lua_pushboolean(L, ctl != NULL && (tdm_load_relaxed(&ctl->stop->cancelled) ||
                                     tdm_ctl_why(ctl) != TDM_WHY_NOT));
  return 1;
}

static uint64_t bits_of(lua_State *L, int idx, unsigned float_kind,
                        unsigned *kinds) {
  if (lua_type(L, idx) != LUA_TNUMBER)
    tdml_expected(L, idx, idx, "progress", "a number");
  if (lua_isinteger(L, idx)) return (uint64_t)lua_tointeger(L, idx);
  double x = (double)lua_tonumber(L, idx);
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  *kinds |= float_kind;
  return bits;
}

/* tandem.progress(done, [total, [note]]): how far this task is, for
 * future:progress. Outside of a task nobody asks. */
static int inside_progress(lua_State *L) {
  tdm_ctl *ctl = tdml_client_of(L)->ctl;
  unsigned kinds = 0;
  uint64_t done = bits_of(L, 1, TDM_PROGRESS_FLOAT_DONE, &kinds), total = 0;
  if (!lua_isnoneornil(L, 2)) {
    total = bits_of(L, 2, TDM_PROGRESS_FLOAT_TOTAL, &kinds);
    kinds |= TDM_PROGRESS_HAS_TOTAL;
  }
  if (!lua_isnoneornil(L, 3) && lua_type(L, 3) != LUA_TSTRING)
    return tdml_expected(L, 3, 3, "progress", "a string");
  if (ctl != NULL && ctl->task != NULL)
    tdm_progress_set(ctl->progress, done, total, kinds, lua_tostring(L, 3));
  return 0;
}

/* In a state of the host: a call that waits, so callbacks run meanwhile. */
static void sleep_outside(lua_State *L, tdml_client *c, tdm_time deadline) {
  tdm_park none = {0};
  int err = TDM_OK;
  do {
    int awaited = c->port != NULL && (tdml_pump(L, c), c->port->watched != 0);
    err = awaited ? tdml_port_wait(L, c->port, NULL, 1, deadline, 0)
                  : tdml_park_wait(L, &none, deadline);
  } while (err != TDM_TIMEOUT);
  tdml_pump(L, c);
}

/* tandem.sleep(seconds); in a task it ends with kind "cancelled" when the task
 * is told to end. */
static int inside_sleep(lua_State *L) {
  if (lua_type(L, 1) != LUA_TNUMBER)
    return tdml_expected(L, 1, 1, "sleep", "a number of seconds");
  tdm_time deadline = tdm_clock_deadline((double)lua_tonumber(L, 1));
  tdml_client *c = tdml_client_of(L);
  tdm_ctl *ctl = c->ctl;
  if (ctl == NULL)
    sleep_outside(L, c, deadline);
  else if (tdm_ctl_sleep(ctl, deadline) == TDM_ABORTED)
    return tdml_raise(L, TDM_ABORTED);
  return 0;
}

void tdml_open_inside(lua_State *L) {
  static const luaL_Reg functions[] = {{"current", inside_current},
                                       {"cancelled", inside_cancelled},
                                       {"progress", inside_progress},
                                       {"sleep", inside_sleep},
                                       {NULL, NULL}};
  tdml_register(L, functions);
}
