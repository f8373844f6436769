#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/mem.h"
#include "future.h"
#include "known.h"
#include "pump.h"
#include "runner.h"

tdml_pool *tdml_checkpool(lua_State *L, int idx) {
  tdml_client *c = tdml_client_of(L);
  tdml_pool *p = tdml_testudata(L, idx, c->pool_mt);
  if (p == NULL) tdml_bad_object(L, idx, "pool");
  if (p->executor == NULL) luaL_argerror(L, idx, "the pool is collected");
  return p;
}

/* --- submitting -------------------------------------------------------------
 */

static void warn_if_short(tdml_pool *p) {
  tdm_executor *e = p->executor;
  unsigned missing = tdm_load_relaxed(&e->missing);
  if (missing == 0 || p->warned != 0) return;
  p->warned = missing;
  lua_writestringerror("tandem: warning: %s\n",
                       "the system refuses to start more workers; the pool "
                       "goes on with fewer");
}

/* The cause of a broken pool, as an error of its own for each who asks. */
static int raise_cause(lua_State *L, tdm_executor *e) {
  tdm_task t = {.func = NULL};
  tdml_push_failure(L, &t, e->cause.p, e->cause.n);
  lua_pop(L, 1);
  return lua_error(L);
}

static void push_refused(lua_State *L, tdm_executor *e, int err) {
  const char *kind = tdm_error_kind(err), *name = e->settings.name;
  switch (err) {
    case TDM_FULL:
      tdml_pusherror(L, kind, "the queue of pool '%s' is full (limit %zu)",
                     name, e->settings.queue_limit);
      break;
    case TDM_LIMIT:
      tdml_pusherror(L, kind,
                     "pool '%s' cannot start a worker thread: a limit "
                     "of the system was reached",
                     name);
      break;
    case TDM_FORKED:
      tdml_pusherror(L, kind,
                     "pool '%s' belongs to the process that forked "
                     "this one",
                     name);
      break;
    case TDM_CLOSED:
      tdml_pusherror(L, kind, "pool '%s' is shut down and takes no more tasks",
                     name);
      break;
    default:
      tdml_pusherror(L, kind, "%s", tdm_error_text(err));
      break;
  }
}

static int raise_refused(lua_State *L, tdm_executor *e, const tdm_task *t,
                         int err) {
  if (err == TDM_BROKEN) return raise_cause(L, e);
  push_refused(L, e, err);
  tdml_seterrorstring(L, "task", t->func->label);
  return tdml_throw(L);
}

static int submit_when_full(lua_State *L, tdml_pool *p, tdm_task *t) {
  int err = TDM_FULL;
  switch (p->on_full) {
    case TDML_ERROR:
      return TDM_FULL;
    case TDML_CALLER:
      return tdm_executor_run_here(p->executor, t);
    default:
      while (err == TDM_FULL) {
        tdml_wait_any(L, p->client, TDM_FOREVER);
        err = tdm_executor_submit(p->executor, t);
      }
      return err;
  }
}

void tdml_pool_submit(lua_State *L, int pool, int future) {
  tdml_pool *p = lua_touserdata(L, pool);
  tdml_future *f = lua_touserdata(L, future);
  int err = tdm_executor_submit(p->executor, f->task);
  if (err == TDM_FULL) err = submit_when_full(L, p, f->task);
  if (err != TDM_OK) raise_refused(L, p->executor, f->task, err);
  warn_if_short(p);
  lua_pushvalue(L, pool);
  lua_setiuservalue(L, future, 1);
}

static int raise_encode(lua_State *L, tdml_client *c, const tdm_func *f) {
  tdml_pusherror(L, "encode", "%s", tdml_scratch_message(c->scratch));
  tdml_seterrorstring(L, "path", tdml_scratch_path(c->scratch));
  tdml_seterrorstring(L, "task", f->label);
  return tdml_throw(L);
}

static void encode_arguments(lua_State *L, tdml_pool *p, tdm_task *t, int first,
                             int n) {
  tdml_client *c = p->client;
  if (n == 0) return;
  tdml_encode_opts opts = {p->mode, "argument", 1};
  /* A __tandem_pack may submit: it then finds an empty buffer. */
  tdm_buf buf = c->buf;
  c->buf = (tdm_buf){0};
  buf.n = 0;
  int err = tdml_encode(L, first, n, &buf, c->scratch, &opts);
  if (err == TDM_OK) err = tdm_payload_take(&t->payload, &buf);
  tdm_buf_fini(&c->buf);
  c->buf = buf;
  if (err == TDM_ENCODE) raise_encode(L, c, t->func);
  if (err != TDM_OK) tdml_nomem(L);
}

/* Lua sees of a future but the handle. So that it collects dead ones in time,
 * it is told of each new block of slots, as if it had allocated that. */
static void tell_collector(lua_State *L, tdml_client *c) {
  if (c->blocks == c->port->slab.blocks) return;
  c->blocks = c->port->slab.blocks;
  if (lua_gc(L, LUA_GCISRUNNING)) lua_gc(L, LUA_GCSTEP, TDM_SLAB_BLOCK_KIB);
}

/* Pushes a future for a fresh task of the pool. */
static tdm_task *push_task(lua_State *L, tdml_pool *p, tdm_func *func) {
  tdml_future *f = tdml_future_push(L, p->client);
  f->task = tdm_port_new_task(tdml_client_port(L, p->client));
  if (f->task == NULL) tdml_nomem(L);
  f->task->func = func;
  tell_collector(L, p->client);
  return f->task;
}

/* self, task, ... -> the same, and the future */
static void submit(lua_State *L, const char *where) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_func *func = tdml_checktask(L, p->client, 2, 1, where);
  int n = lua_gettop(L) - 2;
  tdm_task *t = push_task(L, p, func);
  encode_arguments(L, p, t, 3, n);
  tdml_pool_submit(L, 1, n + 3);
  lua_settop(L, n + 3);
}

/* pool:submit(task, ...) -> future */
static int pool_submit(lua_State *L) {
  submit(L, "submit");
  return 1;
}

/* pool:call(task, ...) -> values: submits and waits */
static int pool_call(lua_State *L) {
  submit(L, "call");
  lua_replace(L, 1);
  lua_settop(L, 1);
  return tdml_future_result(L);
}

/* submit_with(pool, priority, label or nil, task, ...) -> future */
static int pool_submit_with(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  lua_Integer priority = luaL_checkinteger(L, 2);
  const char *label = luaL_optstring(L, 3, NULL);
  tdm_func *func = tdml_checktask(L, p->client, 4, 1, "submit");
  if (label != NULL) func = tdml_relabel(L, p->client, func, label);
  int n = lua_gettop(L) - 4;
  tdm_task *t = push_task(L, p, func);
  t->priority = (int32_t)priority;
  encode_arguments(L, p, t, 5, n);
  tdml_pool_submit(L, 1, n + 5);
  lua_settop(L, n + 5);
  return 1;
}

/* --- chunks ------------------------------------------------------------------
 */

/* submit_chunk(pool, task, bytes, items, job, priority, label) -> future */
static int pool_submit_chunk(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_func *func = tdml_checktask(L, p->client, 2, 1, "map");
  const char *label = luaL_optstring(L, 7, NULL);
  if (label != NULL) func = tdml_relabel(L, p->client, func, label);
  tdm_task *t = push_task(L, p, func);
  t->items = (uint32_t)luaL_checkinteger(L, 4);
  t->job = (uint8_t)luaL_checkinteger(L, 5);
  t->priority = (int32_t)luaL_optinteger(L, 6, 0);
  int future = lua_gettop(L);
  if (tdm_payload_take(&t->payload, &p->client->chunk) != TDM_OK)
    return tdml_nomem(L);
  tdml_pool_submit(L, 1, future);
  lua_settop(L, future);
  return 1;
}

/* --- the pool itself
 * ----------------------------------------------------------- */

/* close(pool): no more tasks */
static int pool_close(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  warn_if_short(p);
  tdm_executor_close(p->executor);
  return 0;
}

/* interrupt(pool): tells running tasks to end */
static int pool_interrupt(lua_State *L) {
  tdm_executor_interrupt(tdml_checkpool(L, 1)->executor);
  return 0;
}

/* wait_over(pool, [timeout]) -> boolean; runs callbacks meanwhile */
static int pool_wait_over(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_time deadline = tdml_optdeadline(L, 2, 1, "shutdown");
  if (tdm_executor_is_foreign(p->executor)) return lua_pushboolean(L, 1), 1;
  while (!tdm_executor_is_over(p->executor))
    if (!tdml_wait_any(L, p->client, deadline)) break;
  tdml_pump(L, p->client);
  lua_pushboolean(L, tdm_executor_is_over(p->executor));
  return 1;
}

/* pool:cancel_pending() -> count */
static int pool_cancel_pending(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  size_t n = 0;
  if (!tdm_executor_is_foreign(p->executor))
    n = tdm_executor_cancel_pending(p->executor);
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

/* pool:resize(n) */
static int pool_resize(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  lua_Integer n = lua_type(L, 2) == LUA_TNUMBER ? lua_tointeger(L, 2) : 0;
  if (n < 1 || n > TDM_MAX_WORKERS)
    return tdml_argerror(L, 1, "resize", "expected 1 to %d workers, got %s",
                         TDM_MAX_WORKERS, luaL_tolstring(L, 2, NULL));
  if (tdm_load_relaxed(&p->executor->closing)) return tdml_raise(L, TDM_CLOSED);
  int err = p->executor->ops->resize(p->executor, (unsigned)n);
  if (err != TDM_OK) return tdml_raise(L, err);
  p->warned = 0;
  return 0;
}

/* unfinished(pool) -> list of futures, one for each of its tasks that is not
 * settled and still has a handle */
struct visit {
  tdm_executor *executor;
  tdm_task **list;
  size_t n, max;
};

static void note_unfinished(tdm_task *t, void *arg) {
  struct visit *v = arg;
  if (!(t->marks & TDM_AWAY) || (t->marks & TDM_SETTLED)) return;
  if (t->executor != v->executor || t->handles == 0) return;
  if (v->n < v->max) v->list[v->n] = t;
  v->n++;
}

static int pool_unfinished(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_port *port = tdml_client_port(L, p->client);
  tdm_port_drain(port);
  struct visit v = {.executor = p->executor};
  tdm_slab_each(&port->slab, note_unfinished, &v);
  v.list = lua_newuserdatauv(L, v.n * sizeof(tdm_task *) + 1, 0);
  v.max = v.n;
  v.n = 0;
  tdm_slab_each(&port->slab, note_unfinished, &v);
  lua_createtable(L, (int)v.max, 0);
  for (size_t i = 0; i < v.max; i++) {
    tdml_future *f = tdml_future_push(L, p->client);
    v.list[i]->handles++;
    f->task = v.list[i];
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static void push_spread(lua_State *L, tdm_histogram *h, const char *field) {
  tdm_spread s = tdm_histogram_spread(h);
  const struct {
    const char *name;
    double value;
  } parts[] = {{"mean", s.mean},
               {"p50", s.p50},
               {"p90", s.p90},
               {"p99", s.p99},
               {"max", s.max}};
  lua_createtable(L, 0, 5);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    lua_pushnumber(L, parts[i].value);
    lua_setfield(L, -2, parts[i].name);
  }
  lua_setfield(L, -2, field);
}

static void set_count(lua_State *L, const char *field, uint64_t n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, field);
}

static void push_workers_count(lua_State *L, tdm_executor *e) {
  size_t n = e->ops->workers(e, NULL, 0);
  tdm_worker_view *views = lua_newuserdatauv(L, n * sizeof *views + 1, 0);
  size_t now = e->ops->workers(e, views, n), idle = 0;
  if (now < n) n = now;
  for (size_t i = 0; i < n; i++) idle += views[i].func == NULL;
  lua_insert(L, -2);
  set_count(L, "workers", n);
  set_count(L, "idle", idle);
}

/* pool:stats() -> table */
static int pool_stats(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_executor *e = p->executor;
  tdm_tally *y = lua_newuserdatauv(L, sizeof *y, 0);
  memset(y, 0, sizeof *y);
  tdml_client_port(L, p->client);
  tdm_port_drain(p->client->port);
  tdm_executor_tally(e, y);
  uint64_t taken = y->taken, done = y->done, failed = y->failed;
  uint64_t ended = done + failed;
  if (taken < ended) taken = ended; /* read at different moments */
  uint64_t begun = taken + e->cancelled;
  lua_createtable(L, 0, 18);
  set_count(L, "submitted", e->submitted);
  set_count(L, "done", done);
  set_count(L, "failed", failed);
  set_count(L, "cancelled", e->cancelled);
  set_count(L, "running", taken - ended);
  set_count(L, "pending", e->submitted > begun ? e->submitted - begun : 0);
  set_count(L, "bytes_in", y->bytes_in);
  set_count(L, "bytes_out", y->bytes_out);
  set_count(L, "restarts", y->restarts);
  set_count(L, "max_workers", e->settings.max_workers);
  lua_pushnumber(L, (lua_Number)y->cpu * 1e-9);
  lua_setfield(L, -2, "cpu");
  lua_pushnumber(L, (lua_Number)(tdm_clock_now() - e->made) * 1e-9);
  lua_setfield(L, -2, "wall");
  push_spread(L, &y->wait, "wait");
  push_spread(L, &y->run, "run");
  push_workers_count(L, e);
  lua_remove(L, -2);
  return 1;
}

static void push_worker(lua_State *L, const tdm_worker_view *v) {
  lua_createtable(L, 0, 8);
  set_count(L, "id", v->id);
  set_count(L, "pid", (uint64_t)getpid());
  if (v->tid != 0) set_count(L, "tid", (uint64_t)v->tid);
  lua_pushstring(L, v->func ? "running" : "idle");
  lua_setfield(L, -2, "status");
  if (v->func != NULL) {
    lua_pushstring(L, v->func->label);
    lua_setfield(L, -2, "task");
    lua_pushnumber(L, v->since);
    lua_setfield(L, -2, "since");
  }
  set_count(L, "tasks", v->tasks);
  lua_pushnumber(L, v->cpu);
  lua_setfield(L, -2, "cpu");
}

static int by_id(const void *a, const void *b) {
  const tdm_worker_view *x = a, *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

/* pool:workers() -> list */
static int pool_workers(lua_State *L) {
  tdm_executor *e = tdml_checkpool(L, 1)->executor;
  size_t n = e->ops->workers(e, NULL, 0) + 1;
  tdm_worker_view *views = lua_newuserdatauv(L, n * sizeof *views, 0);
  size_t now = e->ops->workers(e, views, n);
  if (now < n) n = now;
  qsort(views, n, sizeof *views, by_id);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    push_worker(L, &views[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* exit_timeout(pool) -> seconds */
static int pool_exit_timeout(lua_State *L) {
  lua_pushnumber(L, (lua_Number)tdml_checkpool(L, 1)->exit_timeout * 1e-9);
  return 1;
}

/* describe(pool) -> "thread" | "serial", name, max_workers */
static int pool_describe(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  lua_pushstring(L, p->executor->ops->kind);
  lua_pushstring(L, p->executor->settings.name);
  lua_pushinteger(L, p->executor->settings.max_workers);
  return 3;
}

static int pool_tostring(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  tdml_pool *p = tdml_testudata(L, 1, c->pool_mt);
  if (p == NULL || p->executor == NULL) {
    lua_pushliteral(L, "tandem.Pool: closed");
    return 1;
  }
  tdm_executor *e = p->executor;
  int workers = (int)e->settings.max_workers;
  lua_pushfstring(L, "tandem.Pool: %s '%s', %d worker%s%s", e->ops->kind,
                  e->settings.name, workers, workers == 1 ? "" : "s",
                  tdm_load_relaxed(&e->closing) ? ", shut down" : "");
  return 1;
}

static int pool_newindex(lua_State *L) {
  return luaL_error(L, "a pool has no fields to set");
}

/* --- the end
 * --------------------------------------------------------------------- */

/* Waits without running callbacks: Lua is collecting, or closing. */
static int wait_until_over(tdml_pool *p) {
  tdm_port *port = p->client->port;
  tdm_time deadline = p->exit_timeout == TDM_FOREVER
                          ? TDM_FOREVER
                          : tdm_clock_now() + p->exit_timeout;
  while (!tdm_executor_is_over(p->executor)) {
    tdm_port_drain(port);
    if (tdm_port_wait(port, NULL, 1, deadline, 0) == TDM_TIMEOUT) break;
  }
  tdm_port_drain(port);
  return tdm_executor_is_over(p->executor);
}

/* Collected without shutdown: pending tasks are cancelled, running ones told to
 * end and waited for. What will not end keeps its thread, the executor and the
 * port: the host goes on without them. */
static void end(tdml_pool *p) {
  tdm_executor *e = p->executor;
  if (tdm_executor_is_foreign(e)) {
    p->client->abandoned++;
    return;
  }
  if (!tdm_executor_is_over(e)) {
    tdm_executor_close(e);
    tdm_executor_cancel_pending(e);
    tdm_executor_interrupt(e);
  }
  if (wait_until_over(p))
    tdm_executor_free(e);
  else
    p->client->abandoned++;
}

static int pool_gc(lua_State *L) {
  tdml_pool *p = lua_touserdata(L, 1);
  if (p->executor != NULL) {
    end(p);
    p->client->pools--;
  }
  p->executor = NULL;
  if (p->client != NULL) tdml_client_release(p->client);
  p->client = NULL;
  return 0;
}

/* --- making one
 * ------------------------------------------------------------------- */

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
  return 6;
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
  *r = (tdml_recipe){.memory_limit = limit, .mode = mode, .size = b->n};
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
  };
  snprintf(s->name, sizeof s->name, "%s", get_string(L, idx, "name"));
}

static enum tdml_on_full get_on_full(lua_State *L, int idx) {
  const char *s = get_string(L, idx, "on_full");
  if (strcmp(s, "error") == 0) return TDML_ERROR;
  return strcmp(s, "caller") == 0 ? TDML_CALLER : TDML_BLOCK;
}

int tdml_new_pool(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  int serial = strcmp(luaL_checkstring(L, 1), "serial") == 0;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  tdm_settings settings;
  get_settings(L, 2, &settings);
  tdml_pool *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (tdml_pool){.exit_timeout = get_nanoseconds(L, 2, "exit_timeout"),
                   .on_full = get_on_full(L, 2)};
  if (strcmp(get_string(L, 2, "metatables"), "drop") == 0)
    p->mode = TDML_DROP_MT;
  luaL_setmetatable(L, TDML_POOL_MT);
  tdm_port *port = tdml_client_port(L, c);
  p->client = c;
  tdml_client_retain(c);
  tdml_recipe *recipe = new_recipe(L, c, 2, p->mode);
  int err = (serial ? tdm_serial_new : tdm_threads_new)(
      &settings, &tdml_runner, recipe, port, &p->executor);
  if (err != TDM_OK) {
    tdm_mem_free(recipe);
    return tdml_raise(L, err);
  }
  c->pools++;
  return 1;
}

void tdml_open_pool(lua_State *L, tdml_client *c) {
  static const luaL_Reg methods[] = {{"submit", pool_submit},
                                     {"call", pool_call},
                                     {"cancel_pending", pool_cancel_pending},
                                     {"resize", pool_resize},
                                     {"stats", pool_stats},
                                     {"workers", pool_workers},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"submit", pool_submit},
                                       {"submit_with", pool_submit_with},
                                       {"submit_chunk", pool_submit_chunk},
                                       {"close", pool_close},
                                       {"interrupt", pool_interrupt},
                                       {"wait_over", pool_wait_over},
                                       {"unfinished", pool_unfinished},
                                       {"describe", pool_describe},
                                       {"exit_timeout", pool_exit_timeout},
                                       {"new_pool", tdml_new_pool},
                                       {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", pool_tostring},
                                  {"__newindex", pool_newindex},
                                  {"__gc", pool_gc},
                                  {NULL, NULL}};
  tdml_register(L, functions);
  luaL_newmetatable(L, TDML_POOL_MT);
  c->pool_mt = lua_topointer(L, -1);
  tdml_register(L, meta);
  lua_newtable(L);
  tdml_register(L, methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "pool_methods");
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, TDML_POOL_MT);
  lua_setfield(L, -2, "__metatable");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "pool_meta");
  lua_pop(L, 1);
}
