/* pool.h -- the handle of an executor in the submitting state.
 *
 * Owns:    the executor, until it is over and the handle is collected. Where
 *          its threads will not end in time it is left to them: see pool_gc.
 * Threads: the thread that runs the state.
 */
#ifndef TDML_POOL_H
#define TDML_POOL_H

#include "client.h"
#include "future.h"

enum tdml_on_full { TDML_BLOCK, TDML_ERROR, TDML_CALLER };

typedef struct tdml_pool {
  tdm_executor *executor; /* NULL before it is filled, and after __gc */
  tdml_client *client;    /* retained; NULL after __gc */
  tdm_time exit_timeout;  /* nanoseconds */
  double timeout;         /* seconds that a task may run; 0: no limit */
  enum tdml_on_full on_full;
  lua_Integer number; /* of the pools of this state, from 1 */
  int mode;           /* TDML_REFUSE_MT or TDML_DROP_MT */
  unsigned warned;    /* of so many missing workers */
} tdml_pool;

/* The pool at idx; an argument error if it is none. */
tdml_pool *tdml_checkpool(lua_State *L, int idx);

/* How many workers it may have, as it is now. */
unsigned tdml_pool_width(const tdml_pool *p);

/* What a view asks for beyond the task. */
typedef struct tdml_wish {
  int32_t priority;
  unsigned retries;
  double timeout;    /* seconds; 0: none */
  const char *label; /* shown in the place of the task, or NULL */
} tdml_wish;

/* The wish in the four values from idx on: priority, retries, timeout or nil,
 * label or nil. */
tdml_wish tdml_pool_checkwish(lua_State *L, const tdml_pool *p, int idx);

/* pool_submit.c: fills in the task of the future on top, as the pool's
 * submit does: function at `task`, arguments after it up to the future. */
void tdml_pool_fill(lua_State *L, tdml_pool *p, tdml_future *f,
                    const tdml_wish *wish, int task, const char *where);

/* Raises what the error of the executor is for the user. */
TDML_RAISES int tdml_pool_refuse(lua_State *L, tdm_executor *e,
                                 const tdm_task *t, int err);

/* pool_then.c: and_then(future, pool, priority, retries, timeout, label, task,
 * ...) -> future; pool_of(future) -> pool or nil. */
int tdml_pool_then(lua_State *L);
int tdml_pool_of(lua_State *L);

/* pool_submit.c: pool:submit, pool:call, and what views and maps call. */
int tdml_pool_submit(lua_State *L);
int tdml_pool_call(lua_State *L);
int tdml_pool_submit_with(lua_State *L);
int tdml_pool_submit_chunk(lua_State *L);

/* submit_bytes(pool, task, bytes, size) -> future, for C: the arguments are a
 * message, at an address that is a light userdata. */
int tdml_pool_submit_bytes(lua_State *L);

/* Warns once, on stderr, where workers could not be started. */
void tdml_pool_warn(tdml_pool *p);

/* pool_stats.c: pool:stats and pool:workers. */
int tdml_pool_stats(lua_State *L);
int tdml_pool_workers(lua_State *L);

/* nested.c: the pool that runs this task: tandem.pool() -> pool or nil. */
int tdml_pool_around(lua_State *L);

/* Raises where the pool is that of tasks, as seen by one of them: only who made
 * it may do that. */
void tdml_check_maker(lua_State *L, const tdml_pool *p, const char *where);

/* pool_new.c: new_pool(kind, settings) -> pool; and the note of a shared pool
 * that was there before. */
int tdml_pool_new(lua_State *L);

/* Fills in the metatable, and adds to the table on top the functions that
 * bindings/tandem/pool.lua and map.lua use. */
void tdml_open_pool(lua_State *L, tdml_client *c);

#endif
