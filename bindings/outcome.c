#include "outcome.h"

#include <string.h>

#include "../core/note.h"
#include "../core/then.h"
#include "failure.h"

/* Results that are larger than this, or tables, are decoded once and kept: the
 * same table each time, and the bytes go. */
#define WORTH_KEEPING 256

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
void tdml_outcome_push_failure(lua_State *L, tdm_task *t, int idx) {
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

int tdml_outcome_raise(lua_State *L, tdm_task *t) {
  tdml_outcome_push_failure(L, t, 1);
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

int tdml_outcome_push(lua_State *L, tdm_task *t) {
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
  tdml_seterrorlimit(L, (double)t->limit);
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
