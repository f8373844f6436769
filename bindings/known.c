#include "known.h"

#include <string.h>

#include "../core/mem.h"

/* --- the grammar: module [":" name {"." name}] --- */

static int is_name_byte(char c) { return (unsigned char)c > ' ' && c != ':'; }

static const char *skip_name(const char *s, int stop_at_dot) {
  while (is_name_byte(*s) && !(stop_at_dot && *s == '.')) s++;
  return s;
}

static int is_well_formed(const char *s) {
  const char *end = skip_name(s, 0);
  if (end == s) return 0;
  if (*end == '\0') return 1;
  if (*end != ':') return 0;
  do {
    const char *name = end + 1;
    end = skip_name(name, 1);
    if (end == name) return 0;
  } while (*end == '.');
  return *end == '\0';
}

/* --- bytecode --- */

static int append(lua_State *L, const void *p, size_t n, void *arg) {
  tdm_buf *b = arg;
  (void)L;
  if (tdm_buf_reserve(b, n) != TDM_OK) return 1;
  tdm_buf_put(b, p, n);
  return 0;
}

/* Where the task came from, for errors. */
typedef struct origin {
  int idx, arg;
  const char *where;
} origin;

static void check_upvalues(lua_State *L, const origin *o) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, o->idx, i)) != NULL; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    int is_env = strcmp(name, "_ENV") == 0 || lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (!is_env)
      tdml_argerror(L, o->arg, o->where,
                    "a function with upvalue '%s' cannot be sent; pass "
                    "\"module:function\", and the value as an argument",
                    name);
  }
}

static const char *push_label(lua_State *L, int idx) {
  lua_Debug ar;
  lua_pushvalue(L, idx);
  lua_getinfo(L, ">S", &ar);
  return lua_pushfstring(L, "function <%s:%d>", ar.short_src, ar.linedefined);
}

/* --- known tasks --- */

static tdm_func *new_func(lua_State *L, tdml_client *c, enum tdm_func_form form,
                          const char *spec, size_t size, const char *label) {
  tdm_func *f = tdm_func_get(form, spec, size, label);
  if (f == NULL) tdml_nomem(L);
  if (tdm_funcs_add(&c->funcs, f) == TDM_OK) return f;
  tdm_func_release(f);
  tdml_nomem(L);
}

static tdm_func *know_name(lua_State *L, tdml_client *c, const origin *o) {
  size_t size;
  const char *s = lua_tolstring(L, o->idx, &size);
  if (strlen(s) != size || !is_well_formed(s))
    tdml_argerror(L, o->arg, o->where,
                  "malformed task '%s': expected \"module:function\" or "
                  "\"module\"",
                  s);
  return new_func(L, c, TDM_FUNC_NAME, s, size, s);
}

/* Functions that are made anew from the same source have the same bytecode, and
 * shall have the same number. The table is user value 3 of the client. */
static tdm_func *know_code(lua_State *L, tdml_client *c, const origin *o) {
  if (lua_iscfunction(L, o->idx))
    tdml_argerror(L, o->arg, o->where,
                  "a C function cannot be sent; pass its name, "
                  "\"module:function\"");
  check_upvalues(L, o);
  tdm_buf *b = &c->buf;
  b->n = 0;
  if (lua_dump(L, append, b, 0) != 0) tdml_nomem(L);
  lua_getiuservalue(L, lua_upvalueindex(1), 3);
  lua_pushlstring(L, b->p, b->n);
  b->n = 0;
  lua_pushvalue(L, -1);
  lua_rawget(L, -3);
  tdm_func *f = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (f == NULL) {
    size_t size;
    const char *label = push_label(L, o->idx);
    const char *code = lua_tolstring(L, -2, &size);
    f = new_func(L, c, TDM_FUNC_CODE, code, size, label);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, f);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  } else {
    lua_pop(L, 2);
  }
  return f;
}

static tdm_func *get_known(lua_State *L, tdml_client *c, const origin *o) {
  switch (lua_type(L, o->idx)) {
    case LUA_TSTRING:
      return know_name(L, c, o);
    case LUA_TFUNCTION: {
      lua_pushvalue(L, o->idx); /* lua_dump wants it on top */
      tdm_func *f = know_code(L, c, o);
      lua_pop(L, 1);
      return f;
    }
    default:
      tdml_expected(L, o->idx, o->arg, o->where,
                    "a task (\"module:function\" or a function)");
      return NULL;
  }
}

tdm_func *tdml_checktask(lua_State *L, tdml_client *c, int idx, int arg,
                         const char *where) {
  const origin o = {idx, arg, where};
  lua_pushvalue(L, idx);
  if (!lua_isnil(L, -1) && lua_rawget(L, TDML_KNOWN_TASKS) != LUA_TNIL) {
    tdm_func *f = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return f;
  }
  lua_pop(L, 1);
  tdm_func *f = get_known(L, c, &o);
  lua_pushvalue(L, idx);
  lua_pushlightuserdata(L, f);
  lua_rawset(L, TDML_KNOWN_TASKS);
  return f;
}

/* Kept among the bytecodes, by number and label: no bytecode begins so. */
tdm_func *tdml_relabel(lua_State *L, tdml_client *c, tdm_func *f,
                       const char *label) {
  lua_getiuservalue(L, lua_upvalueindex(1), 3);
  lua_pushfstring(L, "%d %s", (int)f->id, label);
  lua_pushvalue(L, -1);
  lua_rawget(L, -3);
  tdm_func *g = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (g == NULL) {
    g = new_func(L, c, f->form, f->spec, f->size, label);
    lua_pushlightuserdata(L, g);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  } else {
    lua_pop(L, 2);
  }
  return g;
}
