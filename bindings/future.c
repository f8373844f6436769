#include "future.h"

#include <string.h>

#include "outcome.h"
#include "pump.h"

static tdml_future *push(lua_State *L, tdml_client *c, int values) {
  tdml_future *f = lua_newuserdatauv(L, sizeof *f, values);
  *f = (tdml_future){.task = NULL};
  lua_pushvalue(L, TDML_FUTURE_META);
  lua_setmetatable(L, -2);
  f->client = c;
  tdml_client_retain(c);
  return f;
}

tdml_future *tdml_future_push(lua_State *L, tdml_client *c) {
  return push(L, c, 1);
}

tdml_future *tdml_future_push_next(lua_State *L, tdml_client *c) {
  return push(L, c, 2);
}

void tdml_future_sethold(lua_State *L, int idx, int before) {
  tdml_future *f = lua_touserdata(L, before);
  if (f->task->marks & TDM_SETTLED) return;
  f->thens++;
  lua_pushvalue(L, before);
  lua_setiuservalue(L, idx, 2);
}

static tdm_task *testfuture(lua_State *L, int idx) {
  tdml_client *c = tdml_client_of(L);
  tdml_future *f = tdml_testudata(L, idx, c->future_mt);
  return f == NULL ? NULL : f->task;
}

tdm_task *tdml_checkfuture(lua_State *L, int idx) {
  tdm_task *t = testfuture(L, idx);
  if (t == NULL) tdml_bad_object(L, idx, "future");
  return t;
}

/* --- notes ---------------------------------------------------------------- */

int tdml_future_getnotes(lua_State *L, int idx) {
  if (lua_getiuservalue(L, idx, 1) == LUA_TTABLE) return 1;
  lua_pop(L, 1);
  return 0;
}

void tdml_future_neednotes(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (tdml_future_getnotes(L, idx)) return;
  lua_createtable(L, 0, 2);
  lua_getiuservalue(L, idx, 1);
  lua_setfield(L, -2, "pool");
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, idx, 1);
}

/* A settled future needs its pool no longer, nor the future before it. */
static void drop_pool(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  lua_pushnil(L);
  lua_setiuservalue(L, idx, 2);
  switch (lua_getiuservalue(L, idx, 1)) {
    case LUA_TUSERDATA:
      lua_pushnil(L);
      lua_setiuservalue(L, idx, 1);
      break;
    case LUA_TTABLE:
      lua_pushnil(L);
      lua_setfield(L, -2, "pool");
      break;
    default:
      break;
  }
  lua_pop(L, 1);
}

/* --- methods --- */

static const char *status_of(tdm_task *t) {
  static const char *const names[] = {"pending", "running",   "running", "done",
                                      "failed",  "cancelled", "failed"};
  return names[tdm_executor_state(t)];
}

static int raise_timeout(lua_State *L, tdm_task *t) {
  tdml_pusherror(L, "timeout", "the task is still %s", status_of(t));
  const tdm_func *func = tdm_peek(&t->func);
  if (func != NULL) tdml_seterrorstring(L, "task", func->label);
  if (lua_isnumber(L, 2)) tdml_seterrornumber(L, "waited", lua_tonumber(L, 2));
  return tdml_throw(L);
}

/* future:result([timeout]) -> values; raises the task's error */
int tdml_future_result(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdm_time deadline = tdml_optdeadline(L, 2, 1, "result");
  if (!tdml_wait_task(L, tdml_client_of(L), t, deadline))
    return raise_timeout(L, t);
  lua_settop(L, 1);
  drop_pool(L, 1);
  switch (tdm_load_relaxed(&t->state)) {
    case TDM_DONE:
      return tdml_outcome_push(L, t);
    case TDM_FAILED:
      return tdml_outcome_raise(L, t);
    default:
      tdml_push_unsaid(L, t);
      return lua_error(L);
  }
}

/* future:wait([timeout]) -> boolean */
static int future_wait(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdm_time deadline = tdml_optdeadline(L, 2, 1, "wait");
  int settled = tdml_wait_task(L, tdml_client_of(L), t, deadline);
  if (settled) drop_pool(L, 1);
  lua_pushboolean(L, settled);
  return 1;
}

/* future:error([timeout]) -> nil | value, traceback */
static int future_error(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdm_time deadline = tdml_optdeadline(L, 2, 1, "error");
  if (!tdml_wait_task(L, tdml_client_of(L), t, deadline))
    return raise_timeout(L, t);
  lua_settop(L, 1);
  switch (tdm_load_relaxed(&t->state)) {
    case TDM_DONE:
      lua_pushnil(L);
      return 1;
    case TDM_FAILED:
      tdml_outcome_push_failure(L, t, 1);
      return 2;
    default:
      tdml_push_unsaid(L, t);
      return 1;
  }
}

/* A future that is not of an executor settles by the callbacks of others. */
void tdml_future_look(lua_State *L, tdm_task *t) {
  tdml_client *c = tdml_client_of(L);
  if (t->marks & TDM_SETTLED) return;
  if (t->executor == NULL)
    tdml_pump(L, c);
  else
    tdm_port_drain(tdm_port_of(t));
}

/* future:status() -> string */
static int future_status(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdml_future_look(L, t);
  lua_pushstring(L, status_of(t));
  return 1;
}

/* future:done() -> boolean */
static int future_done(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdml_future_look(L, t);
  lua_pushboolean(L, t->marks & TDM_SETTLED);
  return 1;
}

/* A composite future has in its notes what to do besides. */
static void run_on_cancel(lua_State *L, int idx) {
  if (tdml_future_getnotes(L, idx)) {
    if (lua_getfield(L, -1, "on_cancel") == LUA_TFUNCTION)
      lua_call(L, 0, 0);
    else
      lua_pop(L, 1);
    lua_pop(L, 1);
  }
}

typedef int (*canceller)(tdm_task *t);

/* The mode at idx. A thread cannot be killed; a future that has settled need
 * not be. */
static canceller check_mode(lua_State *L, int idx, const tdm_task *t) {
  static const struct {
    const char *name;
    canceller cancel;
  } modes[] = {{"pending", tdm_executor_try_cancel},
               {"interrupt", tdm_executor_try_interrupt},
               {"kill", tdm_executor_try_kill}};
  const char *mode = "pending";
  size_t i = 0, n = sizeof modes / sizeof *modes;
  if (!lua_isnoneornil(L, idx))
    mode = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : NULL;
  while (i < n && (mode == NULL || strcmp(mode, modes[i].name) != 0)) i++;
  if (i == n)
    tdml_argerror(L, idx - 1, "cancel",
                  "expected the mode \"pending\", \"interrupt\" or \"kill\", "
                  "got %s",
                  mode ? mode : luaL_typename(L, idx));
  int away = !(t->marks & TDM_SETTLED) && t->executor != NULL;
  if (modes[i].cancel == tdm_executor_try_kill && away &&
      t->executor->ops->try_kill == NULL)
    tdml_argerror(L, idx - 1, "cancel",
                  "a task of a %s pool cannot be killed; a process pool's can",
                  t->executor->ops->kind);
  return modes[i].cancel;
}

/* The future on top of the stack was cancelled: so is the one before it, where
 * nobody else wants its result, and so on. Not by recursion: a chain may be
 * long. */
static void cancel_before(lua_State *L, canceller cancel) {
  for (;;) {
    int has_one = lua_getiuservalue(L, -1, 2) == LUA_TUSERDATA;
    lua_insert(L, -2);
    drop_pool(L, -1);
    run_on_cancel(L, -1);
    lua_pop(L, 1);
    if (!has_one) return;
    tdml_future *f = lua_touserdata(L, -1);
    if (--f->thens != 0 || (f->task->marks & TDM_SETTLED)) return;
    if (!cancel(f->task) || !(f->task->marks & TDM_SETTLED)) return;
  }
}

/* future:cancel([mode]) -> boolean */
static int future_cancel(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  canceller cancel = check_mode(L, 2, t);
  lua_settop(L, 1);
  int was_pending = !(t->marks & TDM_SETTLED);
  if (was_pending && cancel(t) && (t->marks & TDM_SETTLED))
    cancel_before(L, cancel);
  tdml_future_look(L, t);
  lua_pushboolean(L, t->state == TDM_CANCELLED || t->state == TDM_STOPPING);
  return 1;
}

static void set_time(lua_State *L, const char *field, tdm_time t) {
  lua_pushnumber(L, (lua_Number)t * 1e-9);
  lua_setfield(L, -2, field);
}

/* future:info() -> table */
static int future_info(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdml_future_look(L, t);
  int settled = t->marks & TDM_SETTLED;
  lua_createtable(L, 0, 10);
  const tdm_func *func = tdm_peek(&t->func);
  if (func != NULL) {
    lua_pushstring(L, func->label);
    lua_setfield(L, -2, "task");
  }
  lua_pushstring(L, status_of(t));
  lua_setfield(L, -2, "status");
  lua_pushinteger(L, t->attempt);
  lua_setfield(L, -2, "attempt");
  lua_pushinteger(L, (lua_Integer)tdm_peek(&t->bytes_in));
  lua_setfield(L, -2, "bytes_in");
  tdm_time queued = tdm_peek(&t->queued);
  if (queued != 0) set_time(L, "queued", queued);
  if (settled && t->state != TDM_CANCELLED && func != NULL) {
    set_time(L, "started", t->started);
    set_time(L, "finished", t->finished);
    if (t->state != TDM_EXPIRED) {
      lua_pushnumber(L, (lua_Number)t->cpu);
      lua_setfield(L, -2, "cpu");
    }
    lua_pushinteger(L, t->worker);
    lua_setfield(L, -2, "worker");
    lua_pushinteger(L, (lua_Integer)t->bytes_out);
    lua_setfield(L, -2, "bytes_out");
  }
  return 1;
}

static void push_number(lua_State *L, uint64_t bits, int is_float) {
  double x;
  memcpy(&x, &bits, sizeof x);
  if (is_float)
    lua_pushnumber(L, (lua_Number)x);
  else
    lua_pushinteger(L, (lua_Integer)bits);
}

/* future:progress() -> done, total or nil, note or nil: what the task last
 * said; nothing where it said nothing */
static int future_progress(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  tdm_progress_view v;
  tdml_future_look(L, t);
  if (!tdm_executor_progress(t, &v)) return luaL_pushfail(L), 1;
  push_number(L, v.done, (v.kinds & TDM_PROGRESS_FLOAT_DONE) != 0);
  if (v.kinds & TDM_PROGRESS_HAS_TOTAL)
    push_number(L, v.total, (v.kinds & TDM_PROGRESS_FLOAT_TOTAL) != 0);
  else
    lua_pushnil(L);
  if (v.note[0] != '\0')
    lua_pushstring(L, v.note);
  else
    lua_pushnil(L);
  return 3;
}

static int future_tostring(lua_State *L) {
  tdm_task *t = testfuture(L, 1);
  if (t == NULL) {
    lua_pushliteral(L, "tandem.Future: closed");
    return 1;
  }
  tdm_port_drain(tdm_port_of(t));
  const tdm_func *func = tdm_peek(&t->func);
  lua_pushfstring(L, "tandem.Future: %p %s %s", (void *)t,
                  func != NULL ? func->label : "group", status_of(t));
  return 1;
}

static int future_eq(lua_State *L) {
  tdm_task *a = testfuture(L, 1), *b = testfuture(L, 2);
  lua_pushboolean(L, a != NULL && a == b);
  return 1;
}

static int future_newindex(lua_State *L) {
  return luaL_error(L, "a future has no fields to set");
}

static int future_gc(lua_State *L) {
  tdml_future *f = lua_touserdata(L, 1);
  if (f->task != NULL) tdm_port_release(f->task);
  if (f->client != NULL) tdml_client_release(f->client);
  *f = (tdml_future){.task = NULL};
  return 0;
}

void tdml_open_future(lua_State *L, tdml_client *c) {
  static const luaL_Reg methods[] = {{"result", tdml_future_result},
                                     {"wait", future_wait},
                                     {"error", future_error},
                                     {"status", future_status},
                                     {"done", future_done},
                                     {"cancel", future_cancel},
                                     {"on_done", tdml_future_on_done},
                                     {"info", future_info},
                                     {"progress", future_progress},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", future_tostring},
                                  {"__eq", future_eq},
                                  {"__newindex", future_newindex},
                                  {"__gc", future_gc},
                                  {NULL, NULL}};
  luaL_getmetatable(L, TDML_FUTURE_MT);
  c->future_mt = lua_topointer(L, -1);
  tdml_register(L, meta);
  lua_newtable(L);
  tdml_register(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "future_methods");
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, TDML_FUTURE_MT);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
