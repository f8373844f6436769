#include "future.h"

#include <string.h>

#include "../core/note.h"
#include "../core/then.h"
#include "failure.h"
#include "pump.h"

/* Results that are larger than this, or tables, are decoded once and kept: the
 * same table each time, and the bytes go. */
#define WORTH_KEEPING 256

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

/* --- outcomes --- */

static void name_culprit(lua_State *L, const tdm_task *t) {
  if (t->func != NULL) tdml_seterrorstring(L, "task", t->func->label);
  lua_pushinteger(L, t->worker);
  lua_setfield(L, -2, "worker");
}

static void push_decode_error(lua_State *L, const tdm_task *t, int err) {
  tdml_pusherror(L, tdm_error_kind(err), "the %s cannot be decoded: %s",
                 t->state == TDM_DONE ? "result" : "error",
                 tdm_error_text(err));
  name_culprit(L, t);
}

void tdml_push_failure(lua_State *L, const tdm_task *t, const char *p,
                       size_t n) {
  int top = lua_gettop(L);
  if (n == 0) {
    tdml_pusherror(L, "memory", "not enough memory in the worker");
    name_culprit(L, t);
  } else if (tdm_note_is(p, n)) {
    tdml_push_note(L, p, t->func != NULL ? t->func->label : NULL);
  } else {
    int values = tdml_decode(L, p, n);
    if (values < 0) push_decode_error(L, t, values);
  }
  lua_settop(L, top + 2);
}

/* Pushes error and traceback of a failed task; the same values each time. */
static void push_failure_once(lua_State *L, tdm_task *t, int idx) {
  if (tdml_future_getnotes(L, idx)) {
    if (lua_getfield(L, -1, "failure") == LUA_TTABLE) {
      lua_rawgeti(L, -1, 1);
      lua_rawgeti(L, -2, 2);
      return;
    }
    lua_pop(L, 2);
  }
  tdml_push_failure(L, t, tdm_payload_bytes(&t->payload), t->payload.n);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, -3);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, 2);
  tdml_future_neednotes(L, idx);
  lua_insert(L, -2);
  lua_setfield(L, -2, "failure");
  lua_pop(L, 1);
}

static int raise_failure(lua_State *L, tdm_task *t) {
  push_failure_once(L, t, 1);
  lua_pop(L, 1);
  if (lua_isnil(L, -1)) {
    tdml_pusherror(L, "task", "the task raised nil");
    name_culprit(L, t);
  }
  return lua_error(L);
}

static int has_table(lua_State *L, int first) {
  for (int i = lua_gettop(L); i >= first; i--)
    if (lua_type(L, i) == LUA_TTABLE) return 1;
  return 0;
}

/* Keeps the n values on top in the notes, and lets the bytes go. */
static void keep_results(lua_State *L, tdm_task *t, int n) {
  int first = lua_gettop(L) - n + 1;
  lua_createtable(L, n, 1);
  for (int i = 0; i < n; i++) {
    lua_pushvalue(L, first + i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  tdml_future_neednotes(L, 1);
  lua_insert(L, -2);
  lua_setfield(L, -2, "results");
  lua_pop(L, 1);
  tdm_payload_fini(&t->payload);
}

/* Pushes the values that are kept in the notes of the future at idx, above two
 * more; how many. Negative: there are none. */
static int push_kept_results(lua_State *L, int idx) {
  if (!tdml_future_getnotes(L, idx)) return -1;
  if (lua_getfield(L, -1, "results") != LUA_TTABLE) return -1;
  int kept = lua_gettop(L);
  lua_getfield(L, kept, "n");
  int n = (int)lua_tointeger(L, -1);
  luaL_checkstack(L, n, "too many results");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, kept, i);
  return n;
}

static int push_results(lua_State *L, tdm_task *t) {
  int n = push_kept_results(L, 1);
  if (n >= 0) return n;
  lua_settop(L, 1);
  n = tdml_decode(L, tdm_payload_bytes(&t->payload), t->payload.n);
  if (n < 0) {
    push_decode_error(L, t, n);
    return lua_error(L);
  }
  if (t->payload.n > WORTH_KEEPING || has_table(L, 2)) keep_results(L, t, n);
  return n;
}

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

static void push_cancelled(lua_State *L, const tdm_task *t) {
  tdml_pusherror(L, "cancelled", "the task was cancelled");
  if (t->func != NULL) tdml_seterrorstring(L, "task", t->func->label);
}

/* It ran for too long, and did not end when it was told. */
static void push_expired(lua_State *L, const tdm_task *t) {
  tdml_pusherror(L, "timeout",
                 "the task ran for longer than its %g s, and "
                 "did not end when it was told to",
                 (double)t->limit);
  tdml_seterrornumber(L, "limit", (double)t->limit);
  name_culprit(L, t);
}

void tdml_push_unsaid(lua_State *L, const tdm_task *t) {
  if (t->state == TDM_EXPIRED)
    push_expired(L, t);
  else
    push_cancelled(L, t);
}

static int encode_kept_results(lua_State *L, tdm_task *t, int idx, int mode) {
  tdml_client *c = tdml_client_of(L);
  tdml_encode_opts opts = {mode, "result", 1};
  tdm_buf buf = {0};
  int n = push_kept_results(L, idx), err = TDM_OK;
  if (n > 0)
    err = tdml_encode(L, lua_gettop(L) - n + 1, n, &buf, c->scratch, &opts);
  if (err == TDM_OK) err = tdm_payload_take(&t->payload, &buf);
  tdm_buf_fini(&buf);
  return err;
}

static int encode_kept_failure(lua_State *L, tdm_task *t, int idx, int mode) {
  tdm_buf buf = {0};
  if (!tdml_future_getnotes(L, idx)) return TDM_OK;
  if (lua_getfield(L, -1, "failure") != LUA_TTABLE) return TDM_OK;
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  tdml_put_error(L, tdml_client_of(L)->scratch, mode, &buf);
  int err = tdm_payload_take(&t->payload, &buf);
  tdm_buf_fini(&buf);
  return err;
}

int tdml_future_needbytes(lua_State *L, int idx, int mode) {
  tdml_future *f = lua_touserdata(L, idx);
  tdm_task *t = f->task;
  int top = lua_gettop(L), err = TDM_OK;
  if (!(t->marks & TDM_SETTLED) || t->payload.n != 0) return TDM_OK;
  if (tdm_load_relaxed(&t->state) == TDM_DONE)
    err = encode_kept_results(L, t, idx, mode);
  else
    err = encode_kept_failure(L, t, idx, mode);
  lua_settop(L, top);
  return err;
}

void tdml_future_pusherror(lua_State *L, int err) {
  const tdml_scratch *s = tdml_client_of(L)->scratch;
  if (err != TDM_ENCODE) tdml_nomem(L);
  tdml_pusherror(L, "encode", "%s", tdml_scratch_message(s));
  tdml_seterrorstring(L, "path", tdml_scratch_path(s));
}

/* What waits for the task fails with the error on top, which is popped. */
static void pass_error(lua_State *L, tdm_task *t) {
  tdm_task failed = {.state = TDM_FAILED};
  tdm_buf buf = {0};
  lua_pushnil(L);
  tdml_put_error(L, tdml_client_of(L)->scratch, TDML_REFUSE_MT, &buf);
  tdm_payload_take(&failed.payload, &buf);
  tdm_buf_fini(&buf);
  tdm_store_total(&failed.then, tdm_swap_total(&t->then, (tdm_task *)NULL));
  tdm_then_pass(&failed, 1);
  tdm_payload_fini(&failed.payload);
}

void tdml_future_pass(lua_State *L, int idx) {
  tdml_future *f = lua_touserdata(L, idx);
  if (!tdm_then_has(f->task)) return;
  int err = tdml_future_needbytes(L, idx, TDML_REFUSE_MT);
  if (err == TDM_OK) {
    tdm_then_pass(f->task, 1);
    return;
  }
  tdml_future_pusherror(L, err);
  pass_error(L, f->task);
}

/* --- methods --- */

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
      return push_results(L, t);
    case TDM_FAILED:
      return raise_failure(L, t);
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
      push_failure_once(L, t, 1);
      return 2;
    default:
      tdml_push_unsaid(L, t);
      return 1;
  }
}

/* A future that is not of an executor settles by the callbacks of others. */
static void look(lua_State *L, tdm_task *t) {
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
  look(L, t);
  lua_pushstring(L, status_of(t));
  return 1;
}

/* future:done() -> boolean */
static int future_done(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  look(L, t);
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
  look(L, t);
  lua_pushboolean(L, t->state == TDM_CANCELLED || t->state == TDM_STOPPING);
  return 1;
}

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
  look(L, t);
  if (!(t->marks & TDM_SETTLED) || (t->marks & TDM_WATCHED)) return 0;
  return c->depth < MAX_NESTED && (known || c->port->ready == NULL);
}

/* future:on_done(fn) -> future */
static int future_on_done(lua_State *L) {
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

static void set_time(lua_State *L, const char *field, tdm_time t) {
  lua_pushnumber(L, (lua_Number)t * 1e-9);
  lua_setfield(L, -2, field);
}

/* future:info() -> table */
static int future_info(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  look(L, t);
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
  look(L, t);
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
  static const luaL_Reg methods[] = {
      {"result", tdml_future_result}, {"wait", future_wait},
      {"error", future_error},        {"status", future_status},
      {"done", future_done},          {"cancel", future_cancel},
      {"on_done", future_on_done},    {"info", future_info},
      {"progress", future_progress},  {NULL, NULL}};
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
