#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "failure.h"

static int has_fields(lua_State *L) {
  if (lua_istable(L, -1)) return 1;
  if (luaL_getmetafield(L, -1, "__index") == LUA_TNIL) return 0;
  lua_pop(L, 1);
  return 1;
}

/* Replaces the module on top by what is at the dotted path `name` in it, step
 * by step. */
static void walk(lua_State *L, const char *module, const char *name) {
  for (const char *step = name;;) {
    size_t n = strcspn(step, ".");
    lua_pushlstring(L, step, n);
    lua_gettable(L, -2);
    lua_replace(L, -2);
    if (step[n] == '\0') return;
    step += n + 1;
    if (has_fields(L)) continue;
    lua_pushlstring(L, name, (size_t)(step - name) - 1);
    luaL_error(L, "module '%s' has no function '%s' (its '%s' is %s)", module,
               name, lua_tostring(L, -1), luaL_typename(L, -2));
  }
}

static int is_callable(lua_State *L) {
  if (lua_isfunction(L, -1)) return 1;
  if (luaL_getmetafield(L, -1, "__call") == LUA_TNIL) return 0;
  lua_pop(L, 1);
  return 1;
}

/* (spec) -> value; what fails raises */
static int find(lua_State *L) {
  const char *spec = lua_tostring(L, 1);
  const char *colon = strchr(spec, ':');
  lua_getglobal(L, "require");
  lua_pushlstring(L, spec, colon ? (size_t)(colon - spec) : strlen(spec));
  lua_call(L, 1, 1);
  if (colon == NULL) {
    if (!is_callable(L))
      luaL_error(L,
                 "module '%s' is no function but a %s; name one of its "
                 "functions: \"%s:function\"",
                 spec, luaL_typename(L, -1), spec);
    return 1;
  }
  lua_pushlstring(L, spec, (size_t)(colon - spec));
  lua_insert(L, -2);
  if (!has_fields(L))
    luaL_error(L, "module '%s' has no function '%s': it returned a %s",
               lua_tostring(L, -2), colon + 1, luaL_typename(L, -1));
  lua_settop(L, 3);
  walk(L, lua_tostring(L, 2), colon + 1);
  if (!is_callable(L))
    luaL_error(L, "module '%s' has no function '%s' (%s)", lua_tostring(L, 2),
               colon + 1, luaL_typename(L, -1));
  return 1;
}

/* Is there a module of the name at the top: loaded, or a file? Pops it. */
static int is_module(lua_State *L) {
  int name = lua_gettop(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, name);
  int found = lua_rawget(L, -2) != LUA_TNIL;
  if (!found) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchpath");
    lua_pushvalue(L, name);
    lua_getfield(L, -3, "path");
    found = lua_pcall(L, 2, 1, 0) == LUA_OK && lua_isstring(L, -1);
  }
  lua_settop(L, name - 1);
  return found;
}

/* Puts a question at the end of the first line of the error's message: that
 * line is what its tostring shows. The error object is at index 1. */
static void ask(lua_State *L, const char *module, const char *name) {
  lua_getfield(L, 1, "message");
  const char *message = lua_tostring(L, -1);
  size_t line = strcspn(message, "\n");
  const char *rest = message + line;
  if (line > 0 && message[line - 1] == ':') line--;
  lua_pushlstring(L, message, line);
  lua_pushfstring(L, "; did you mean \"%s:%s\"?%s", module, name, rest);
  lua_concat(L, 2);
  lua_setfield(L, 1, "message");
}

/* The likeliest slips: a dot for the colon, as in "math.sqrt", and the bare
 * name of a global function, as in "tostring". */
static void hint(lua_State *L, const tdm_func *f) {
  const char *dot = strrchr(f->spec, '.');
  if (f->form != TDM_FUNC_NAME || strchr(f->spec, ':')) return;
  if (dot != NULL) {
    lua_pushlstring(L, f->spec, (size_t)(dot - f->spec));
    lua_pushvalue(L, -1);
    if (is_module(L)) ask(L, lua_tostring(L, -1), dot + 1);
  } else if (lua_getglobal(L, f->spec) == LUA_TFUNCTION) {
    ask(L, "_G", f->spec);
  }
  lua_settop(L, 1);
}

/* Lua says that there is no such file where it only could not open it. Pushes
 * the text, with the cause before it if there is one: 1, or 0. */
static int push_text(lua_State *L, const char *text) {
  int is_file = strstr(text, "not found") || strstr(text, "cannot open");
  int fd = is_file ? open("/", O_RDONLY | O_CLOEXEC) : -1;
  int is_full = is_file && fd < 0 && (errno == EMFILE || errno == ENFILE);
  if (is_full)
    lua_pushfstring(L, "%s: %s", strerror(errno), text);
  else
    lua_pushstring(L, text);
  if (fd >= 0) close(fd);
  return is_full;
}

int tdml_load_shortage(lua_State *L) {
  if (!push_text(L, luaL_checkstring(L, 1))) lua_pushnil(L);
  return 1;
}

static const char *kind_of(const char *text, int is_full) {
  if (strstr(text, "not enough memory") != NULL) return "memory";
  return is_full ? "limit" : "load";
}

/* (error value, func) -> error object */
static int make_error(lua_State *L) {
  const tdm_func *f = lua_touserdata(L, 2);
  int is_full = push_text(L, luaL_tolstring(L, 1, NULL));
  const char *text = lua_tostring(L, -1);
  const char *kind = kind_of(text, is_full);
  lua_createtable(L, 0, 5);
  luaL_setmetatable(L, TDML_ERROR_MT);
  lua_replace(L, 1);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  const char *path = lua_tostring(L, -1);
  lua_pushfstring(L, "%s\n(the worker's package.path is %s)", text,
                  path ? path : "not a string");
  lua_setfield(L, 1, "message");
  lua_settop(L, 1);
  tdml_seterrorstring(L, "kind", kind);
  tdml_push_traceback(L);
  lua_setfield(L, 1, "traceback");
  tdml_seterrorstring(L, "task", f->label);
  hint(L, f);
  return 1;
}

static int load_code(lua_State *L) {
  const tdm_func *f = lua_touserdata(L, 1);
  if (luaL_loadbufferx(L, f->spec, f->size, f->label, "b") != LUA_OK)
    return lua_error(L);
  return 1;
}

/* The status of the protected call: the function, or the error, is on top. */
static int push_found(lua_State *L, const tdm_func *f, int handler) {
  if (f->form == TDM_FUNC_CODE) {
    lua_pushcfunction(L, load_code);
    lua_pushlightuserdata(L, (void *)f);
  } else {
    lua_pushcfunction(L, find);
    lua_pushstring(L, f->spec);
  }
  return lua_pcall(L, 1, 1, handler);
}

int tdml_load(lua_State *L, const tdm_func *f) {
  lua_pushcfunction(L, tdml_keep_traceback);
  int handler = lua_gettop(L);
  int status = push_found(L, f, handler);
  lua_remove(L, handler);
  if (status == LUA_OK) return 1;
  lua_pushcfunction(L, make_error);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, (void *)f);
  lua_call(L, 2, 1);
  return 0;
}
