#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/cpu.h"
#include "../core/mem.h"
#include "../core/os.h"
#include "api.h"
#include "chunk.h"
#include "client.h"
#include "inside.h"
#include "load.h"
#include "mapping.h"
#include "openers.h"
#include "outcome.h"
#include "pool.h"
#include "pump.h"
#include "tty.h"

/* --- futures that are settled by hand: all, any --- */

/* new_promise() -> future that belongs to no pool */
static int new_promise(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  tdml_future *f = tdml_future_push(L, c);
  f->task = tdm_port_new_task(tdml_client_port(L, c));
  if (f->task == NULL) return tdml_nomem(L);
  return 1;
}

/* notes(future) -> table */
static int future_notes(lua_State *L) {
  tdml_checkfuture(L, 1);
  tdml_future_neednotes(L, 1);
  return 1;
}

/* settle(promise, ok): done or failed, as the notes say; false if it was */
static int settle(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  int settled = t->marks & TDM_SETTLED;
  if (!settled) {
    uint8_t state = lua_toboolean(L, 2) ? TDM_DONE : TDM_FAILED;
    tdm_store_total(&t->state, state);
    tdm_port_settle(t);
    tdml_future_pass(L, 1);
  }
  lua_pushboolean(L, !settled);
  return 1;
}

/* --- waiting --- */

/* A deadline in seconds of now(), nil for none. */
static tdm_time optdeadline(lua_State *L, int idx) {
  if (lua_isnoneornil(L, idx)) return TDM_FOREVER;
  double seconds = luaL_checknumber(L, idx);
  return seconds < 9e9 ? (tdm_time)(seconds * 1e9) : TDM_FOREVER;
}

/* wait_any([deadline]) -> boolean: until something may have changed; false when
 * the deadline has passed */
static int wait_any(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  tdm_time deadline = optdeadline(L, 1);
  tdml_client_port(L, c);
  lua_pushboolean(L, tdml_wait_any(L, c, deadline));
  return 1;
}

/* wait_list(futures, until, [deadline]): "all", "first", "first_error" */
static int wait_list(lua_State *L) {
  static const char *const names[] = {"all", "first", "first_error", NULL};
  tdml_client *c = tdml_client_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  int until = luaL_checkoption(L, 2, "all", names);
  tdm_time deadline = optdeadline(L, 3);
  tdml_client_port(L, c);
  tdml_wait_list(L, c, 1, (enum tdml_until)until, deadline);
  return 0;
}

/* poll([timeout]) -> count of callbacks that ran */
static int poll_callbacks(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  tdm_time deadline = lua_isnoneornil(L, 1) ? tdm_clock_now()
                                            : tdml_optdeadline(L, 1, 1, "poll");
  tdm_port *port = tdml_client_port(L, c);
  tdm_port_clear_fd(port);
  int n = tdml_pump_once(L, c);
  while (n == 0 && tdm_clock_now() < deadline) {
    if (!tdml_try_help(L, c)) tdml_port_wait(L, port, NULL, 1, deadline, 0);
    tdm_port_clear_fd(port);
    n = tdml_pump_once(L, c);
  }
  lua_pushinteger(L, n);
  return 1;
}

/* fileno() -> descriptor */
static int fileno_of_state(lua_State *L) {
  int fd = tdm_port_fileno(tdml_client_port(L, tdml_client_of(L)));
  if (fd < 0) {
    tdml_pusherror(L, "limit", "no descriptor is left for tandem.fileno");
    return lua_error(L);
  }
  lua_pushinteger(L, fd);
  return 1;
}

/* --- small things --- */

static int now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)tdm_clock_now() * 1e-9);
  return 1;
}

static int cpu_count(lua_State *L) {
  lua_pushinteger(L, tdm_cpu_count());
  return 1;
}

static int cwd(lua_State *L) {
  char path[4096];
  if (getcwd(path, sizeof path) == NULL) return luaL_pushfail(L), 1;
  lua_pushstring(L, path);
  return 1;
}

/* worker_beside() -> path of the worker program beside this very module, or nil
 * where that cannot be told */
static int worker_beside(lua_State *L) {
  char folder[4096];
  if (!tdm_os_own_folder(folder, sizeof folder)) return luaL_pushfail(L), 1;
  lua_pushfstring(L, "%s/tandem-worker", folder);
  return 1;
}

/* loaded(name) -> what require has kept under that name, or nil; also where the
 * host has no package */
static int loaded_module(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, luaL_checkstring(L, 1));
  return 1;
}

/* getenv(name) -> string or nil; also where the host has no os */
static int get_environment(lua_State *L) {
  lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
  return 1;
}

/* is_program(path) -> true; or false and what is wrong with it */
static int is_program(lua_State *L) {
  /* As of the effective user, as exec does it. */
  int ok = faccessat(AT_FDCWD, luaL_checkstring(L, 1), X_OK, AT_EACCESS) == 0;
  lua_pushboolean(L, ok);
  if (ok) return 1;
  lua_pushstring(L, strerror(errno));
  return 2;
}

/* write_error(text): to stderr, also where the host has no io */
static int write_error(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  fwrite(s, 1, n, stderr);
  fflush(stderr);
  return 0;
}

/* on_callback_error(fn): who hears of errors in callbacks */
static int set_error_handler(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), 2);
  return 0;
}

/* set_loop(fn): fn(true) is called when a first callback is to come, fn(false)
 * when no more are. True: some are to come now */
static int set_loop(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), 6);
  c->has_loop = 1;
  c->held = c->port != NULL && tdm_port_is_watching(c->port);
  lua_pushboolean(L, c->held);
  return 1;
}

/* set_home(prefix): of the sources of our own modules */
static int set_home(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  tdml_set_home(L);
  return 0;
}

/* new_error(kind, message) -> error object */
static int new_error(lua_State *L) {
  tdml_pusherror(L, luaL_checkstring(L, 1), "%s", luaL_checkstring(L, 2));
  return 1;
}

/* is_error(value, [kind]) -> boolean */
static int is_error(lua_State *L) {
  const char *kind = luaL_optstring(L, 2, NULL);
  lua_pushboolean(L, tdml_iserror(L, 1, kind));
  return 1;
}

/* is_settled(future) -> boolean; unlike done it takes nothing in and runs no
 * callback */
static int is_settled(lua_State *L) {
  lua_pushboolean(L, tdml_checkfuture(L, 1)->marks & TDM_SETTLED);
  return 1;
}

static int is_future(lua_State *L) {
  void *p = tdml_testudata(L, 1, tdml_client_of(L)->future_mt);
  lua_pushboolean(L, p != NULL);
  return 1;
}

static int is_pool(lua_State *L) {
  void *p = tdml_testudata(L, 1, tdml_client_of(L)->pool_mt);
  lua_pushboolean(L, p != NULL);
  return 1;
}

/* encode(...) -> bytes; the codec by itself, for its tests */
static int encode(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  tdml_encode_opts opts = {TDML_REFUSE_MT, "argument", 1};
  c->buf.n = 0;
  int err = tdml_encode(L, 1, lua_gettop(L), &c->buf, c->scratch, &opts);
  if (err == TDM_ENCODE) {
    tdml_pusherror(L, "encode", "%s", tdml_scratch_message(c->scratch));
    tdml_seterrorstring(L, "path", tdml_scratch_path(c->scratch));
    return lua_error(L);
  }
  if (err != TDM_OK) return tdml_nomem(L);
  lua_pushlstring(L, c->buf.p, c->buf.n);
  return 1;
}

/* decode(bytes) -> values */
static int decode(lua_State *L) {
  size_t n;
  const char *p = luaL_checklstring(L, 1, &n);
  int values = tdml_decode(L, p, n);
  if (values < 0) return tdml_raise(L, values);
  return values;
}

static void add_payload(tdm_task *t, void *arg) {
  if (t->payload.n > TDM_INLINE) *(size_t *)arg += t->payload.n;
}

/* debug_counts() -> { pools, tasks, memory }: what of ours is live; memory is
 * the bytes of arguments and results */
static int debug_counts(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  if (c->port != NULL) tdm_port_drain(c->port);
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)c->pools);
  lua_setfield(L, -2, "pools");
  lua_pushinteger(L, c->port ? (lua_Integer)c->port->slab.live : 0);
  lua_setfield(L, -2, "tasks");
  size_t bytes = 0;
  if (c->port != NULL) tdm_slab_each(&c->port->slab, add_payload, &bytes);
  lua_pushinteger(L, (lua_Integer)bytes);
  lua_setfield(L, -2, "memory");
  return 1;
}

/* debug_grace(seconds): how long tasks that were told to end may take to, in
 * all pools of this process */
static int debug_grace(lua_State *L) {
  tdm_worker_set_grace((tdm_time)(luaL_checknumber(L, 1) * 1e9));
  return 0;
}

static void set_constants(lua_State *L) {
  static const struct {
    const char *name;
    int value;
  } jobs[] = {
      {"MAP", TDML_MAP}, {"STARMAP", TDML_STARMAP}, {"REDUCE", TDML_REDUCE}};
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    lua_pushinteger(L, jobs[i].value);
    lua_setfield(L, -2, jobs[i].name);
  }
  lua_pushlightuserdata(L, (void *)&tdml_api);
  lua_setfield(L, -2, "api");
  lua_pushinteger(L, TDM_MAX_WORKERS);
  lua_setfield(L, -2, "MAX_WORKERS");
  lua_pushinteger(L, TDM_MAX_PROCESSES);
  lua_setfield(L, -2, "MAX_PROCESSES");
  lua_pushinteger(L, TDM_MOST_RETRIES);
  lua_setfield(L, -2, "MOST_RETRIES");
}

static void new_known_tasks(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

/* A program may keep its Lua from modules, while another one lies about in the
 * process: then ours are that one's functions, and would work on a state that
 * is not theirs. Whoever called us is the Lua that runs the state. */
static void check_one_lua(lua_State *L, const void *caller) {
  const void *running = NULL, *found = NULL;
  const char *of_state = tdm_os_object_at(caller, &running);
  const char *of_api =
      tdm_os_object_at((const void *)(uintptr_t)lua_absindex, &found);
  if (of_state == NULL || of_api == NULL || running == found) return;
  luaL_error(L,
             "tandem found Lua's functions in '%s', but is loaded by the Lua "
             "in '%s': two copies of Lua cannot work on one state",
             of_api, of_state);
}

int luaopen_tandem_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"new_promise", new_promise},
                                       {"notes", future_notes},
                                       {"settle", settle},
                                       {"wait_any", wait_any},
                                       {"wait_list", wait_list},
                                       {"poll", poll_callbacks},
                                       {"fileno", fileno_of_state},
                                       {"now", now},
                                       {"cpu_count", cpu_count},
                                       {"cwd", cwd},
                                       {"worker_beside", worker_beside},
                                       {"loaded", loaded_module},
                                       {"getenv", get_environment},
                                       {"is_program", is_program},
                                       {"write_error", write_error},
                                       {"set_error_handler", set_error_handler},
                                       {"set_home", set_home},
                                       {"set_loop", set_loop},
                                       {"new_error", new_error},
                                       {"is_error", is_error},
                                       {"is_future", is_future},
                                       {"is_settled", is_settled},
                                       {"forget", tdml_future_forget},
                                       {"is_pool", is_pool},
                                       {"encode", encode},
                                       {"decode", decode},
                                       {"load_shortage", tdml_load_shortage},
                                       {"opener_address", tdml_opener_address},
                                       {"debug_counts", debug_counts},
                                       {"debug_grace", debug_grace},
                                       {NULL, NULL}};
  check_one_lua(L, __builtin_return_address(0));
  luaL_checkversion(L);
  lua_settop(L, 0);
  tdml_openerrors(L);
  tdml_client_new(L);
  new_known_tasks(L);
  luaL_newmetatable(L, TDML_FUTURE_MT);
  tdml_client *c = *(tdml_client **)lua_touserdata(L, 1);
  lua_newtable(L);
  tdml_register(L, functions);
  tdml_open_inside(L);
  tdml_open_tty(L);
  tdml_open_future(L, c);
  tdml_open_pool(L, c);
  tdml_open_mapping(L, c);
  set_constants(L);
  return 1;
}
