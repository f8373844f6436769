#include "client.h"

#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/fork.h"
#include "../core/mem.h"
#include "../core/nest.h"
#include "inside.h"

/* --- life ----------------------------------------------------------------- */

void tdml_client_retain(tdml_client *c) { c->handles++; }

void tdml_client_release(tdml_client *c) {
  if (--c->handles != 0) return;
  tdml_scratch_free(c->scratch);
  tdm_buf_fini(&c->buf);
  tdm_buf_fini(&c->chunk);
  /* A thread that would not end may still use both. */
  if (c->nest != NULL) {
    tdm_nest_leave(c->nest, c->funcs);
  } else if (c->abandoned == 0) {
    if (c->port != NULL) tdm_port_free(c->port);
    tdm_funcs_release(&c->funcs);
  }
  tdm_mem_free(c);
}

static int client_gc(lua_State *L) {
  tdml_client **box = lua_touserdata(L, 1);
  if (*box != NULL) tdml_client_release(*box);
  *box = NULL;
  return 0;
}

void tdml_client_new(lua_State *L) {
  tdml_client **box = lua_newuserdatauv(L, sizeof(tdml_client *), 6);
  *box = NULL;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, client_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  *box = tdm_mem_zero(sizeof(tdml_client));
  if (*box == NULL) tdml_nomem(L);
  (*box)->handles = 1;
  (*box)->scratch = tdml_scratch_new();
  if ((*box)->scratch == NULL) tdml_nomem(L);
  (*box)->ctl = tdml_ctl_of(L);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 3);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_setiuservalue(L, -2, 4);
}

tdm_port *tdml_client_port(lua_State *L, tdml_client *c) {
  unsigned generation = tdm_fork_generation();
  if (c->port != NULL && c->fork_generation == generation) return c->port;
  /* In a forked child the parent's port stays as it is: its futures point to
   * it, and nobody will ever deliver to it here. */
  if (c->port != NULL) c->abandoned++;
  tdm_port *port = tdm_port_new();
  if (port == NULL) tdml_nomem(L);
  port->ctl = c->ctl;
  c->port = port;
  c->fork_generation = generation;
  c->held = 0;
  return port;
}

void tdml_client_tell_loop(lua_State *L, tdml_client *c) {
  int held = c->port != NULL && tdm_port_is_watching(c->port);
  if (!c->has_loop || held == c->held) return;
  luaL_checkstack(L, 3, "too many values");
  lua_getiuservalue(L, lua_upvalueindex(1), 6);
  lua_pushboolean(L, held);
  c->held = held; /* it may come back here */
  lua_call(L, 1, 0);
}

/* --- arguments ------------------------------------------------------------ */

void tdml_register(lua_State *L, const luaL_Reg *l) {
  for (int i = 1; i <= 3; i++) lua_pushvalue(L, i);
  luaL_setfuncs(L, l, 3);
}

void *tdml_testudata(lua_State *L, int idx, const void *mt) {
  void *p = lua_touserdata(L, idx);
  if (p == NULL || !lua_getmetatable(L, idx)) return NULL;
  int same = lua_topointer(L, -1) == mt;
  lua_pop(L, 1);
  return same ? p : NULL;
}

int tdml_nomem(lua_State *L) {
  luaL_error(L, "not enough memory");
  __builtin_unreachable();
}

int tdml_bad_object(lua_State *L, int idx, const char *expected) {
  luaL_typeerror(L, idx, expected);
  __builtin_unreachable();
}

/* --- who called ----------------------------------------------------------- */

static char home_key; /* its address is the key in the registry */

void tdml_set_home(lua_State *L) {
  lua_rawsetp(L, LUA_REGISTRYINDEX, &home_key);
}

/* Is this function one of our own modules'? */
static int is_at_home(lua_State *L, const lua_Debug *ar) {
  size_t n = 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &home_key);
  const char *home = lua_tolstring(L, -1, &n);
  int is = home != NULL && strncmp(ar->source, home, n) == 0;
  lua_pop(L, 1);
  return is;
}

/* Who called us: the first Lua function outside of our modules. False: there is
 * none, or none before a C function, where that counts as who called. */
static int find_caller(lua_State *L, lua_Debug *ar, int past_c) {
  for (int level = 1; level < 10 && lua_getstack(L, level, ar); level++) {
    lua_getinfo(L, "Sl", ar);
    if (ar->currentline > 0 ? !is_at_home(L, ar) : !past_c)
      return ar->currentline > 0;
  }
  return 0;
}

int tdml_misuse(lua_State *L, const char *format, ...) {
  char text[700];
  lua_Debug ar;
  va_list args;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is not */
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (find_caller(L, &ar, 0))
    lua_pushfstring(L, "%s:%d: %s", ar.short_src, ar.currentline, text);
  else
    lua_pushstring(L, text);
  lua_error(L);
  __builtin_unreachable();
}

int tdml_argerror(lua_State *L, int arg, const char *where, const char *format,
                  ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is not */
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  tdml_misuse(L, "bad argument #%d to '%s' (%s)", arg, where, text);
}

int tdml_expected(lua_State *L, int idx, int arg, const char *where,
                  const char *expected) {
  tdml_argerror(L, arg, where, "expected %s, got %s", expected,
                luaL_typename(L, idx));
}

tdm_time tdml_optdeadline(lua_State *L, int idx, int arg, const char *where) {
  if (lua_isnoneornil(L, idx)) return TDM_FOREVER;
  if (lua_type(L, idx) != LUA_TNUMBER)
    tdml_expected(L, idx, arg, where, "a number of seconds");
  return tdm_clock_deadline((double)lua_tonumber(L, idx));
}

/* --- errors --------------------------------------------------------------- */

void tdml_pusherror(lua_State *L, const char *kind, const char *format, ...) {
  char message[1024];
  va_list args;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is not */
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  luaL_setmetatable(L, TDML_ERROR_MT);
}

void tdml_seterrorstring(lua_State *L, const char *field, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

void tdml_seterrornumber(lua_State *L, const char *field, lua_Number value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, field);
}

void tdml_seterrorlimit(lua_State *L, double limit) {
  char text[32];
  snprintf(text, sizeof text, "%.*g", FLT_DIG, limit);
  double given = strtod(text, NULL);
  int is_same = (float)given == (float)limit;
  tdml_seterrornumber(L, "limit", is_same ? given : limit);
}

int tdml_throw(lua_State *L) {
  lua_Debug ar;
  if (find_caller(L, &ar, 1)) {
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
    lua_setfield(L, -2, "where");
  }
  lua_error(L);
  __builtin_unreachable();
}

int tdml_raise(lua_State *L, int err) {
  tdml_pusherror(L, tdm_error_kind(err), "%s", tdm_error_text(err));
  tdml_throw(L);
}

/* Where the first line ends that says something: that a file cannot be loaded
 * says less than why, which is on the next. */
static size_t first_line(const char *text) {
  static const char sign[] = "error loading module ";
  size_t n = strcspn(text, "\n");
  const char *at = strstr(text, sign);
  if (at == NULL || at > text + n || n == 0 || text[n - 1] != ':') return n;
  return text[n] == '\n' ? n + 1 + strcspn(text + n + 1, "\n") : n;
}

/* Pushes a text, at most of two lines, as one. */
static void push_line(lua_State *L, const char *text, size_t n) {
  size_t line = strcspn(text, "\n");
  if (n > 0 && text[n - 1] == ':') n--;
  lua_pushlstring(L, text, line < n ? line : n);
  if (line >= n) return;
  line += 1 + strspn(text + line + 1, "\t");
  lua_pushliteral(L, " ");
  lua_pushlstring(L, text + line, n - line);
  lua_concat(L, 3);
}

/* Pushes the field's first line between two texts, or nothing where it is no
 * string or number. */
static int push_field(lua_State *L, const char *before, const char *field,
                      const char *after) {
  lua_getfield(L, 1, field);
  const char *text = lua_tostring(L, -1);
  if (text != NULL) {
    lua_pushstring(L, before);
    push_line(L, text, first_line(text));
    lua_pushstring(L, after);
    lua_concat(L, 3);
  }
  lua_remove(L, text != NULL ? -2 : -1);
  return text != NULL;
}

/* One line. The message may have more, for instance all the places where a
 * module was looked for. */
static int error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  int n = push_field(L, "", "where", ": ");
  n += push_field(L, "", "kind", "");
  n += push_field(L, ": ", "message", "");
  n += push_field(L, " (task ", "task", ")");
  n += push_field(L, " (worker ", "worker", ")");
  lua_concat(L, n);
  return 1;
}

int tdml_iserror(lua_State *L, int idx, const char *kind) {
  int top = lua_gettop(L), is_it = 0;
  idx = lua_absindex(L, idx);
  if (lua_istable(L, idx) && lua_getmetatable(L, idx)) {
    luaL_getmetatable(L, TDML_ERROR_MT);
    is_it = lua_rawequal(L, -1, -2);
  }
  if (is_it && kind != NULL) {
    lua_getfield(L, idx, "kind");
    is_it = lua_isstring(L, -1) && strcmp(lua_tostring(L, -1), kind) == 0;
  }
  lua_settop(L, top);
  return is_it;
}

void tdml_openerrors(lua_State *L) {
  if (luaL_newmetatable(L, TDML_ERROR_MT)) {
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, TDML_ERROR_MT);
    lua_setfield(L, -2, "__name");
  }
  lua_pop(L, 1);
}
