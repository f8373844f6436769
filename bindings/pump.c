#include "pump.h"

#include "../core/fork.h"
#include "../core/then.h"
#include "future.h"

/* A callback that waits runs further callbacks inside; so deep and no deeper,
 * or the C stack would end. */
#define MAX_DEPTH 30

/* How long a state looks for an answer before it sleeps. Only where the last
 * submit found a worker awake: a woken worker is often put on this very
 * processor, and would starve. */
#define SPIN (20 * INT64_C(1000))

static int do_nothing(lua_State *L) {
  (void)L;
  return 0;
}

void tdml_let_hooks_run(lua_State *L) {
  lua_pushcfunction(L, do_nothing);
  lua_call(L, 0, 0);
}

/* on_callback_error(err, future, traceback), which must not raise itself. */
static void report(lua_State *L, int future, const char *trace) {
  lua_getiuservalue(L, lua_upvalueindex(1), 2);
  lua_insert(L, -2);
  lua_pushvalue(L, future);
  lua_pushstring(L, trace);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) lua_pop(L, 1);
}

static int add_traceback(lua_State *L) {
  luaL_traceback(L, L, NULL, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, "tandem.traceback");
  lua_settop(L, 1);
  return 1;
}

void tdml_call_back(lua_State *L, tdml_client *c, int future) {
  int top = lua_gettop(L);
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, top);
  lua_pushvalue(L, future);
  c->depth++;
  int status = lua_pcall(L, 1, 0, top);
  c->depth--;
  if (status != LUA_OK) {
    lua_getfield(L, LUA_REGISTRYINDEX, "tandem.traceback");
    lua_insert(L, -2);
    report(L, future, lua_tostring(L, -2));
  }
  lua_settop(L, top - 1);
}

/* Calls, in order, the callbacks of the future at the top of the stack, and
 * those that they add to it meanwhile. */
static int call_all_back(lua_State *L, tdml_client *c) {
  int future = lua_gettop(L), n = 0;
  if (!tdml_future_getnotes(L, future)) return 0;
  lua_getfield(L, -1, "callbacks");
  while (lua_istable(L, -1) && lua_rawgeti(L, -1, n + 1) != LUA_TNIL) {
    tdml_call_back(L, c, future);
    n++;
  }
  lua_settop(L, future);
  lua_getiuservalue(L, future, 1);
  lua_pushnil(L);
  lua_setfield(L, -2, "callbacks");
  lua_settop(L, future);
  return n;
}

int tdml_pump(lua_State *L, tdml_client *c) {
  int n = 0;
  if (c->port == NULL) return 0;
  tdm_port_drain(c->port);
  if (c->port->ready == NULL || c->depth >= MAX_DEPTH) return 0;
  luaL_checkstack(L, 20, "too many values");
  tdm_task *t;
  while ((t = tdm_port_try_ready(c->port)) != NULL) {
    lua_getiuservalue(L, lua_upvalueindex(1), 1);
    lua_rawgetp(L, -1, t);
    lua_pushnil(L);
    lua_rawsetp(L, -3, t);
    n += call_all_back(L, c);
    lua_pop(L, 2);
    tdm_port_drain(c->port);
  }
  return n;
}

static tdm_time spin_for(tdml_client *c, const tdm_task *t) {
  if (c->port->submit_woke || t->executor == NULL) return 0;
  tdm_time most = t->executor->settings.spin;
  return most < SPIN ? most : SPIN;
}

static void check_process(lua_State *L, tdml_client *c) {
  if (c->fork_generation != tdm_fork_generation()) tdml_raise(L, TDM_FORKED);
}

/* In a forked child the parent's tasks have the parent's port, and nobody will
 * ever deliver them here. */
static void check_owner(lua_State *L, tdml_client *c, tdm_task *t) {
  check_process(L, c);
  if (tdm_port_of(t) != c->port) tdml_raise(L, TDM_FORKED);
}

static int has_passed(tdm_time deadline) {
  return deadline != TDM_FOREVER && tdm_clock_now() >= deadline;
}

static int is_settled(const tdm_task *t) { return t->marks & TDM_SETTLED; }

int tdml_wait_task(lua_State *L, tdml_client *c, tdm_task *t,
                   tdm_time deadline) {
  for (;;) {
    /* A callback that asks for a result which is there goes on undisturbed. */
    int is_there = is_settled(t) && !(t->marks & TDM_WATCHED);
    if (!is_there || c->depth == 0) tdml_pump(L, c);
    if (is_settled(t)) return 1;
    check_owner(L, c, t);
    if (has_passed(deadline)) return 0;
    /* With callbacks to run, any task may be the one that matters; a future
     * that is not of an executor settles by callbacks only. */
    int any = c->port->watched != 0 || t->executor == NULL;
    int err =
        tdm_port_wait(c->port, any ? NULL : t, 1, deadline, spin_for(c, t));
    if (err == TDM_INTR) tdml_let_hooks_run(L);
  }
}

/* Sleeps until `count` more tasks are back. False: the deadline came first. */
static int sleep_for(lua_State *L, tdml_client *c, int count,
                     tdm_time deadline) {
  check_process(L, c);
  if (has_passed(deadline)) return 0;
  /* A task with callbacks may have to be heard of before. */
  if (c->port->watched != 0) count = 1;
  int err = tdm_port_wait(c->port, NULL, count, deadline, 0);
  if (err == TDM_INTR) tdml_let_hooks_run(L);
  return err != TDM_TIMEOUT;
}

int tdml_wait_any(lua_State *L, tdml_client *c, tdm_time deadline) {
  size_t drained = tdm_port_drain(c->port);
  if (tdml_pump(L, c) > 0 || drained > 0) return 1;
  int in_time = sleep_for(L, c, 1, deadline);
  tdml_pump(L, c);
  return in_time;
}

/* How many of the list must yet settle before it is worth looking again; 0 when
 * the wait is over. Takes nothing in: a task that settled between the counting
 * and the sleep would be waited for in vain. */
static int still_wanted(lua_State *L, tdml_client *c, int idx,
                        enum tdml_until until) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
  int left = 0, settled = 0, failed = 0, held = 0;
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, idx, i);
    tdm_task *t = tdml_checkfuture(L, -1);
    lua_pop(L, 1);
    if (!is_settled(t)) {
      check_owner(L, c, t);
      left++;
      held += tdm_then_is_held(t);
    } else if (t->state == TDM_FAILED || t->state == TDM_EXPIRED)
      failed = 1;
    else
      settled = 1;
  }
  if (left == 0 || until == TDML_ALL) return held ? 1 : left;
  if (failed || (settled && until == TDML_FIRST)) return 0;
  return 1;
}

void tdml_wait_list(lua_State *L, tdml_client *c, int idx,
                    enum tdml_until until, tdm_time deadline) {
  int n;
  tdml_pump(L, c);
  while ((n = still_wanted(L, c, idx, until)) != 0) {
    if (!tdm_port_has(c->port) && !sleep_for(L, c, n, deadline)) {
      tdml_pump(L, c);
      return;
    }
    tdml_pump(L, c);
  }
}
