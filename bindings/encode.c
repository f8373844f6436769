/* encode.c -- a message and its two passes; see codec_wire.h for the bytes and
 * encoder.h for the passes. */
#include "../core/mem.h"
#include "codec_wire.h"
#include "encode_bytes.h"

/*
** The buffer
*/

void tdml_use_buffer(tdml_encoder *e, size_t used) {
  e->p = e->out->p + used;
  e->end = e->out->p + e->out->cap;
}

int tdml_grow_buffer(tdml_encoder *e, size_t more) {
  size_t used = (size_t)(e->p - e->out->p);
  size_t unsaved = used - e->out->n;
  if (more > SIZE_MAX / 4) return TDM_NOMEM;
  int err = tdm_buf_grow(e->out, unsaved + more);
  if (err == TDM_OK) tdml_use_buffer(e, used);
  return err;
}

/*
** The message
*/

static int put_body(tdml_encoder *e, int top, uint32_t i) {
  int err = tdml_put_tag(e, TDML_BODY);
  if (err != TDM_OK) return err;
  lua_rawgeti(e->L, e->anchor, (lua_Integer)i + 1);
  err = tdml_put_inside(e, top + 1, top + 1, i);
  if (err == TDM_OK) lua_pop(e->L, 1);
  return err;
}

/* Put the contents of the tables that were put off, which may put off more:
 * tables are put off when first met, so entries are in the right order. */
static int put_bodies(tdml_encoder *e, int top) {
  const tdml_seen *seen = &e->s->seen;
  if (!(e->flags & TDML_HAS_BODIES)) return TDM_OK;
  for (uint32_t i = 0; i < seen->n; i++) {
    uint32_t id = seen->list[i].id;
    if (id == TDML_PACKED || !(id & TDML_DEFERRED)) continue;
    int err = put_body(e, top, i);
    if (err != TDM_OK) return err;
  }
  return TDM_OK;
}

static int put_message(tdml_encoder *e, int top) {
  size_t start = e->out->n;
  tdml_use_buffer(e, start);
  int err = tdml_put_tag(e, 0); /* the flags, known at the end */
  for (int i = 0; i < e->n && err == TDM_OK; i++) {
    e->in = TDML_ROOT + (uint32_t)i;
    err = tdml_put_value(e, e->first + i, top);
  }
  if (err == TDM_OK) err = put_bodies(e, top);
  if (err != TDM_OK) return err;
  e->out->p[start] = (char)e->flags;
  e->out->n = tdml_offset(e);
  return TDM_OK;
}

/*
** The two passes
*/

/* (encoder, values...), protected. */
static int careful_pass(lua_State *L) {
  tdml_encoder *e = lua_touserdata(L, 1);
  e->first = 2;
  lua_newtable(L);
  e->anchor = lua_gettop(L);
  e->status = put_message(e, e->anchor);
  return 0;
}

/* Errors that come through here are no fault of a value: memory, or "invalid
 * key to 'next'" where a __tandem_pack changed a table that is being walked. */
static int careful_outcome(tdml_encoder *e, int failure) {
  if (failure == LUA_OK) return e->status;
  if (failure == LUA_ERRMEM) return TDM_NOMEM;
  const char *text = NULL;
  if (lua_type(e->L, -1) == LUA_TSTRING) text = lua_tostring(e->L, -1);
  return tdml_refuse_all(e, text != NULL ? text : "unknown error");
}

static int run_careful_pass(tdml_encoder *e) {
  lua_State *L = e->L;
  if (e->n > LUAI_MAXSTACK / 2)
    return tdml_refuse_all(e, "too many values to send at once");
  if (!lua_checkstack(L, e->n + TDML_ROOM_STACK)) return TDM_NOMEM;
  tdml_seen_reset(&e->s->seen);
  lua_pushcfunction(L, careful_pass);
  lua_pushlightuserdata(L, e);
  for (int i = 0; i < e->n; i++) lua_pushvalue(L, e->first + i);
  e->s->busy = true;
  int failure = lua_pcall(L, e->n + 1, 0, 0);
  e->s->busy = false;
  return careful_outcome(e, failure);
}

/* The buffer is taken away meanwhile: a __tandem_pack may end up in the very
 * function that uses it. */
static int with_buffer_aside(tdml_encoder *e) {
  tdm_buf *out = e->out, aside = *out;
  *out = (tdm_buf){0};
  e->out = &aside; /* cppcheck-suppress autoVariables ; until the end */
  int err = run_careful_pass(e);
  e->out = out;
  tdm_buf_fini(out);
  *out = aside;
  return err;
}

/* A scratch that no message further up the C stack is using. */
static tdml_scratch *idle_scratch(tdml_scratch *s) {
  while (s != NULL && s->busy) {
    if (s->inner == NULL) s->inner = tdml_scratch_new();
    s = s->inner;
  }
  return s;
}

int tdml_encode(lua_State *L, int first, int n, tdm_buf *out, tdml_scratch *s,
                const tdml_encode_opts *o) {
  if (n <= 0) return TDM_OK;
  if (tdm_buf_reserve(out, TDML_ROOM_SCALAR) != TDM_OK) return TDM_NOMEM;
  if (s->busy) s = idle_scratch(s);
  if (s == NULL) return TDM_NOMEM;
  if (s->seen.n != 0) tdml_seen_reset(&s->seen);
  tdml_encoder e = {.L = L, .s = s, .o = o, .out = out, .first = first, .n = n};
  int top = lua_gettop(L);
  int err = put_message(&e, top);
  if (err == TDM_OK) return TDM_OK;
  lua_settop(L, top);
  if (err != TDML_CARE) return err;
  e = (tdml_encoder){
      .L = L, .s = s, .o = o, .out = out, .first = first, .n = n};
  err = with_buffer_aside(&e);
  lua_settop(L, top);
  return err;
}

/*
** The scratch
*/

tdml_scratch *tdml_scratch_new(void) {
  return tdm_mem_zero(sizeof(tdml_scratch));
}

void tdml_scratch_free(tdml_scratch *s) {
  while (s != NULL) {
    tdml_scratch *inner = s->inner;
    tdml_seen_fini(&s->seen);
    tdm_mem_free(s);
    s = inner;
  }
}

static const tdml_scratch *last_used(const tdml_scratch *s) {
  while (s->busy && s->inner != NULL) s = s->inner;
  return s;
}

const char *tdml_scratch_message(const tdml_scratch *s) {
  return last_used(s)->message;
}

const char *tdml_scratch_path(const tdml_scratch *s) {
  return last_used(s)->path;
}
