#include "pump.h"

#include <string.h>

#include "../core/fork.h"
#include "../core/nest.h"
#include "../core/then.h"
#include "future.h"
#include "runner.h"
#include "stop.h"

/* A callback that waits runs further callbacks inside; so deep and no deeper,
 * or the C stack would end. */
#define MAX_DEPTH 30

/* How long a state looks for an answer before it sleeps. Only where the last
 * submit found a worker awake: a woken worker is often put on this very
 * processor, and would starve. */
#define SPIN (20 * INT64_C(1000))

/* In the registry: the error that ended a callback, and shall end the wait. */
#define INTERRUPTION "tandem.interruption"

/* Is the task that runs here told to end? */
static int is_stopped(const tdml_client *c) {
  return c->ctl != NULL && tdm_ctl_why(c->ctl) != TDM_WHY_NOT;
}

static int do_nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* A hook for everything and at each instruction is there to end what runs, and
 * a signal handler can give it to the main coroutine only. Where another one
 * waits, that one is to end. The main one, if it has such a hook; or NULL. */
static lua_State *hooked_instead_of(lua_State *L) {
  const int wanted = LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  lua_State *main = lua_tothread(L, -1);
  lua_pop(L, 1);
  if (main == L || (lua_gethookmask(main) & wanted) != wanted) return NULL;
  return lua_gethookcount(main) == 1 ? main : NULL;
}

static void take_over_hook(lua_State *L) {
  lua_State *main = hooked_instead_of(L);
  if (main == NULL) return;
  lua_sethook(L, lua_gethook(main), lua_gethookmask(main), 1);
  lua_sethook(main, NULL, 0, 0);
}

/* tdm_call.is_there */
static int has_hook(void *arg) {
  lua_State *L = arg;
  return lua_gethook(L) != NULL || hooked_instead_of(L) != NULL;
}

static void let_hooks_run(lua_State *L) {
  take_over_hook(L);
  lua_pushcfunction(L, do_nothing);
  lua_call(L, 0, 0);
}

/* A task is told to end again and again, and by its own hook. */
static int wait_called(lua_State *L, tdm_port *p, const tdm_task *target,
                       int count, tdm_time deadline, tdm_time spin) {
  if (p->ctl == NULL) p->call = (tdm_call){has_hook, L};
  int err = tdm_port_wait(p, target, count, deadline, spin);
  p->call = (tdm_call){0};
  return err;
}

/* A signal that came between two sleeps has left a hook as well. */
int tdml_port_wait(lua_State *L, tdm_port *p, const tdm_task *target, int count,
                   tdm_time deadline, tdm_time spin) {
  if (lua_gethook(L) != NULL) let_hooks_run(L);
  int err = wait_called(L, p, target, count, deadline, spin);
  if (err == TDM_INTR) let_hooks_run(L);
  return err;
}

int tdml_park_wait(lua_State *L, tdm_park *p, tdm_time deadline) {
  const tdm_call call = {has_hook, L};
  if (lua_gethook(L) != NULL) let_hooks_run(L);
  int err = tdm_park_wait_or_call(p, deadline, &call);
  if (err == TDM_INTR) let_hooks_run(L);
  return err;
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

/* What lua.c's hook raises after a SIGINT is not the callback's own error. It
 * is meant for the whole program; and what ends a callback of a task that is
 * told to end is meant for the task. */
static int is_interruption(lua_State *L, const tdml_client *c) {
  static const char said[] = "interrupted!";
  size_t n, end = sizeof said - 1;
  if (is_stopped(c)) return 1;
  if (lua_type(L, -1) != LUA_TSTRING) return 0;
  const char *text = lua_tolstring(L, -1, &n);
  return n >= end && memcmp(text + n - end, said, end) == 0;
}

void tdml_raise_interruption(lua_State *L, tdml_client *c) {
  if (!c->interrupted) return;
  c->interrupted = 0;
  lua_getfield(L, LUA_REGISTRYINDEX, INTERRUPTION);
  lua_error(L);
}

void tdml_call_back(lua_State *L, tdml_client *c, int future) {
  int top = lua_gettop(L);
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, top);
  lua_pushvalue(L, future);
  c->depth++;
  int status = lua_pcall(L, 1, 0, top);
  c->depth--;
  if (status != LUA_OK && is_interruption(L, c)) {
    lua_setfield(L, LUA_REGISTRYINDEX, INTERRUPTION);
    c->interrupted = 1;
  } else if (status != LUA_OK) {
    lua_getfield(L, LUA_REGISTRYINDEX, "tandem.traceback");
    lua_insert(L, -2);
    report(L, future, lua_tostring(L, -2));
  }
  lua_settop(L, top - 1);
}

/* Calls, in order, the callbacks of the future at the top of the stack, and
 * those that they add to it meanwhile; not those that are left of a task that
 * is told to end. */
static int call_all_back(lua_State *L, tdml_client *c) {
  int future = lua_gettop(L), n = 0;
  if (!tdml_future_getnotes(L, future)) return 0;
  lua_getfield(L, -1, "callbacks");
  while (lua_istable(L, -1) && lua_rawgeti(L, -1, n + 1) != LUA_TNIL) {
    tdml_call_back(L, c, future);
    n++;
    if (c->interrupted && is_stopped(c)) break;
  }
  lua_settop(L, future);
  lua_getiuservalue(L, future, 1);
  lua_pushnil(L);
  lua_setfield(L, -2, "callbacks");
  lua_settop(L, future);
  return n;
}

/* Is there something to run, and room for it? */
static int begin_pump(lua_State *L, tdml_client *c) {
  if (c->port == NULL) return 0;
  tdm_port_drain(c->port);
  if (c->port->ready == NULL || c->depth >= MAX_DEPTH) return 0;
  luaL_checkstack(L, 20, "too many values");
  return 1;
}

static int pump_one(lua_State *L, tdml_client *c, const tdm_task *t) {
  lua_getiuservalue(L, lua_upvalueindex(1), 1);
  lua_rawgetp(L, -1, t);
  lua_pushnil(L);
  lua_rawsetp(L, -3, t);
  int n = call_all_back(L, c);
  lua_pop(L, 2);
  if (c->interrupted) tdm_port_remind(c->port);
  tdml_raise_interruption(L, c);
  return n;
}

int tdml_pump(lua_State *L, tdml_client *c) {
  int n = 0;
  if (!begin_pump(L, c)) return 0;
  tdm_task *t;
  while ((t = tdm_port_try_ready(c->port)) != NULL) {
    n += pump_one(L, c, t);
    tdm_port_drain(c->port);
  }
  if (c->depth == 0) tdml_client_tell_loop(L, c);
  return n;
}

/* A callback that waits may run others meanwhile, beyond those that were due:
 * the counters tell. */
int tdml_pump_once(lua_State *L, tdml_client *c) {
  int n = 0;
  if (begin_pump(L, c)) {
    size_t due = c->port->readied;
    tdm_task *t;
    while (c->port->taken < due && (t = tdm_port_try_ready(c->port)) != NULL)
      n += pump_one(L, c, t);
    tdm_port_remind(c->port);
  }
  tdml_client_tell_loop(L, c);
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

/* The task before it may have to be brought on by this very thread. */
static int is_held(tdm_task *t) {
  return tdm_load_relaxed(&t->state) >= TDM_HELD;
}

/* --- in a task: waiting for what tasks have submitted --------------------- */

TDML_RAISES static void raise_deadlock(lua_State *L, const char *what,
                                       const char *how) {
  tdml_pusherror(L, "deadlock", "%s%s", what, how);
  tdml_throw(L);
}

void tdml_check_depth(lua_State *L, const tdm_worker *w, int is_submitted) {
  if (!tdm_worker_is_deep(w, is_submitted)) return;
  raise_deadlock(L, "too many tasks wait for each other: ",
                 "the stack has no room for one more");
}

/* What may run on top of the task that waits is bounded by the C stack. */
static tdml_vm *check_room(lua_State *L, tdm_nest *n) {
  tdml_vm *vm = n->worker->vm;
  if (vm->encoding)
    raise_deadlock(L, "a result is being packed",
                   ": nothing can run meanwhile");
  tdml_check_depth(L, n->worker, 1);
  return vm;
}

/* Runs the task, any for NULL, if it is pending in this worker's nest. */
static int try_help(lua_State *L, tdml_client *c, tdm_task *t) {
  tdm_nest *n = c->nest;
  if (n == NULL || tdm_load_relaxed(&n->size) == 0) return 0;
  if (t != NULL && (t->marks & TDM_SETTLED || t->executor != &n->base))
    return 0;
  if (t != NULL && tdm_load_relaxed(&t->state) != TDM_PENDING) return 0;
  tdml_vm *vm = check_room(L, n);
  tdml_vm_need_next(L, vm);
  int ran = tdm_nest_try_run(n, t);
  vm->next = NULL;
  if (ran) tdml_stop_recheck(vm);
  return ran;
}

int tdml_try_help(lua_State *L, tdml_client *c) { return try_help(L, c, NULL); }

/* A continuation, and what settles by callbacks, may have to be brought on by
 * whatever is pending here. */
static int depends_on_others(tdm_task *t) {
  return t->executor == NULL || is_held(t);
}

static int try_help_with(lua_State *L, tdml_client *c, tdm_task *t) {
  if (is_settled(t)) return 0;
  return try_help(L, c, depends_on_others(t) ? NULL : t);
}

/* What a task waits for that is told to end is told to end as well, if it is
 * one of the same pool. */
static void stop_awaited(tdml_client *c, tdm_task *t) {
  if (c->nest == NULL || t->marks & TDM_SETTLED) return;
  if (t->executor == &c->nest->base) tdm_executor_try_interrupt(t);
}

static int port_wait(lua_State *L, tdml_client *c, tdm_task *t,
                     tdm_time deadline) {
  /* With callbacks to run, any task may be the one that matters. */
  int any = c->port->watched != 0 || depends_on_others(t);
  return wait_called(L, c->port, any ? NULL : t, 1, deadline, spin_for(c, t));
}

/* Is all that is under way on the stack that we stand on, or does it wait for
 * another task to end? */
static void check_hope(lua_State *L, tdml_client *c, tdm_time deadline) {
  char stack[400] = "";
  if (c->nest == NULL || deadline != TDM_FOREVER) return;
  size_t away = c->port->away - tdm_load_total(&c->port->held);
  if (c->port->away == 0 || away != tdm_nest_on_stack(c->nest)) return;
  tdm_worker_explain_stack(c->nest->worker, stack, sizeof stack);
  raise_deadlock(L, "the task waits for tasks that wait for it: ", stack);
}

/* The worker counts as waiting for the task from here to tdm_nest_end_wait;
 * unless that would be for ever. */
static void begin_wait(lua_State *L, tdml_client *c, tdm_task *t) {
  char cycle[400] = "";
  if (!tdm_nest_try_wait(c->nest, t, cycle, sizeof cycle))
    raise_deadlock(L, "the task waits for itself: ", cycle);
}

/* Sleeps until the task is there, or something else that matters. */
static int sleep_until(lua_State *L, tdml_client *c, tdm_task *t,
                       tdm_time deadline) {
  if (lua_gethook(L) != NULL) let_hooks_run(L);
  if (c->nest == NULL) return port_wait(L, c, t, deadline);
  if (depends_on_others(t)) check_hope(L, c, deadline);
  begin_wait(L, c, t);
  int err = port_wait(L, c, t, deadline);
  tdm_nest_end_wait(c->nest);
  return err;
}

/* What the list has at i, which the list keeps. */
static tdm_task *task_at(lua_State *L, int idx, lua_Integer i) {
  lua_rawgeti(L, idx, i);
  tdm_task *t = tdml_checkfuture(L, -1);
  lua_pop(L, 1);
  return t;
}

/* Raises. */
static void stop_list(lua_State *L, tdml_client *c, int idx) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
  for (lua_Integer i = 1; i <= n; i++) stop_awaited(c, task_at(L, idx, i));
  let_hooks_run(L);
}

/* For the list's index 0 the task is awaited alone. */
static int wait_task(lua_State *L, tdml_client *c, tdm_task *t, int list,
                     tdm_time deadline) {
  for (;;) {
    /* A callback that asks for a result which is there goes on undisturbed. */
    int is_there = is_settled(t) && !(t->marks & TDM_WATCHED);
    if (!is_there || c->depth == 0) tdml_pump(L, c);
    if (is_settled(t)) return 1;
    check_owner(L, c, t);
    if (has_passed(deadline)) return 0;
    if (try_help_with(L, c, t)) continue;
    int err = is_stopped(c) ? TDM_INTR : sleep_until(L, c, t, deadline);
    if (err == TDM_INTR && is_stopped(c)) {
      stop_awaited(c, t);
      if (list != 0) stop_list(L, c, list);
    }
    if (err == TDM_INTR) let_hooks_run(L);
  }
}

int tdml_wait_task(lua_State *L, tdml_client *c, tdm_task *t,
                   tdm_time deadline) {
  return wait_task(L, c, t, 0, deadline);
}

/* Sleeps until `count` more tasks are back. False: the deadline came first. */
static int sleep_for(lua_State *L, tdml_client *c, int count,
                     tdm_time deadline) {
  check_process(L, c);
  if (has_passed(deadline)) return 0;
  check_hope(L, c, deadline);
  /* A task with callbacks may have to be heard of before. */
  if (c->port->watched != 0) count = 1;
  return tdml_port_wait(L, c->port, NULL, count, deadline, 0) != TDM_TIMEOUT;
}

int tdml_wait_any(lua_State *L, tdml_client *c, tdm_time deadline) {
  size_t drained = tdm_port_drain(c->port);
  if (tdml_pump(L, c) > 0 || drained > 0) return 1;
  if (is_stopped(c)) let_hooks_run(L);
  if (!has_passed(deadline) && try_help(L, c, NULL)) return 1;
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

/* With what has just been run, is the wait perhaps over? */
static int may_be_enough(tdm_task *t, enum tdml_until until) {
  uint8_t state = tdm_load_relaxed(&t->state);
  if (until == TDML_ALL) return 0;
  return until == TDML_FIRST || state == TDM_FAILED || state == TDM_EXPIRED;
}

/* Runs those of the list that are pending in this worker's nest, as far as it
 * is worth while. False: there were none. */
static int help_list(lua_State *L, tdml_client *c, int idx,
                     enum tdml_until until, tdm_time deadline) {
  lua_Integer n = c->nest != NULL ? (lua_Integer)lua_rawlen(L, idx) : 0;
  int helped = 0;
  for (lua_Integer i = 1; i <= n; i++) {
    tdm_task *t = task_at(L, idx, i);
    while (!is_stopped(c) && !has_passed(deadline) && try_help_with(L, c, t)) {
      helped = 1;
      tdm_port_drain(c->port);
      if (may_be_enough(t, until)) return 1;
    }
  }
  return helped;
}

/* In a task: who waits for all waits for each of them, and would wait for
 * himself if one of them did. */
static void wait_for_each(lua_State *L, tdml_client *c, int idx,
                          tdm_time deadline) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, idx), i = 1;
  help_list(L, c, idx, TDML_ALL, deadline);
  while (i <= n && wait_task(L, c, task_at(L, idx, i), idx, deadline)) i++;
}

void tdml_wait_list(lua_State *L, tdml_client *c, int idx,
                    enum tdml_until until, tdm_time deadline) {
  int n;
  tdml_pump(L, c);
  if (c->nest != NULL && until == TDML_ALL) {
    wait_for_each(L, c, idx, deadline);
    return;
  }
  while ((n = still_wanted(L, c, idx, until)) != 0) {
    if (is_stopped(c)) stop_list(L, c, idx);
    int goes_on = help_list(L, c, idx, until, deadline) ||
                  tdm_port_has(c->port) || sleep_for(L, c, n, deadline);
    tdml_pump(L, c);
    if (!goes_on) return;
  }
}
