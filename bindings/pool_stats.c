/* What a pool and its workers have done, as tables. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/nest.h"
#include "pool.h"

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
int tdml_pool_stats(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_executor *e = tdm_nest_pool(p->executor);
  tdm_tally *y = lua_newuserdatauv(L, sizeof *y, 0);
  memset(y, 0, sizeof *y);
  tdml_client_port(L, p->client);
  tdm_port_drain(p->client->port);
  tdm_executor_tally(e, y);
  uint64_t taken = y->taken, done = y->done, failed = y->failed;
  uint64_t stopped = y->stopped, ended = done + failed + stopped;
  if (taken < ended) taken = ended; /* read at different moments */
  uint64_t submitted = tdm_load_relaxed(&e->pool->submitted) + y->submitted;
  uint64_t cancelled = tdm_load_relaxed(&e->pool->cancelled) + y->withdrawn;
  uint64_t begun = taken + cancelled;
  lua_createtable(L, 0, 19);
  set_count(L, "submitted", submitted);
  set_count(L, "done", done);
  set_count(L, "failed", failed);
  set_count(L, "cancelled", cancelled + stopped);
  set_count(L, "running", taken - ended);
  set_count(L, "pending", submitted > begun ? submitted - begun : 0);
  set_count(L, "bytes_in", y->bytes_in);
  set_count(L, "bytes_out", y->bytes_out);
  set_count(L, "restarts", y->restarts);
  set_count(L, "max_workers", tdml_pool_width(p));
  set_count(L, "lost", e->pool->ops->lost ? e->pool->ops->lost(e->pool) : 0);
  lua_pushnumber(L, (lua_Number)y->cpu * 1e-9);
  lua_setfield(L, -2, "cpu");
  lua_pushnumber(L, (lua_Number)(tdm_clock_now() - e->made) * 1e-9);
  lua_setfield(L, -2, "wall");
  if (e->settings.one_lock) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "one_lock");
  }
  push_spread(L, &y->wait, "wait");
  push_spread(L, &y->run, "run");
  push_workers_count(L, e);
  lua_remove(L, -2);
  return 1;
}

static void push_worker(lua_State *L, const tdm_worker_view *v) {
  lua_createtable(L, 0, 8);
  set_count(L, "id", v->id);
  if (v->pid >= 0)
    set_count(L, "pid", (uint64_t)(v->pid != 0 ? v->pid : getpid()));
  if (v->tid > 0) set_count(L, "tid", (uint64_t)v->tid);
  lua_pushstring(L, v->func ? "running" : "idle");
  lua_setfield(L, -2, "status");
  if (v->func != NULL) {
    lua_pushstring(L, v->label[0] != '\0' ? v->label : v->func->label);
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
int tdml_pool_workers(lua_State *L) {
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
