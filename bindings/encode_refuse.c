/* encode_refuse.c -- why a value cannot be sent, and the path to it.
 *
 * The walk keeps no path: it would cost every message what only a failing one
 * needs. But each table's entry names the entry that led to it, so the chain
 * from the root can be followed, and each step's key found by a search.
 */
#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../core/error.h"
#include "encoder.h"

enum { SEGMENT_MAX = 48, NAME_MAX_SHOWN = 40, HEAD = TDML_PATH_MAX / 2 };

/*
** The text of a path
*/

typedef struct path {
  char *p; /* TDML_PATH_MAX bytes */
  size_t n;
  bool cut; /* "..." stands at HEAD for what was left out */
} path;

static void add_text(path *w, const char *text, size_t n) {
  size_t over = w->n + n < TDML_PATH_MAX ? 0 : w->n + n - TDML_PATH_MAX + 1;
  if (over > 0) {
    size_t skip = HEAD + 3;
    if (!w->cut) memcpy(w->p + HEAD, "...", 3);
    w->cut = true;
    memmove(w->p + skip, w->p + skip + over, w->n - skip - over);
    w->n -= over;
  }
  memcpy(w->p + w->n, text, n);
  w->n += n;
  w->p[w->n] = '\0';
}

static void add(path *w, const char *text) { add_text(w, text, strlen(text)); }

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name(const char *s, size_t n) {
  if (n == 0 || n > NAME_MAX_SHOWN || !is_letter(s[0])) return false;
  for (size_t i = 1; i < n; i++)
    if (!is_letter(s[i]) && (s[i] < '0' || s[i] > '9')) return false;
  return true;
}

static void add_byte(path *w, char c) {
  char text[8];
  unsigned char code = (unsigned char)c;
  if (c == '"' || c == '\\')
    snprintf(text, sizeof text, "\\%c", c);
  else if (code < ' ' || code == 0x7f)
    snprintf(text, sizeof text, "\\%03d", code);
  else
    snprintf(text, sizeof text, "%c", c);
  add(w, text);
}

static void add_string(path *w, const char *s, size_t n) {
  if (is_name(s, n)) {
    add(w, ".");
    add(w, s);
    return;
  }
  add(w, "[\"");
  for (size_t i = 0; i < n && i < NAME_MAX_SHOWN; i++) add_byte(w, s[i]);
  add(w, n > NAME_MAX_SHOWN ? "...\"]" : "\"]");
}

static void add_number(path *w, lua_State *L, int idx) {
  char text[SEGMENT_MAX];
  if (lua_isinteger(L, idx))
    snprintf(text, sizeof text, "[" LUA_INTEGER_FMT "]", lua_tointeger(L, idx));
  else
    snprintf(text, sizeof text, "[" LUA_NUMBER_FMT "]", lua_tonumber(L, idx));
  add(w, text);
}

/* Add the step by the key at idx. */
static void add_key(path *w, lua_State *L, int idx) {
  size_t n;
  const char *s;
  switch (lua_type(L, idx)) {
    case LUA_TSTRING:
      s = lua_tolstring(L, idx, &n);
      add_string(w, s, n);
      break;
    case LUA_TNUMBER:
      add_number(w, L, idx);
      break;
    case LUA_TBOOLEAN:
      add(w, lua_toboolean(L, idx) ? "[true]" : "[false]");
      break;
    default:
      add(w, "[");
      add(w, luaL_typename(L, idx));
      add(w, "]");
  }
}

/*
** The way to a value
*/

/* Turn the entries' links around, from the present entry to its root, so that
 * they lead down from the root; the message is lost, its entries may be spoilt.
 * Returns the root; *first is the entry below it, or none. */
static uint32_t turn_around(tdml_encoder *e, uint32_t *first) {
  uint32_t at = e->in, below = TDML_NONE;
  while (at < TDML_ROOT) {
    tdml_seen_entry *entry = &e->s->seen.list[at];
    uint32_t parent = entry->parent;
    entry->parent = below;
    below = at;
    at = parent;
  }
  *first = below;
  return at;
}

/* Add the step from the table at index top to that at top + 1, or "[?]" where
 * it is there no more, because a __tandem_pack changed the table. */
static void add_step(path *w, lua_State *L, int top) {
  int key = top + 2;
  for (lua_pushnil(L); lua_next(L, top); lua_pop(L, 1)) {
    if (lua_rawequal(L, key + 1, top + 1)) {
      add_key(w, L, key);
      return;
    }
    if (lua_rawequal(L, key, top + 1)) {
      add(w, "[key]");
      return;
    }
  }
  add(w, "[?]");
}

/* Add the steps from this entry down to the one where the encoder is. What
 * stands for a packed table is in its place, so there is no step to it. */
static void add_steps(tdml_encoder *e, path *w, uint32_t at) {
  const tdml_seen_entry *list = e->s->seen.list;
  lua_State *L = e->L;
  int top = lua_gettop(L);
  for (; list[at].parent != TDML_NONE; at = list[at].parent) {
    if (list[at].id == TDML_PACKED) continue;
    lua_rawgeti(L, e->anchor, (lua_Integer)at + 1);
    lua_rawgeti(L, e->anchor, (lua_Integer)list[at].parent + 1);
    add_step(w, L, top + 1);
    lua_settop(L, top);
  }
}

static void add_root(tdml_encoder *e, path *w, uint32_t i) {
  char text[SEGMENT_MAX];
  add(w, e->o->what);
  if (e->o->number <= 0) return;
  snprintf(text, sizeof text, " #%lld", (long long)e->o->number + i);
  add(w, text);
}

/* Write the path of the place where the encoder is. */
static void write_path(tdml_encoder *e) {
  path w = {.p = e->s->path};
  uint32_t first;
  bool inside = e->in < TDML_ROOT && !e->packed;
  if (inside && e->on_key) add(&w, "key of ");
  uint32_t i = turn_around(e, &first) - TDML_ROOT;
  add_root(e, &w, i);
  if (first != TDML_NONE) add_steps(e, &w, first);
  if (inside && !e->on_key) add_key(&w, e->L, e->key);
}

/*
** Reasons
*/

/* The reason is on top of the stack. */
static int refuse_for_top(tdml_encoder *e) {
  tdml_scratch *s = e->s;
  write_path(e);
  snprintf(s->message, sizeof s->message, "%s: %s%s", s->path,
           e->packed ? "from __tandem_pack: " : "", lua_tostring(e->L, -1));
  lua_pop(e->L, 1);
  return TDM_ENCODE;
}

int tdml_refuse_because(tdml_encoder *e, const char *format, ...) {
  if (!lua_checkstack(e->L, TDML_ROOM_STACK)) return TDM_NOMEM;
  va_list args;
  va_start(args, format);
  lua_pushvfstring(e->L, format, args);
  va_end(args);
  return refuse_for_top(e);
}

int tdml_refuse_all(tdml_encoder *e, const char *reason) {
  tdml_scratch *s = e->s;
  snprintf(s->path, sizeof s->path, "%s", e->o->what);
  snprintf(s->message, sizeof s->message, "%s: %s", s->path, reason);
  return TDM_ENCODE;
}

/* The name of the first upvalue of the Lua function at idx that is not _ENV;
 * "?" where debug information is stripped; NULL where there is none. */
static const char *upvalue_name(lua_State *L, int idx) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, idx, i)) != NULL; i++) {
    lua_pop(L, 1);
    if (strcmp(name, "(no name)") == 0) return "?";
    if (strcmp(name, "_ENV") != 0) return name;
  }
  return NULL;
}

static int refuse_function(tdml_encoder *e, int idx) {
  static const char advice[] = "pass its name, \"module:function\"";
  if (lua_iscfunction(e->L, idx))
    return tdml_refuse_because(e, "a C function cannot be sent; %s", advice);
  const char *name = upvalue_name(e->L, idx);
  if (name == NULL)
    return tdml_refuse_because(e, "a function cannot be sent; %s", advice);
  return tdml_refuse_because(
      e, "a function with upvalue '%s' cannot be sent; %s", name, advice);
}

/* Push the __name of the metatable of the value at idx; NULL if none. */
static const char *push_type_name(lua_State *L, int idx) {
  if (!lua_getmetatable(L, idx)) {
    lua_pushnil(L);
    return NULL;
  }
  lua_pushliteral(L, "__name");
  lua_rawget(L, -2);
  lua_remove(L, -2);
  return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
}

/* What to do instead of sending one of tandem's own objects, or NULL. */
static const char *own_advice(const char *name) {
  if (strncmp(name, "tandem.", 7) != 0) return NULL;
  if (strstr(name, "uture") != NULL)
    return "it belongs to the state that submitted it; send its result";
  if (strstr(name, "ool") != NULL)
    return "it belongs to the state that made it";
  return NULL;
}

static int refuse_named(tdml_encoder *e, const char *name) {
  const char *advice = own_advice(name);
  if (advice == NULL)
    return tdml_refuse_because(e, "a userdata (%s) cannot be sent", name);
  return tdml_refuse_because(e, "a %s cannot be sent: %s", name, advice);
}

static int refuse_userdata(tdml_encoder *e, int idx) {
  const char *name = push_type_name(e->L, idx);
  int err = name != NULL ? refuse_named(e, name)
                         : tdml_refuse_because(e, "a userdata cannot be sent");
  lua_pop(e->L, 1);
  return err;
}

static int refuse_table(tdml_encoder *e, int idx) {
  const char *name = push_type_name(e->L, idx);
  int err;
  if (name != NULL && own_advice(name) != NULL)
    err = refuse_named(e, name);
  else
    err = tdml_refuse_because(
        e,
        "a table with a metatable%s%s%s cannot be sent; give it a "
        "__tandem_pack, or the pool metatables = \"drop\"",
        name != NULL ? " ('" : "", name != NULL ? name : "",
        name != NULL ? "')" : "");
  lua_pop(e->L, 1);
  return err;
}

int tdml_refuse(tdml_encoder *e, int idx) {
  if (!lua_checkstack(e->L, TDML_ROOM_STACK)) return TDM_NOMEM;
  switch (lua_type(e->L, idx)) {
    case LUA_TFUNCTION:
      return refuse_function(e, idx);
    case LUA_TTHREAD:
      return tdml_refuse_because(e, "a thread (coroutine) cannot be sent");
    case LUA_TUSERDATA:
      return refuse_userdata(e, idx);
    case LUA_TTABLE:
      return refuse_table(e, idx);
    default:
      return tdml_refuse_because(e, "a light userdata cannot be sent");
  }
}
