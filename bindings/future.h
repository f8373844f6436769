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

/* Sees to it that what a settled task ended with is there as bytes: it may be
 * kept as values in the notes of the future at idx, that of a group always is.
 * A failed one has a message of the error and its traceback. `mode`: what to do
 * with metatables. TDM_OK, TDM_ENCODE or TDM_NOMEM. */
int tdml_future_needbytes(lua_State *L, int idx, int mode);

/* Pushes what is wrong after needbytes, or raises that memory is. */
void tdml_future_pusherror(lua_State *L, int err);

/* The future at idx was settled by hand: hands on what waits for it. */
void tdml_future_pass(lua_State *L, int idx);

/* The task of the future at idx; an argument error if it is no future. */
tdm_task *tdml_checkfuture(lua_State *L, int idx);

/* Pushes the notes of the future at idx: true; or nothing: false. */
int tdml_future_getnotes(lua_State *L, int idx);

/* Pushes the notes, made where there are none. */
void tdml_future_neednotes(lua_State *L, int idx);

/* forget(future, fn): that callback will not be called. Where it was the only
 * one, the future is no longer kept. */
int tdml_future_forget(lua_State *L);

/* future:result([timeout]), for a future at index 1. */
int tdml_future_result(lua_State *L);

/* Pushes what a failed payload holds: the error value as it is to be raised,
 * and the traceback or nil. */
void tdml_push_failure(lua_State *L, const tdm_task *t, const char *p,
                       size_t n);

/* Pushes the error of a task that ended without a payload to say how: it was
 * cancelled, or ran out of time. */
void tdml_push_unsaid(lua_State *L, const tdm_task *t);

/* Calls the function on top, a callback, with the future at idx, and pops it.
 * Raises nothing. */
void tdml_call_back(lua_State *L, tdml_client *c, int future);

/* Fills in the metatable. */
void tdml_open_future(lua_State *L, tdml_client *c);

#endif
