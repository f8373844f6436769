/* Pools and tasks for C. Each pool has a Lua state of its own, of which it uses
 * what scripts use: so options, errors and the end are the same. Nothing there
 * may raise an error past us. */
#include "api.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "../core/error.h"
#include "../core/mem.h"
#include "future.h"
#include "module.h"
#include "openers.h"

struct tandem_pool {
  lua_State *L; /* the stack is empty between two calls */
  tandem_task *tasks;
  char why[512];
};

struct tandem_task {
  tandem_pool *pool;
  tandem_task *next, **at; /* of the pool's tasks */
  int future;              /* a reference */
};

/* Their addresses are the keys in the registry of a pool's state. */
static char pool_key, core_key;

static void set_why(lua_State *L, char *why, size_t size) {
  const char *text = lua_tostring(L, -1);
  if (size != 0) snprintf(why, size, "%s", text ? text : "not enough memory");
}

static int to_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

static void say(tandem_pool *p, const char *text) {
  snprintf(p->why, sizeof p->why, "%s", text);
}

/* Calls the step with one argument. 0: it failed, and `why` says why. */
static int call(lua_State *L, lua_CFunction step, void *arg, char *why,
                size_t size) {
  lua_settop(L, 0);
  lua_pushcfunction(L, step);
  lua_pushlightuserdata(L, arg);
  int ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
  if (!ok) {
    lua_pushcfunction(L, to_text);
    lua_insert(L, 1);
    lua_pcall(L, 1, 1, 0);
    set_why(L, why, size);
  }
  lua_settop(L, 0);
  return ok;
}

static int call_pool(tandem_pool *p, lua_CFunction step, void *arg) {
  return call(p->L, step, arg, p->why, sizeof p->why);
}

static void push_core(lua_State *L, const char *field) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &core_key);
  lua_getfield(L, -1, field);
  lua_remove(L, -2);
}

/* --- pools ---------------------------------------------------------------- */

typedef struct making {
  const tandem_options *options;
  const char *path, *cpath;
} making;

static void set_package(lua_State *L, const char *field, const char *value) {
  lua_getglobal(L, "package");
  if (value != NULL) lua_pushstring(L, value);
  if (value != NULL) lua_setfield(L, -2, field);
  lua_pop(L, 1);
}

/* The module that this very file is of need not be searched for. */
static void open_libraries(lua_State *L, const making *m) {
  luaL_openlibs(L);
  set_package(L, "path", m->path);
  set_package(L, "cpath", m->cpath);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_tandem_core);
  lua_setfield(L, -2, "tandem.core");
  lua_pop(L, 1);
}

static void require(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

static void push_options(lua_State *L, const tandem_options *o) {
  lua_pushfstring(L, "return { %s\n}", o->more != NULL ? o->more : "");
  const char *source = lua_tostring(L, -1);
  if (luaL_loadbufferx(L, source, strlen(source), "=more", "t") != LUA_OK)
    lua_error(L);
  lua_call(L, 0, 1);
  lua_remove(L, -2);
  if (o->max_workers != 0) {
    lua_pushinteger(L, o->max_workers);
    lua_setfield(L, -2, "max_workers");
  }
  if (o->name != NULL) {
    lua_pushstring(L, o->name);
    lua_setfield(L, -2, "name");
  }
}

static int make_pool(lua_State *L) {
  const making *m = lua_touserdata(L, 1);
  static const tandem_options none;
  const tandem_options *o = m->options != NULL ? m->options : &none;
  const char *kind = o->kind != NULL ? o->kind : "thread";
  if (strcmp(kind, "thread") != 0 && strcmp(kind, "process") != 0)
    return luaL_error(L,
                      "bad option 'kind' (expected \"thread\" or "
                      "\"process\", got \"%s\")",
                      kind);
  open_libraries(L, m);
  require(L, "tandem.core");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &core_key);
  require(L, "tandem");
  lua_pushfstring(L, "%s_pool", kind);
  lua_gettable(L, -2);
  push_options(L, o);
  lua_call(L, 1, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &pool_key);
  return 0;
}

/* A host may have taken the global away; and the library, too: nil. */
static int read_paths(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "package") != LUA_TTABLE) return 0;
  lua_getfield(L, -1, "path");
  lua_getfield(L, -2, "cpath");
  return 2;
}

static void free_pool(tandem_pool *p) {
  if (p == NULL) return;
  if (p->L != NULL) lua_close(p->L);
  for (tandem_task *t = p->tasks, *next; t != NULL; t = next) {
    next = t->next;
    tdm_mem_free(t);
  }
  tdm_mem_free(p);
}

static tandem_pool *open_pool(making *m, char *why, size_t size) {
  tandem_pool *p = tdm_mem_zero(sizeof *p);
  if (p != NULL) p->L = luaL_newstate();
  if (p == NULL || p->L == NULL) {
    if (size != 0) snprintf(why, size, "not enough memory");
  } else if (call(p->L, make_pool, m, why, size)) {
    return p;
  }
  free_pool(p);
  return NULL;
}

static tandem_pool *new_pool(lua_State *L, const tandem_options *o, char *why,
                             size_t size) {
  making m = {.options = o};
  int top = lua_gettop(L);
  lua_pushcfunction(L, read_paths);
  tandem_pool *p = NULL;
  if (lua_pcall(L, 0, 2, 0) != LUA_OK) {
    set_why(L, why, size);
  } else {
    m.path = lua_tostring(L, -2);
    m.cpath = lua_tostring(L, -1);
    p = open_pool(&m, why, size);
  }
  lua_settop(L, top);
  return p;
}

static const char *why_of(const tandem_pool *p) { return p->why; }

static int push_fileno(lua_State *L) {
  int *fd = lua_touserdata(L, 1);
  push_core(L, "fileno");
  lua_call(L, 0, 1);
  *fd = (int)lua_tointeger(L, -1);
  return 0;
}

static int fileno_of(tandem_pool *p) {
  int fd;
  return call_pool(p, push_fileno, &fd) ? fd : -1;
}

/* --- tasks ---------------------------------------------------------------- */

typedef struct submitting {
  const char *name;
  const tandem_bytes *arguments;
  tandem_task *task;
} submitting;

static int submit_step(lua_State *L) {
  static const tandem_bytes none;
  const submitting *s = lua_touserdata(L, 1);
  const tandem_bytes *b = s->arguments != NULL ? s->arguments : &none;
  push_core(L, "submit_bytes");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &pool_key);
  lua_pushstring(L, s->name);
  lua_pushlightuserdata(L, b->p);
  lua_pushinteger(L, (lua_Integer)b->n);
  lua_call(L, 4, 1);
  s->task->future = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static void link_task(tandem_pool *p, tandem_task *t) {
  t->pool = p;
  t->next = p->tasks;
  t->at = &p->tasks;
  if (t->next != NULL) t->next->at = &t->next;
  p->tasks = t;
}

static tandem_task *submit(tandem_pool *p, const char *name,
                           const tandem_bytes *arguments) {
  tandem_task *t = tdm_mem_zero(sizeof *t);
  submitting s = {name, arguments, t};
  if (t == NULL) {
    say(p, "not enough memory");
    return NULL;
  }
  if (!call_pool(p, submit_step, &s)) {
    tdm_mem_free(t);
    return NULL;
  }
  link_task(p, t);
  return t;
}

typedef struct waiting {
  tandem_task *task;
  double seconds;
  int outcome;
} waiting;

static tdml_future *push_future(lua_State *L, const tandem_task *t) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->future);
  return lua_touserdata(L, -1);
}

/* Pushes what the future's method says. */
static void call_method(lua_State *L, int future, const char *name,
                        double seconds) {
  lua_getfield(L, future, name);
  lua_pushvalue(L, future);
  if (seconds == TANDEM_FOREVER)
    lua_pushnil(L);
  else
    lua_pushnumber(L, seconds);
  lua_call(L, 2, 1);
}

static int wait_step(lua_State *L) {
  waiting *w = lua_touserdata(L, 1);
  tdml_future *f = push_future(L, w->task);
  tdm_port_clear_fd(f->client->port);
  call_method(L, 2, "wait", w->seconds);
  if (!lua_toboolean(L, -1)) return 0;
  uint8_t state = tdm_load_relaxed(&f->task->state);
  if (state != TDM_DONE) {
    call_method(L, 2, "error", 0);
    return lua_error(L);
  }
  w->outcome = TANDEM_DONE;
  return 0;
}

static int wait(tandem_task *t, double seconds) {
  waiting w = {t, seconds, TANDEM_PENDING};
  if (!call_pool(t->pool, wait_step, &w)) return TANDEM_FAILED;
  if (w.outcome == TANDEM_PENDING) say(t->pool, "the task is not over yet");
  return w.outcome;
}

/* The payload is still as it came: nobody has asked for it as values. */
static int collect(tandem_task *t, double seconds, tandem_bytes *results) {
  int outcome = wait(t, seconds);
  if (outcome != TANDEM_DONE) return outcome;
  lua_State *L = t->pool->L;
  const tdm_payload *p = &push_future(L, t)->task->payload;
  *results = (tandem_bytes){0};
  if (p->n != 0) results->p = (char *)tdm_payload_bytes(p);
  results->n = p->n;
  lua_settop(L, 0);
  return TANDEM_DONE;
}

typedef struct cancelling {
  tandem_task *task;
  const char *mode;
  int is_cancelled;
} cancelling;

static int cancel_step(lua_State *L) {
  cancelling *c = lua_touserdata(L, 1);
  push_future(L, c->task);
  lua_getfield(L, 2, "cancel");
  lua_pushvalue(L, 2);
  lua_pushstring(L, c->mode);
  lua_call(L, 2, 1);
  c->is_cancelled = lua_toboolean(L, -1);
  return 0;
}

static int cancel(tandem_task *t, const char *mode) {
  cancelling c = {t, mode, 0};
  if (!call_pool(t->pool, cancel_step, &c)) return 0;
  if (!c.is_cancelled) say(t->pool, "the task has started, or is over");
  return c.is_cancelled;
}

static void free_task(tandem_task *t) {
  if (t == NULL) return;
  luaL_unref(t->pool->L, LUA_REGISTRYINDEX, t->future);
  *t->at = t->next;
  if (t->next != NULL) t->next->at = t->at;
  tdm_mem_free(t);
}

/* --- the rest ------------------------------------------------------------- */

static int add_opener(const char *name, lua_CFunction open) {
  return tdml_openers_add(name, open) == TDM_OK;
}

static int pack(lua_State *L, int first, int n, tandem_bytes *out) {
  tdm_buf b = {0};
  tdml_encode_opts opts = {TDML_REFUSE_MT, "value", 1};
  tdml_scratch *scratch = tdml_scratch_new();
  int err = TDM_NOMEM;
  if (scratch != NULL)
    err = tdml_encode(L, lua_absindex(L, first), n, &b, scratch, &opts);
  if (err == TDM_ENCODE) lua_pushstring(L, tdml_scratch_message(scratch));
  if (err == TDM_NOMEM) lua_pushliteral(L, "not enough memory");
  tdml_scratch_free(scratch);
  if (err != TDM_OK) {
    tdm_buf_fini(&b);
    return 0;
  }
  tdml_api_free_bytes(out);
  *out = (tandem_bytes){b.p, b.n, b.cap};
  return 1;
}

static int unpack(lua_State *L, const tandem_bytes *b) {
  return tdml_decode(L, b->p, b->n);
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const tandem_api tdml_api = {
    .api = TANDEM_API,
    .version = TEXT(TANDEM_VERSION),
    .add_opener = add_opener,
    .new_pool = new_pool,
    .free_pool = free_pool,
    .why = why_of,
    .submit = submit,
    .wait = wait,
    .collect = collect,
    .cancel = cancel,
    .free_task = free_task,
    .fileno = fileno_of,
    .put = tdml_api_put,
    .get = tdml_api_get,
    .pack = pack,
    .unpack = unpack,
    .free_bytes = tdml_api_free_bytes,
};
