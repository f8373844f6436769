#include "runner.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/error.h"
#include "../core/mem.h"
#include "../core/then.h"
#include "client.h"
#include "inside.h"
#include "load.h"
#include "module.h"
#include "openers.h"
#include "stop.h"

/* --- memory --- */

static void *plain_alloc(void *ud, void *p, size_t old, size_t size) {
  (void)ud;
  (void)old;
  if (size != 0) return realloc(p, size);
  free(p);
  return NULL;
}

static void *limited_alloc(void *ud, void *p, size_t old, size_t size) {
  tdml_vm *vm = ud;
  if (p == NULL) old = 0; /* it is a type then */
  if (size > old && size - old > vm->recipe->memory_limit - vm->used)
    return NULL;
  void *q = plain_alloc(NULL, p, old, size);
  if (q != NULL || size == 0) vm->used += size - old;
  return q;
}

/* --- one call --- */

static void fail(tdml_vm *vm, lua_State *L) {
  vm->out->n = 0;
  vm->outcome = TDM_FAILED;
  tdml_put_failure(L, vm->scratch, vm->recipe->mode, vm->out);
}

/* An error of tandem, with the task's name in it. */
static void fail_encode(tdml_vm *vm, lua_State *L) {
  tdml_pusherror(L, "encode", "%s", tdml_scratch_message(vm->scratch));
  tdml_seterrorstring(L, "path", tdml_scratch_path(vm->scratch));
  tdml_seterrorstring(L, "task", vm->task->func->label);
  fail(vm, L);
}

int tdml_vm_pushfunction(tdml_vm *vm, lua_State *L, const tdm_func *f) {
  if (lua_rawgeti(L, TDML_FUNCTIONS, (lua_Integer)f->id) != LUA_TNIL) return 1;
  lua_pop(L, 1);
  if (!tdml_load(L, f)) {
    fail(vm, L);
    return 0;
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, TDML_FUNCTIONS, (lua_Integer)f->id);
  return 1;
}

/* It was told to end, and lets the error that said so go on. */
static int gives_way(const tdml_vm *vm, lua_State *L) {
  return tdm_load_relaxed(&vm->ctl->stop->cancelled) &&
         tdml_iserror(L, -1, "cancelled");
}

void tdml_vm_finish(tdml_vm *vm, lua_State *L, int status, int first) {
  tdml_encode_opts opts = {vm->recipe->mode, "result", 1};
  int err;
  if (status == LUA_ERRMEM) return; /* failed without a word */
  if (status != LUA_OK && gives_way(vm, L)) {
    vm->outcome = TDM_CANCELLED;
    return;
  }
  if (status != LUA_OK) {
    fail(vm, L);
    return;
  }
  vm->encoding = 1;
  err = tdml_encode(L, first, lua_gettop(L) - first + 1, vm->out, vm->scratch,
                    &opts);
  vm->encoding = 0;
  if (err == TDM_ENCODE)
    fail_encode(vm, L);
  else if (err == TDM_OK)
    vm->outcome = TDM_DONE;
}

/* Of a continuation: the result before it, then its own. */
static int decode_two(lua_State *L, const char *p, size_t n) {
  uint64_t first;
  if (n < TDM_THEN_HEAD) return TDM_DECODE;
  memcpy(&first, p, sizeof first);
  if (first > n - TDM_THEN_HEAD) return TDM_DECODE;
  p += TDM_THEN_HEAD;
  n -= TDM_THEN_HEAD;
  int results = tdml_decode(L, p, (size_t)first);
  if (results < 0) return results;
  int own = tdml_decode(L, p + first, n - (size_t)first);
  return own < 0 ? own : results + own;
}

/* Pushes the arguments; how many. Negative: an error. */
static int decode_arguments(lua_State *L, const tdm_task *t) {
  const char *p = tdm_payload_bytes(&t->payload);
  if (t->job == TDML_THEN) return decode_two(L, p, t->payload.n);
  return tdml_decode(L, p, t->payload.n);
}

static void run_call(tdml_vm *vm, lua_State *L, int handler) {
  if (!tdml_vm_pushfunction(vm, L, vm->task->func)) return;
  int n = decode_arguments(L, vm->task);
  if (n < 0) {
    tdml_pusherror(L, tdm_error_kind(n), "the arguments cannot be decoded: %s",
                   tdm_error_text(n));
    fail(vm, L);
    return;
  }
  int status = lua_pcall(L, n, LUA_MULTRET, handler);
  tdml_vm_finish(vm, L, status, handler + 1);
}

/* The frame in which every task runs, protected. What ends it early is want of
 * memory, or a task that made the machine's own parts fail. */
static int run_task(lua_State *L) {
  tdml_vm *vm = lua_touserdata(L, TDML_VM);
  lua_pushvalue(L, TDML_HANDLER);
  switch (vm->task->job) {
    case TDML_CALL:
    case TDML_THEN:
      run_call(vm, L, 1);
      break;
    case TDML_REDUCE:
      tdml_run_reduce(vm, L, 1);
      break;
    default:
      tdml_run_chunk(vm, L, 1);
      break;
  }
  return 0;
}

/* The run was told to end, and what it ended with does not matter. */
static int put_stopped(lua_State *L) {
  tdml_vm *vm = lua_touserdata(L, 1);
  tdml_push_stopped(L, vm);
  fail(vm, L);
  return 0;
}

static void finish_stopped(tdml_vm *vm, lua_State *L, enum tdm_why why) {
  vm->out->n = 0;
  vm->outcome = why == TDM_WHY_CANCEL ? TDM_CANCELLED : TDM_FAILED;
  if (why == TDM_WHY_CANCEL) return;
  lua_pushcfunction(L, put_stopped);
  lua_pushlightuserdata(L, vm);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) vm->out->n = 0;
}

/* Calls the frame that lies at index 1 of the stack. */
static int call_frame(tdml_vm *vm, lua_State *L) {
  int n;
  lua_pushvalue(L, 1);
  if (vm->depth == 0) return lua_pcall(L, 0, 0, 0);
  /* Counted anew, so that what bounds the depth is the C stack itself. */
  int status = lua_resume(L, NULL, 0, &n);
  return status == LUA_YIELD ? LUA_ERRRUN : status;
}

static char coroutines_key; /* its address is the key in the registry */

/* One that has died cannot be used again. */
static void forget_coroutine(tdml_vm *vm) {
  lua_State *L = vm->L;
  if (!lua_checkstack(L, 3)) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &coroutines_key);
  lua_pushnil(L);
  lua_rawseti(L, -2, vm->depth);
  lua_pop(L, 1);
}

/* Runs the task on this stack; what it may have left there must not be the next
 * one's trouble. */
static void run_on(tdml_vm *vm, lua_State *L) {
  int status = call_frame(vm, L);
  if (status != LUA_OK) {
    vm->out->n = 0;
    vm->outcome = TDM_FAILED;
  }
  enum tdm_why why = tdm_ctl_why(vm->ctl);
  tdml_stop_end(vm, L);
  int is_dead = status != LUA_OK && vm->depth != 0;
  lua_State *alive = is_dead ? vm->L : L;
  if (why != TDM_WHY_NOT && vm->outcome == TDM_FAILED)
    finish_stopped(vm, alive, why);
  if (!is_dead) lua_settop(L, 1);
  if (is_dead) forget_coroutine(vm);
  if (!lua_gc(L, LUA_GCISRUNNING)) lua_gc(L, LUA_GCRESTART);
  /* Out of memory: the next task shall find some. */
  if (vm->outcome == TDM_FAILED && vm->out->n == 0) lua_gc(L, LUA_GCCOLLECT);
}

static void begin_task(tdml_vm *vm, tdm_task *t, tdm_buf *out) {
  vm->task = t;
  vm->out = out;
  vm->outcome = TDM_FAILED;
  vm->batch = NULL;
  vm->encoding = 0;
}

/* On top of another task, which goes on afterwards as if nothing had been; but
 * for being told to end, if it was. */
static enum tdm_state run_on_top(tdml_vm *vm, tdm_task *t, tdm_buf *out) {
  const tdml_vm below = *vm;
  lua_State *L = vm->next;
  vm->next = NULL;
  vm->depth++;
  begin_task(vm, t, out);
  vm->running = L;
  run_on(vm, L);
  enum tdm_state outcome = vm->outcome;
  vm->depth--;
  vm->task = below.task;
  vm->out = below.out;
  vm->outcome = below.outcome;
  vm->batch = below.batch;
  vm->encoding = below.encoding;
  vm->running = below.running;
  return outcome;
}

static enum tdm_state vm_run(void *arg, tdm_task *t, tdm_buf *out) {
  tdml_vm *vm = arg;
  if (vm->next != NULL) return run_on_top(vm, t, out);
  begin_task(vm, t, out);
  vm->running = vm->L;
  run_on(vm, vm->L);
  vm->running =
      vm->L; /* of the next task, which may be told at its very start */
  return vm->outcome;
}

/* They are kept by depth, each with the frame at index 1 of its stack. */
void tdml_vm_need_next(lua_State *L, tdml_vm *vm) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 5, NULL);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &coroutines_key) != LUA_TTABLE) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &coroutines_key);
    lua_replace(L, -2);
  }
  if (lua_rawgeti(L, top + 1, vm->depth + 1) != LUA_TTHREAD) {
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, top + 1, vm->depth + 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, vm);
    lua_xmove(L, co, 1);
  }
  vm->next = lua_tothread(L, lua_gettop(L));
  lua_settop(L, top);
}

/* --- making one --- */

/* Index 1 of the machine's stack: run_task with all that it needs. */
static void push_frame(lua_State *L, tdml_vm *vm) {
  lua_pushlightuserdata(L, vm);
  lua_newtable(L);
  lua_pushcfunction(L, tdml_keep_traceback);
  lua_pushcclosure(L, run_task, 3);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, vm);
}

static void set_search_path(lua_State *L, const char *field, int idx) {
  if (!lua_isstring(L, idx)) return;
  lua_getglobal(L, "package");
  lua_pushvalue(L, idx);
  lua_setfield(L, -2, field);
  lua_pop(L, 1);
}

/* frame, path, cpath, preload, initializer form, spec, initargs, openers */
enum { PRELOAD = 4, FORM = 5, SPEC = 6, INITARGS = 7, OPENERS = 8 };

/* The machine without the user's code. Pushes the recipe's values after the
 * frame. */
static int furnish(lua_State *L) {
  tdml_vm *vm = lua_touserdata(L, 1);
  luaL_openlibs(L);
  tdml_openerrors(L);
  tdml_move_in(L, vm->ctl);
  tdml_open_stop(L, vm);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_tandem_core);
  lua_setfield(L, -2, "tandem.core");
  lua_settop(L, 0);
  push_frame(L, vm);
  int n = tdml_decode(L, vm->recipe->bytes, vm->recipe->size);
  if (n < 0) return luaL_error(L, "malformed recipe");
  set_search_path(L, "path", 2);
  set_search_path(L, "cpath", 3);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  tdml_openers_set(L, OPENERS);
  lua_pop(L, 1);
  return lua_gettop(L);
}

/* Replaces the error on top by one of tandem's that says where it happened. The
 * cause itself goes along as its text: it may be anything. */
static void blame(lua_State *L, const char *kind, const char *what,
                  const char *name) {
  int err = lua_gettop(L);
  const char *text = luaL_tolstring(L, err, NULL);
  tdml_pusherror(L, kind, "%s%s failed: %s", what, name, text);
  lua_pushstring(L, text);
  lua_setfield(L, -2, "cause");
  tdml_push_traceback(L);
  lua_setfield(L, -2, "traceback");
  lua_replace(L, err);
  lua_settop(L, err);
}

static int preload_one(lua_State *L, int handler) {
  const char *name = lua_tostring(L, -1);
  lua_getglobal(L, "require");
  lua_pushvalue(L, -2);
  if (lua_pcall(L, 1, 0, handler) == LUA_OK) return 1;
  blame(L, "load", "preload of module ", name);
  return 0;
}

static int preload(lua_State *L, int handler) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, PRELOAD);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, PRELOAD, i);
    if (!preload_one(L, handler)) return 0;
    lua_pop(L, 1);
  }
  return 1;
}

static int initialize(lua_State *L, int handler) {
  if (lua_isnil(L, FORM)) return 1;
  size_t size;
  const char *spec = lua_tolstring(L, SPEC, &size);
  tdm_func f = {.form = (enum tdm_func_form)lua_tointeger(L, FORM),
                .spec = spec,
                .size = size,
                .label = "initializer"};
  if (!tdml_load(L, &f)) return 0;
  lua_Integer n = luaL_len(L, INITARGS);
  luaL_checkstack(L, (int)n, "too many initargs");
  lua_getfield(L, INITARGS, "n");
  if (lua_isinteger(L, -1)) n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, INITARGS, i);
  if (lua_pcall(L, (int)n, 0, handler) == LUA_OK) return 1;
  blame(L, "init", "the initializer", "");
  return 0;
}

/* The step that is light userdata at index 1 is tried: true, or false and the
 * error. */
typedef int (*step)(lua_State *L, int handler);

static int try_step(lua_State *L) {
  step *s = lua_touserdata(L, 1);
  lua_remove(L, 1);
  lua_pushcfunction(L, tdml_keep_traceback);
  int ok = (*s)(L, lua_gettop(L));
  lua_pushboolean(L, ok);
  if (ok) return 1;
  lua_insert(L, -2);
  return 2;
}

/* Takes a step with the recipe's values, which lie above the frame and stay. */
static int take_step(tdml_vm *vm, step s, tdm_buf *why) {
  lua_State *L = vm->L;
  int n = lua_gettop(L);
  lua_pushcfunction(L, try_step);
  lua_pushlightuserdata(L, &s);
  for (int i = 1; i <= n; i++) lua_pushvalue(L, i);
  tdm_interruptible look_up = {tdml_stop_look_up, vm, NULL};
  const tdm_interruptible *outer = tdm_interrupt_here(&look_up);
  int status = lua_pcall(L, n + 1, 2, 0);
  tdm_interrupt_here(outer);
  if (status != LUA_OK) return TDM_NOMEM;
  if (lua_toboolean(L, -2)) {
    lua_settop(L, n);
    return TDM_OK;
  }
  return tdml_put_failure(L, vm->scratch, vm->recipe->mode, why) ? TDM_BROKEN
                                                                 : TDM_NOMEM;
}

static int furnish_protected(lua_State *L, tdml_vm *vm) {
  lua_pushcfunction(L, furnish);
  lua_pushlightuserdata(L, vm);
  return lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK ? TDM_OK : TDM_NOMEM;
}

static void vm_close(void *arg) {
  tdml_vm *vm = arg;
  if (vm->L != NULL) lua_close(vm->L);
  tdml_scratch_free(vm->scratch);
  tdm_mem_free(vm);
}

static int vm_open(const void *arg, struct tdm_ctl *ctl, void **out,
                   tdm_buf *why) {
  tdml_vm *vm = tdm_mem_zero(sizeof *vm);
  if (vm == NULL) return TDM_NOMEM;
  vm->recipe = arg;
  vm->ctl = ctl;
  vm->scratch = tdml_scratch_new();
  int limited = vm->recipe->memory_limit != 0;
  vm->L = lua_newstate(limited ? limited_alloc : plain_alloc, vm);
  int err = TDM_NOMEM;
  if (vm->L != NULL && vm->scratch != NULL) err = furnish_protected(vm->L, vm);
  if (err == TDM_OK) err = take_step(vm, preload, why);
  if (err != TDM_OK) {
    vm_close(vm);
    return err;
  }
  *out = vm;
  return TDM_OK;
}

/* A machine that was copied by a fork must not draw the same numbers as the
 * other copies. */
static int reseed(lua_State *L) {
  lua_Integer seed[2];
  if (getentropy(seed, sizeof seed) != 0) return 0;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "math");
  lua_getfield(L, -1, "randomseed");
  lua_pushinteger(L, seed[0]);
  lua_pushinteger(L, seed[1]);
  lua_call(L, 2, 0);
  return 0;
}

static int vm_start(void *arg, tdm_buf *why) {
  tdml_vm *vm = arg;
  lua_pushcfunction(vm->L, reseed);
  if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK) lua_pop(vm->L, 1);
  int err = take_step(vm, initialize, why);
  if (err == TDM_OK) lua_settop(vm->L, 1);
  return err;
}

/* A worker that sleeps shall not sit on garbage: collect where the heap has
 * grown to more than twice of what was live, and by more than a little. */
static int vm_has_garbage(void *arg) {
  tdml_vm *vm = arg;
  size_t now = (size_t)lua_gc(vm->L, LUA_GCCOUNT) * 1024;
  return now > 2 * vm->live_after_gc + (size_t)256 * 1024;
}

static void vm_idle(void *arg) {
  tdml_vm *vm = arg;
  lua_gc(vm->L, LUA_GCCOLLECT);
  vm->live_after_gc = (size_t)lua_gc(vm->L, LUA_GCCOUNT) * 1024;
}

static void release(void *recipe) { tdm_mem_free(recipe); }

const tdm_runner tdml_runner = {
    .open = vm_open,
    .start = vm_start,
    .run = vm_run,
    .interrupt = tdml_stop_look_up,
    .has_garbage = vm_has_garbage,
    .idle = vm_idle,
    .close = vm_close,
    .release = release,
};
