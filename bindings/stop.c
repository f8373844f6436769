#include "stop.h"

#include <lauxlib.h>

#include "../core/onelock.h"
#include "client.h"
#include "runner.h"

/* How long what runs after the error is left alone. */
#define WINDOW 100000

/* Where xpcall has its message handler. */
#define HANDLER 2

#define TDML_ANY (LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT)

#if LUA_VERSION_RELEASE_NUM >= 50406
#define close_thread(co, L) lua_closethread(co, L)
#else
#define close_thread(co, L) ((void)(L), lua_resetthread(co))
#endif

/* Of each coroutine of the state; a new one inherits it. */
static tdml_vm *vm_of(lua_State *L) {
  return *(tdml_vm **)lua_getextraspace(L);
}

void tdml_push_stopped(lua_State *L, const tdml_vm *vm) {
  const tdm_ctl *ctl = vm->ctl;
  if (tdm_ctl_why(ctl) == TDM_WHY_TIMEOUT) {
    tdml_pusherror(L, "timeout", "the task ran for longer than its %g s",
                   ctl->limit);
    tdml_seterrorlimit(L, ctl->limit);
  } else {
    tdml_pusherror(L, "cancelled", "the task was interrupted");
  }
  /* In the initializer there is no task yet. */
  if (vm->task != NULL) tdml_seterrorstring(L, "task", vm->task->func->label);
  lua_pushinteger(L, ctl->worker);
  lua_setfield(L, -2, "worker");
}

static int raise(lua_State *L, const tdml_vm *vm) {
  tdml_push_stopped(L, vm);
  return lua_error(L);
}

/* The hook that was there before ours comes back. */
static void disarm(lua_State *L, tdml_vm *vm) {
  tdml_kept_hook kept = vm->kept;
  if (kept.L != L) kept = (tdml_kept_hook){0};
  lua_sethook(L, kept.hook, kept.mask, kept.count);
}

static int stop_pcall(lua_State *L);
static int stop_xpcall(lua_State *L);

static int give_back(lua_State *L) { return lua_gettop(L); }

/* Is this a protected call? An xpcall has no message handler from now on. What
 * raises an error itself has nothing on its stack. */
static int disarm_call(lua_State *L, lua_Debug *ar) {
  lua_getinfo(L, "f", ar);
  lua_CFunction f = lua_tocfunction(L, -1);
  lua_pop(L, 1);
  if (f != stop_pcall && f != stop_xpcall) return 0;
  if (lua_getlocal(L, ar, 1) == NULL) return 0;
  lua_pop(L, 1);
  if (f == stop_pcall) return 1;
  lua_pushcfunction(L, give_back);
  lua_setlocal(L, ar, HANDLER);
  return 1;
}

/* What a hook raises has the message handler called within the hook, where Lua
 * calls no other: one that runs for ever could not be stopped. */
static void disarm_handler(lua_State *L) {
  lua_Debug ar;
  int level = 0;
  while (lua_getstack(L, level, &ar) && !disarm_call(L, &ar)) level++;
}

/* Left over from a run that has ended meanwhile, or called for the lock alone,
 * it takes itself off. */
static void hook(lua_State *L, lua_Debug *ar) {
  tdml_vm *vm = vm_of(L);
  lua_State *running = vm->running;
  (void)ar;
  vm->running = NULL;
  if (tdm_ctl_why(vm->ctl) == TDM_WHY_NOT) tdm_ctl_take(vm->ctl);
  enum tdm_why why = tdm_ctl_why(vm->ctl);
  if (why == TDM_WHY_NOT)
    disarm(L, vm);
  else
    lua_sethook(L, hook, LUA_MASKCOUNT, WINDOW);
  vm->running = running;
  if (why == TDM_WHY_NOT) return;
  luaL_checkstack(L, 10, NULL);
  disarm_handler(L);
  raise(L, vm);
}

/* Within the window the hook that is there is left as it is. */
static void arm_if_needed(lua_State *L, tdml_vm *vm) {
  if (tdm_ctl_why(vm->ctl) == TDM_WHY_NOT && !tdm_ctl_is_asked(vm->ctl)) return;
  if (lua_gethook(L) == hook) return;
  vm->kept = (tdml_kept_hook){L, lua_gethook(L), lua_gethookmask(L),
                              lua_gethookcount(L)};
  lua_sethook(L, hook, TDML_ANY, 1);
}

/* lua_sethook is made for being called so. A signal that finds nothing to touch
 * is lost: whoever sent it sends it again. */
void tdml_stop_look_up(void *arg) {
  tdml_vm *vm = arg;
  lua_State *L = vm->running;
  if (L != NULL) arm_if_needed(L, vm);
}

/* From now on this coroutine runs, and hears of what it was told meanwhile. */
static void go_on(tdml_vm *vm, lua_State *L) {
  vm->running = NULL;
  arm_if_needed(L, vm);
  vm->running = L;
}

/* Another coroutine goes on. Not after the task: a finalizer may run while its
 * error is written down. */
static void switch_to(tdml_vm *vm, lua_State *L) {
  if (vm->running != NULL) go_on(vm, L);
}

void tdml_stop_end(tdml_vm *vm, lua_State *L) {
  vm->running = NULL;
  if (lua_gethook(L) == hook) lua_sethook(L, NULL, 0, 0);
}

void tdml_stop_recheck(tdml_vm *vm) { switch_to(vm, vm->running); }

/* --- pcall, xpcall and load: they may not keep the error to themselves --- */

static void raise_if_stopped(lua_State *L) {
  tdml_vm *vm = vm_of(L);
  if (tdm_ctl_why(vm->ctl) == TDM_WHY_NOT) return;
  lua_settop(L, 0);
  raise(L, vm);
}

/* The results of a protected call, above the first `extra` values. */
static int finish_pcall(lua_State *L, int status, lua_KContext extra) {
  if (status == LUA_OK || status == LUA_YIELD)
    return lua_gettop(L) - (int)extra;
  raise_if_stopped(L);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

/* pcall(f, ...) */
static int stop_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  int status =
      lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall);
  return finish_pcall(L, status, 0);
}

/* xpcall(f, handler, ...) */
static int stop_xpcall(lua_State *L) {
  int n = lua_gettop(L);
  luaL_checktype(L, HANDLER, LUA_TFUNCTION);
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2); /* f, handler, true, f, ... */
  int status = lua_pcallk(L, n - 2, LUA_MULTRET, HANDLER, 2, finish_pcall);
  return finish_pcall(L, status, 2);
}

/* load(chunk, ...): what a function gives it piece by piece is called like
 * that, too. The original is upvalue 1. */
static int stop_load(lua_State *L) {
  if (!lua_isstring(L, 1)) luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_optstring(L, 2, NULL);
  luaL_optstring(L, 3, NULL);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  if (lua_isnil(L, 1)) raise_if_stopped(L);
  return lua_gettop(L);
}

/* --- coroutines --- */

static lua_State *check_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  if (co == NULL) luaL_typeerror(L, 1, "coroutine");
  return co;
}

/* Moves n arguments over and resumes; the results, or the error, are on top of
 * L. How many; negative for an error. */
static int resume(lua_State *L, lua_State *co, int n) {
  tdml_vm *vm = vm_of(L);
  int results;
  if (!lua_checkstack(co, n)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, n);
  switch_to(vm, co);
  int status = lua_resume(co, L, n, &results);
  switch_to(vm, L);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, results);
  return results;
}

/* coroutine.resume(co, ...) */
static int stop_resume(lua_State *L) {
  lua_State *co = check_coroutine(L);
  int n = resume(L, co, lua_gettop(L) - 1);
  if (n < 0) raise_if_stopped(L);
  lua_pushboolean(L, n >= 0);
  lua_insert(L, n < 0 ? -2 : -(n + 1));
  return n < 0 ? 2 : n + 1;
}

/* What is raised by the function of a wrap has the position put before it. */
static int raise_from_wrap(lua_State *L, lua_State *co) {
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    close_thread(co, L);
    lua_xmove(co, L, 1);
  }
  raise_if_stopped(L);
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int call_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int n = resume(L, co, lua_gettop(L));
  return n < 0 ? raise_from_wrap(L, co) : n;
}

/* coroutine.wrap(f) */
static int stop_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

/* coroutine.close(co): its <close> variables run in it. The original is upvalue
 * 1, which checks what may be closed. */
static int stop_close(lua_State *L) {
  lua_State *co = check_coroutine(L);
  tdml_vm *vm = vm_of(L);
  int n = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  switch_to(vm, co);
  int status = lua_pcall(L, n, LUA_MULTRET, 0);
  switch_to(vm, L);
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L);
}

/* debug.sethook(...): not to get rid of ours. The original is upvalue 1. */
static int stop_sethook(lua_State *L) {
  tdml_vm *vm = vm_of(L);
  lua_State *running = vm->running;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  vm->running = NULL; /* no signal in the midst of it */
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  if (running != NULL) go_on(vm, running);
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L);
}

/* --- */

/* Replaces a field of the table on top by a function that has the old one as
 * its upvalue. */
static void replace(lua_State *L, const char *field, lua_CFunction f) {
  lua_getfield(L, -1, field);
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, field);
}

void tdml_open_stop(lua_State *L, tdml_vm *vm) {
  *(tdml_vm **)lua_getextraspace(L) = vm;
  vm->running = L;
  lua_pushglobaltable(L);
  replace(L, "pcall", stop_pcall);
  replace(L, "xpcall", stop_xpcall);
  replace(L, "load", stop_load);
  lua_getfield(L, -1, "coroutine");
  replace(L, "resume", stop_resume);
  replace(L, "wrap", stop_wrap);
  replace(L, "close", stop_close);
  lua_pop(L, 1);
  lua_getfield(L, -1, "debug");
  replace(L, "sethook", stop_sethook);
  lua_pop(L, 2);
}
