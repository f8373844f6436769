/* Submitting: check, encode, hand over; and what is raised where a task is not
 * taken. */
#include "../core/nest.h"
#include "known.h"
#include "outcome.h"
#include "pool.h"
#include "pump.h"

/* Where all are missing an error says so. */
void tdml_pool_warn(tdml_pool *p) {
  tdm_executor *e = p->executor;
  unsigned missing = tdm_load_relaxed(&e->pool->missing);
  if (missing == 0 || missing >= tdml_pool_width(p)) return;
  if (p->warned != 0) return;
  p->warned = missing;
  lua_writestringerror("tandem: warning: %s\n",
                       "a limit of the system, on threads, processes or "
                       "address space, allows no more workers; the pool goes "
                       "on with fewer");
}

/* The cause of a broken pool, as an error of its own for each who asks. */
TDML_RAISES static int raise_cause(lua_State *L, tdm_executor *e) {
  tdm_task t = {.func = NULL};
  tdml_push_failure(L, &t, e->pool->cause.p, e->pool->cause.n);
  lua_pop(L, 1);
  lua_error(L);
  __builtin_unreachable();
}

/* What it is where an executor does not say more. */
#define NO_THREAD                                                            \
  "the system gives no thread: the limit on processes (RLIMIT_NPROC) or on " \
  "memory (RLIMIT_AS) is reached"

static void push_refused(lua_State *L, tdm_executor *e, int err) {
  const char *kind = tdm_error_kind(err), *name = e->settings.name;
  switch (err) {
    case TDM_FULL:
      tdml_pusherror(L, kind, "the queue of pool '%s' is full (limit %zu)",
                     name, e->settings.queue_limit);
      break;
    case TDM_LIMIT:
      tdml_pusherror(
          L, kind, "pool '%s' cannot start a worker: %s", name,
          e->pool->trouble[0] != '\0' ? e->pool->trouble : NO_THREAD);
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

int tdml_pool_refuse(lua_State *L, tdm_executor *e, const tdm_task *t,
                     int err) {
  if (err == TDM_BROKEN) raise_cause(L, e);
  push_refused(L, e, err);
  tdml_seterrorstring(L, "task", t->func->label);
  tdml_throw(L);
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

/* Submits the task of the future at index `future`, whose payload is set, and
 * lets the future keep the pool at index `pool`. Heeds the queue's limit.
 * Raises where it is not taken. */
static void send(lua_State *L, int pool, int future) {
  tdml_pool *p = lua_touserdata(L, pool);
  tdml_future *f = lua_touserdata(L, future);
  if (tdm_nest_is(p->executor)) tdml_check_depth(L, p->client->nest->worker, 0);
  int err = tdm_executor_submit(p->executor, f->task);
  if (err == TDM_FULL) err = submit_when_full(L, p, f->task);
  if (err != TDM_OK) tdml_pool_refuse(L, p->executor, f->task, err);
  tdml_pool_warn(p);
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
  tdm_buf_use_heap(&buf, p->executor->heap);
  int err = tdml_encode(L, first, n, &buf, c->scratch, &opts);
  if (err == TDM_OK) err = tdm_payload_take(&t->payload, &buf);
  tdm_buf_fini(&c->buf);
  tdm_buf_use_heap(&buf, NULL);
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

/* Less is none at all to a float, and none means for ever. */
#define SHORTEST 1e-9

/* A task that may not run for ever, and a pool that sees to it. */
static void set_limit(lua_State *L, tdml_pool *p, tdm_task *t, double seconds) {
  tdm_executor *e = p->executor;
  if (!(seconds > 0) || seconds > 1e9) return;
  if (e->ops->keep_time == NULL) {
    tdml_pusherror(L, "limit",
                   "a %s pool cannot stop a task: it takes no "
                   "timeout",
                   e->ops->kind);
    tdml_throw(L);
  }
  if (e->ops->keep_time(e) != TDM_OK) {
    tdml_pusherror(L, "limit",
                   "pool '%s' cannot keep time: no thread or no "
                   "signal is left for it",
                   e->settings.name);
    tdml_throw(L);
  }
  t->limit = (float)(seconds < SHORTEST ? SHORTEST : seconds);
}

/* Gives the future on top a fresh task of the pool. */
static tdm_task *give_task(lua_State *L, tdml_pool *p, tdml_future *f,
                           tdm_func *func) {
  f->task = tdm_port_new_task(tdml_client_port(L, p->client));
  if (f->task == NULL) tdml_nomem(L);
  f->pool = p->number;
  f->task->func = func;
  tell_collector(L, p->client);
  return f->task;
}

tdml_wish tdml_pool_checkwish(lua_State *L, const tdml_pool *p, int idx) {
  return (tdml_wish){
      .priority = (int32_t)luaL_checkinteger(L, idx),
      .retries = (unsigned)luaL_checkinteger(L, idx + 1) & TDM_MOST_RETRIES,
      .timeout = luaL_optnumber(L, idx + 2, p->timeout),
      .label = luaL_optstring(L, idx + 3, NULL),
  };
}

void tdml_pool_fill(lua_State *L, tdml_pool *p, tdml_future *f,
                    const tdml_wish *wish, int task, const char *where) {
  int n = lua_gettop(L) - 1 - task;
  tdm_func *func = tdml_checktask(L, p->client, task, 1, where);
  if (wish->label != NULL) func = tdml_relabel(L, p->client, func, wish->label);
  tdm_task *t = give_task(L, p, f, func);
  t->priority = wish->priority;
  t->retries = wish->retries & TDM_MOST_RETRIES;
  set_limit(L, p, t, wish->timeout);
  encode_arguments(L, p, t, task + 1, n);
}

/* self, task, ... -> the same, and the future */
static void submit(lua_State *L, const char *where) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_func *func = tdml_checktask(L, p->client, 2, 1, where);
  int n = lua_gettop(L) - 2;
  tdm_task *t = give_task(L, p, tdml_future_push(L, p->client), func);
  if (p->timeout > 0) set_limit(L, p, t, p->timeout);
  encode_arguments(L, p, t, 3, n);
  send(L, 1, n + 3);
  lua_settop(L, n + 3);
}

/* pool:submit(task, ...) -> future */
int tdml_pool_submit(lua_State *L) {
  submit(L, "submit");
  return 1;
}

/* pool:call(task, ...) -> values: submits and waits */
int tdml_pool_call(lua_State *L) {
  submit(L, "call");
  lua_replace(L, 1);
  lua_settop(L, 1);
  return tdml_future_result(L);
}

/* submit_with(pool, priority, retries, timeout or nil, label or nil, task, ...)
 * -> future */
int tdml_pool_submit_with(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdml_wish wish = tdml_pool_checkwish(L, p, 2);
  luaL_checkany(L, 6);
  tdml_future *f = tdml_future_push(L, p->client);
  int future = lua_gettop(L);
  tdml_pool_fill(L, p, f, &wish, 6, "submit");
  send(L, 1, future);
  lua_settop(L, future);
  return 1;
}

int tdml_pool_submit_bytes(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_func *func = tdml_checktask(L, p->client, 2, 1, "submit");
  size_t n = (size_t)luaL_checkinteger(L, 4);
  tdm_task *t = give_task(L, p, tdml_future_push(L, p->client), func);
  if (p->timeout > 0) set_limit(L, p, t, p->timeout);
  if (tdm_payload_copy(&t->payload, lua_touserdata(L, 3), n) != TDM_OK)
    return tdml_nomem(L);
  send(L, 1, 5);
  return 1;
}

/* submit_chunk(pool, task, items, job, priority, label, retries, timeout) ->
 * future; the chunk is what pack_items and its like have put together. The
 * timeout is for each item. */
int tdml_pool_submit_chunk(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdm_func *func = tdml_checktask(L, p->client, 2, 1, "map");
  const char *label = luaL_optstring(L, 6, NULL);
  if (label != NULL) func = tdml_relabel(L, p->client, func, label);
  tdm_task *t = give_task(L, p, tdml_future_push(L, p->client), func);
  t->items = (uint32_t)luaL_checkinteger(L, 3);
  t->job = (unsigned)luaL_checkinteger(L, 4) & 7u;
  t->retries = (unsigned)luaL_optinteger(L, 7, 0) & TDM_MOST_RETRIES;
  t->priority = (int32_t)luaL_optinteger(L, 5, 0);
  double timeout = luaL_optnumber(L, 8, p->timeout);
  set_limit(L, p, t, timeout * (double)t->items);
  int future = lua_gettop(L);
  if (tdm_payload_take(&t->payload, &p->client->chunk) != TDM_OK)
    return tdml_nomem(L);
  send(L, 1, future);
  lua_settop(L, future);
  return 1;
}
