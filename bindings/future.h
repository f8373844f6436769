/* future.h -- the handle of a task in the submitting state.
 *
 * Owns:    one handle of its task. Its user value is its pool, so that a pool
 *          lives as long as somebody waits for its tasks; or, once there is
 *          more to keep, the notes: a table { pool, callbacks, results,
 *          failure }.
 * Threads: the thread that runs the state.
 */
#ifndef TDML_FUTURE_H
#define TDML_FUTURE_H

#include "client.h"

typedef struct tdml_future {
  tdm_task *task;      /* NULL before it is filled, and after __gc */
  tdml_client *client; /* retained; NULL after __gc */
  lua_Integer pool;    /* the number of its pool; 0: of none */
  unsigned thens;      /* continuations that want its result */
} tdml_future;

/* Pushes a future without a task: box first, then acquire. */
tdml_future *tdml_future_push(lua_State *L, tdml_client *c);

/* The same for a continuation, which has a second user value: the future before
 * it, until either is settled. */
tdml_future *tdml_future_push_next(lua_State *L, tdml_client *c);

/* The continuation at idx waits for the future at `before`, unless that is
 * settled already. */
void tdml_future_sethold(lua_State *L, int idx, int before);

/* The task of the future at idx; an argument error if it is no future. */
tdm_task *tdml_checkfuture(lua_State *L, int idx);

/* Pushes the notes of the future at idx: true; or nothing: false. */
int tdml_future_getnotes(lua_State *L, int idx);

/* Pushes the notes, made where there are none. */
void tdml_future_neednotes(lua_State *L, int idx);

/* Takes in what may have settled the task by now. */
void tdml_future_look(lua_State *L, tdm_task *t);

/* callbacks.c: future:on_done(fn) -> future */
int tdml_future_on_done(lua_State *L);

/* callbacks.c: forget(future, fn): that callback will not be called. Where it
 * was the only one, the future is no longer kept. */
int tdml_future_forget(lua_State *L);

/* future:result([timeout]), for a future at index 1. */
int tdml_future_result(lua_State *L);

/* Calls the function on top, a callback, with the future at idx, and pops it.
 * Raises nothing. */
void tdml_call_back(lua_State *L, tdml_client *c, int future);

/* Fills in the metatable. */
void tdml_open_future(lua_State *L, tdml_client *c);

#endif
