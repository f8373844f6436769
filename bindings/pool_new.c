/* From the settings that bindings/tandem/pool.lua has checked to a pool. */
#include <stdio.h>
#include <string.h>

#include "../core/mem.h"
#include "../core/shared.h"
#include "known.h"
#include "pool.h"
#include "runner.h"

static lua_Integer get_integer(lua_State *L, int idx, const char *field) {
  lua_getfield(L, idx, field);
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

static const char *get_string(lua_State *L, int idx, const char *field) {
  lua_getfield(L, idx, field);
  const char *s = lua_tostring(L, -1);
  lua_pop(L, 1); /* the table keeps it */
  return s;
}

static int get_boolean(lua_State *L, int idx, const char *field) {
  lua_getfield(L, idx, field);
  int is_true = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is_true;
}

static double get_number(lua_State *L, int idx, const char *field) {
  lua_getfield(L, idx, field);
  double x = (double)lua_tonumber(L, -1);
  lua_pop(L, 1);
  return x;
}

static tdm_time get_nanoseconds(lua_State *L, int idx, const char *field) {
  lua_getfield(L, idx, field);
  double seconds = (double)lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (!(seconds > 0)) return 0;
  return seconds < 9e9 ? (tdm_time)(seconds * 1e9) : TDM_FOREVER;
}

/* Pushes the values of the recipe's message; how many. */
static int push_recipe_values(lua_State *L, tdml_client *c, int idx) {
  lua_getfield(L, idx, "path");
  lua_getfield(L, idx, "cpath");
  lua_getfield(L, idx, "preload");
  if (lua_getfield(L, idx, "initializer") == LUA_TNIL) {
    lua_pushnil(L);
  } else {
    tdm_func *f = tdml_checktask(L, c, lua_gettop(L), 1, "initializer");
    lua_pushinteger(L, f->form);
    lua_replace(L, -2);
    lua_pushlstring(L, f->spec, f->size);
  }
  lua_getfield(L, idx, "initargs");
  lua_getfield(L, idx, "openers");
  return 7;
}

static tdml_recipe *new_recipe(lua_State *L, tdml_client *c, int idx,
                               int mode) {
  int n = push_recipe_values(L, c, idx);
  tdm_buf *b = &c->buf;
  tdml_encode_opts opts = {mode, "initargs", 0};
  b->n = 0;
  int err = tdml_encode(L, lua_gettop(L) - n + 1, n, b, c->scratch, &opts);
  lua_pop(L, n);
  if (err == TDM_ENCODE) {
    tdml_pusherror(L, "encode", "%s", tdml_scratch_message(c->scratch));
    tdml_seterrorstring(L, "path", tdml_scratch_path(c->scratch));
    lua_error(L);
  }
  size_t limit = (size_t)get_integer(L, idx, "memory_limit");
  tdml_recipe *r = NULL;
  if (err == TDM_OK) r = tdm_mem_new(sizeof *r + b->n);
  if (r == NULL) tdml_nomem(L);
  *r = (tdml_recipe){.memory_limit = limit,
                     .mode = mode,
                     .timeout = get_number(L, idx, "timeout"),
                     .size = b->n};
  memcpy(r->bytes, b->p, b->n);
  b->n = 0;
  return r;
}

static void get_settings(lua_State *L, int idx, tdm_settings *s) {
  *s = (tdm_settings){
      .max_workers = (unsigned)get_integer(L, idx, "max_workers"),
      .max_tasks_per_worker =
          (uint64_t)get_integer(L, idx, "max_tasks_per_worker"),
      .queue_limit = (size_t)get_integer(L, idx, "queue_limit"),
      .spin = get_nanoseconds(L, idx, "spin"),
      .one_lock = get_boolean(L, idx, "one_lock"),
  };
  snprintf(s->name, sizeof s->name, "%s", get_string(L, idx, "name"));
  s->memory_limit = (uint64_t)get_integer(L, idx, "memory_limit");
  const char *program = get_string(L, idx, "worker_path");
  if (program != NULL) snprintf(s->program, sizeof s->program, "%s", program);
}

static tdm_executor_maker get_maker(const char *kind) {
  if (strcmp(kind, "serial") == 0) return tdm_serial_new;
  return strcmp(kind, "process") == 0 ? tdm_procs_new : tdm_threads_new;
}

static enum tdml_on_full get_on_full(lua_State *L, int idx) {
  const char *s = get_string(L, idx, "on_full");
  if (strcmp(s, "error") == 0) return TDML_ERROR;
  return strcmp(s, "caller") == 0 ? TDML_CALLER : TDML_BLOCK;
}

/* A pool of its own, or with a place in one that others use: then *found tells
 * whether there was one. */
static int make(lua_State *L, const tdm_settings *s, tdml_recipe *recipe,
                tdm_port *port, tdm_executor **out, int *found) {
  tdm_shared_wish wish = {.kind = lua_tostring(L, 1),
                          .settings = s,
                          .runner = &tdml_runner,
                          .note = get_string(L, 2, "note"),
                          .linger = get_nanoseconds(L, 2, "linger"),
                          .make = get_maker(lua_tostring(L, 1))};
  *found = 0;
  if (wish.note == NULL) return wish.make(s, &tdml_runner, recipe, port, out);
  return tdm_shared_join(&wish, recipe, port, out, found);
}

/* new_pool(kind, settings) -> pool, and the note of the shared pool that was
 * found; see bindings/tandem/pool.lua */
int tdml_pool_new(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  tdm_settings settings;
  int found;
  get_settings(L, 2, &settings);
  tdml_pool *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (tdml_pool){.exit_timeout = get_nanoseconds(L, 2, "exit_timeout"),
                   .timeout = get_number(L, 2, "timeout"),
                   .on_full = get_on_full(L, 2)};
  if (strcmp(get_string(L, 2, "metatables"), "drop") == 0)
    p->mode = TDML_DROP_MT;
  luaL_setmetatable(L, TDML_POOL_MT);
  tdm_port *port = tdml_client_port(L, c);
  p->client = c;
  tdml_client_retain(c);
  p->number = ++c->last_pool;
  tdml_recipe *recipe = new_recipe(L, c, 2, p->mode);
  settings.recipe_size = sizeof *recipe + recipe->size;
  int err = make(L, &settings, recipe, port, &p->executor, &found);
  if (err != TDM_OK || found) tdm_mem_free(recipe);
  if (err != TDM_OK) return tdml_raise(L, err);
  c->pools++;
  lua_getiuservalue(L, lua_upvalueindex(1), 4);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, p->number);
  lua_pop(L, 1);
  if (!found) return 1;
  lua_pushstring(L, tdm_shared_note(p->executor));
  return 2;
}
