/* outcome.h -- what a task ended with: bytes, and values and errors of Lua.
 *
 * Owns:    nothing: bytes are the task's, values lie in the future's notes.
 * Threads: the thread that runs the state.
 */
#ifndef TDML_OUTCOME_H
#define TDML_OUTCOME_H

#include "future.h"

/* Pushes the results of a task that is done, of the future at index 1; how
 * many. Raises kind "decode". */
int tdml_outcome_push(lua_State *L, tdm_task *t);

/* Pushes error and traceback of a failed task, of the future at idx; the same
 * values each time. */
void tdml_outcome_push_failure(lua_State *L, tdm_task *t, int idx);

/* Raises the error of a failed task, of the future at index 1. */
int tdml_outcome_raise(lua_State *L, tdm_task *t);

/* Pushes what a failed payload holds: the error value as it is to be raised,
 * and the traceback or nil. */
void tdml_push_failure(lua_State *L, const tdm_task *t, const char *p,
                       size_t n);

/* Pushes the error of a task that ended without a payload to say how: it was
 * cancelled, or ran out of time. */
void tdml_push_unsaid(lua_State *L, const tdm_task *t);

/* Sees to it that what a settled task ended with is there as bytes: it may be
 * kept as values in the notes of the future at idx, that of a group always is.
 * A failed one has a message of the error and its traceback. `mode`: what to do
 * with metatables. TDM_OK, TDM_ENCODE or TDM_NOMEM. */
int tdml_future_needbytes(lua_State *L, int idx, int mode);

/* Pushes what is wrong after needbytes, or raises that memory is. */
void tdml_future_pusherror(lua_State *L, int err);

/* The future at idx was settled by hand: hands on what waits for it. */
void tdml_future_pass(lua_State *L, int idx);

#endif
