#include "pool.h"

#include <string.h>

#include "../core/nest.h"
#include "../core/shared.h"
#include "future.h"
#include "pump.h"

tdml_pool *tdml_checkpool(lua_State *L, int idx) {
  tdml_client *c = tdml_client_of(L);
  tdml_pool *p = tdml_testudata(L, idx, c->pool_mt);
  if (p == NULL) tdml_bad_object(L, idx, "pool");
  if (p->executor == NULL) luaL_argerror(L, idx, "the pool is collected");
  if (tdm_executor_is_foreign(p->executor))
    tdm_executor_try_adopt(p->executor, tdml_client_port(L, p->client));
  return p;
}

unsigned tdml_pool_width(const tdml_pool *p) {
  tdm_executor *e = p->executor;
  return tdm_shared_is_guest(e) ? tdm_shared_max_workers(e)
                                : tdm_nest_max_workers(e);
}

/* --- the pool itself --- */

/* close(pool): no more tasks */
static int pool_close(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdml_check_maker(L, p, "shutdown");
  tdml_pool_warn(p);
  tdm_executor_close(p->executor);
  return 0;
}

/* interrupt(pool): tells running tasks to end */
static int pool_interrupt(lua_State *L) {
  tdm_executor_interrupt(tdml_checkpool(L, 1)->executor);
  return 0;
}

/* kill(pool): ends running tasks, with their processes where they have some;
 * threads are told to end them */
static int pool_kill(lua_State *L) {
  tdm_executor_kill(tdml_checkpool(L, 1)->executor);
  return 0;
}

/* wait_over(pool, [timeout]) -> boolean; runs callbacks meanwhile */
static int pool_wait_over(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_time deadline = tdml_optdeadline(L, 2, 1, "shutdown");
  if (tdm_executor_is_foreign(p->executor)) return lua_pushboolean(L, 1), 1;
  while (!tdm_executor_is_over(p->executor))
    if (!tdml_wait_any(L, p->client, deadline)) break;
  tdml_pump(L, p->client);
  lua_pushboolean(L, tdm_executor_is_over(p->executor));
  return 1;
}

/* pool:cancel_pending() -> count */
static int pool_cancel_pending(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  size_t n = 0;
  if (!tdm_executor_is_foreign(p->executor))
    n = tdm_executor_cancel_pending(p->executor);
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

/* pool:resize(n) */
static int pool_resize(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdml_check_maker(L, p, "resize");
  lua_Integer n = lua_type(L, 2) == LUA_TNUMBER ? lua_tointeger(L, 2) : 0;
  int is_process = strcmp(p->executor->ops->kind, "process") == 0;
  int most = is_process ? TDM_MAX_PROCESSES : TDM_MAX_WORKERS;
  if (n < 1 || n > most)
    return tdml_argerror(L, 1, "resize", "expected 1 to %d workers, got %s",
                         most, luaL_tolstring(L, 2, NULL));
  if (p->executor->closed) return tdml_raise(L, TDM_CLOSED);
  int err = p->executor->ops->resize(p->executor, (unsigned)n);
  if (err != TDM_OK) return tdml_raise(L, err);
  p->warned = 0;
  return 0;
}

struct visit {
  tdm_executor *executor;
  tdm_task **list;
  size_t n, max;
};

static void note_unfinished(tdm_task *t, void *arg) {
  struct visit *v = arg;
  if (!(t->marks & TDM_AWAY) || (t->marks & TDM_SETTLED)) return;
  if (t->executor != v->executor || t->handles == 0) return;
  if (v->n < v->max) v->list[v->n] = t;
  v->n++;
}

static size_t find_unfinished(tdml_pool *p, tdm_task **list, size_t max) {
  struct visit v = {.executor = p->executor, .list = list, .max = max};
  tdm_slab_each(&p->client->port->slab, note_unfinished, &v);
  return v.n < max || list == NULL ? v.n : max;
}

/* Pushes a list of futures without tasks. */
static void push_boxes(lua_State *L, tdml_pool *p, size_t n) {
  lua_createtable(L, (int)n, 0);
  for (size_t i = 1; i <= n; i++) {
    tdml_future_push(L, p->client)->pool = p->number;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_rawseti(L, -2, (lua_Integer)i);
  }
}

/* unfinished(pool) -> list of futures, one for each of its tasks that is not
 * settled and still has a handle. All is allocated before they are looked for:
 * the collector may take the last handle of one, and its task, meanwhile. */
static int pool_unfinished(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_port_drain(tdml_client_port(L, p->client));
  size_t max = find_unfinished(p, NULL, 0);
  tdm_task **list = lua_newuserdatauv(L, max * sizeof(tdm_task *) + 1, 0);
  push_boxes(L, p, max);
  size_t n = find_unfinished(p, list, max);
  for (size_t i = 0; i < max; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    tdml_future *f = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (i < n) {
      list[i]->handles++;
      f->task = list[i];
    } else {
      lua_pushnil(L);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
  }
  return 1;
}

/* exit_timeout(pool) -> seconds */
static int pool_exit_timeout(lua_State *L) {
  lua_pushnumber(L, (lua_Number)tdml_checkpool(L, 1)->exit_timeout * 1e-9);
  return 1;
}

/* timeout(pool) -> seconds, or 0 for none */
static int pool_timeout(lua_State *L) {
  lua_pushnumber(L, tdml_checkpool(L, 1)->timeout);
  return 1;
}

/* describe(pool) -> "thread" | "process" | "serial", name, max_workers */
static int pool_describe(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  lua_pushstring(L, p->executor->ops->kind);
  lua_pushstring(L, p->executor->settings.name);
  lua_pushinteger(L, tdml_pool_width(p));
  return 3;
}

/* is_around(pool) -> boolean: is it the pool that runs this task? */
static int pool_is_around(lua_State *L) {
  lua_pushboolean(L, tdm_nest_is(tdml_checkpool(L, 1)->executor));
  return 1;
}

static int pool_tostring(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  tdml_pool *p = tdml_testudata(L, 1, c->pool_mt);
  if (p == NULL || p->executor == NULL) {
    lua_pushliteral(L, "tandem.Pool: closed");
    return 1;
  }
  tdm_executor *e = p->executor;
  int workers = (int)tdml_pool_width(p);
  lua_pushfstring(L, "tandem.Pool: %s '%s', %d worker%s%s", e->ops->kind,
                  e->settings.name, workers, workers == 1 ? "" : "s",
                  e->closed ? ", shut down" : "");
  return 1;
}

static int pool_newindex(lua_State *L) {
  return luaL_error(L, "a pool has no fields to set");
}

/* --- the end --- */

/* Waits without running callbacks: Lua is collecting, or closing. */
static int wait_until_over(tdml_pool *p, tdm_time timeout) {
  tdm_port *port = p->client->port;
  tdm_time deadline =
      timeout == TDM_FOREVER ? TDM_FOREVER : tdm_clock_now() + timeout;
  while (!tdm_executor_is_over(p->executor)) {
    tdm_port_drain(port);
    if (tdm_port_wait(port, NULL, 1, deadline, 0) == TDM_TIMEOUT) break;
  }
  tdm_port_drain(port);
  return tdm_executor_is_over(p->executor);
}

/* How long a killed process may take to be gone. */
#define KILL_TIMEOUT (5 * TDM_SECOND)

/* Processes that do not end in time are killed. */
static int end_by_force(tdml_pool *p) {
  if (p->executor->ops->kill == NULL) return 0;
  tdm_executor_kill(p->executor);
  return wait_until_over(p, KILL_TIMEOUT);
}

/* Collected without shutdown: pending tasks are cancelled, running ones told to
 * end and waited for. What will not end keeps its thread, the executor and the
 * port: the host goes on without them. */
static void end(tdml_pool *p) {
  tdm_executor *e = p->executor;
  if (tdm_executor_is_foreign(e)) {
    p->client->abandoned++;
    return;
  }
  if (!tdm_executor_is_over(e)) {
    tdm_executor_close(e);
    tdm_executor_cancel_pending(e);
    tdm_executor_interrupt(e);
  }
  int over = wait_until_over(p, p->exit_timeout) || end_by_force(p);
  /* A worker that was given up may yet come back; and before one goes that has,
   * what it submits may have started another. */
  int has_lost = e->ops->lost != NULL && e->ops->lost(e) != 0;
  if (over && !has_lost && wait_until_over(p, p->exit_timeout)) {
    tdm_executor_free(e);
    return;
  }
  if (e->ops->disown != NULL) e->ops->disown(e);
  p->client->abandoned++;
}

static int pool_gc(lua_State *L) {
  tdml_pool *p = lua_touserdata(L, 1);
  /* The nest of a worker is its state's, and ends with that. */
  if (p->executor != NULL && !tdm_nest_is(p->executor)) {
    end(p);
    p->client->pools--;
  }
  p->executor = NULL;
  if (p->client != NULL) tdml_client_release(p->client);
  p->client = NULL;
  return 0;
}

void tdml_open_pool(lua_State *L, tdml_client *c) {
  static const luaL_Reg methods[] = {{"submit", tdml_pool_submit},
                                     {"call", tdml_pool_call},
                                     {"cancel_pending", pool_cancel_pending},
                                     {"resize", pool_resize},
                                     {"stats", tdml_pool_stats},
                                     {"workers", tdml_pool_workers},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"submit_with", tdml_pool_submit_with},
                                       {"submit_chunk", tdml_pool_submit_chunk},
                                       {"submit_bytes", tdml_pool_submit_bytes},
                                       {"and_then", tdml_pool_then},
                                       {"pool_of", tdml_pool_of},
                                       {"pool_around", tdml_pool_around},
                                       {"is_around", pool_is_around},
                                       {"close", pool_close},
                                       {"interrupt", pool_interrupt},
                                       {"kill", pool_kill},
                                       {"wait_over", pool_wait_over},
                                       {"unfinished", pool_unfinished},
                                       {"describe", pool_describe},
                                       {"exit_timeout", pool_exit_timeout},
                                       {"timeout", pool_timeout},
                                       {"new_pool", tdml_pool_new},
                                       {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", pool_tostring},
                                  {"__newindex", pool_newindex},
                                  {"__gc", pool_gc},
                                  {NULL, NULL}};
  tdml_register(L, functions);
  luaL_newmetatable(L, TDML_POOL_MT);
  c->pool_mt = lua_topointer(L, -1);
  tdml_register(L, meta);
  lua_newtable(L);
  tdml_register(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "pool_methods");
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, TDML_POOL_MT);
  lua_setfield(L, -2, "__metatable");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "pool_meta");
  lua_pop(L, 1);
}
