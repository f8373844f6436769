/* pool.h -- the handle of an executor in the submitting state.
 *
 * Owns:    the executor, until it is over and the handle is collected. Where
 *          its threads will not end in time it is left to them: see pool_gc.
 * Threads: the thread that runs the state.
 */
#ifndef TDML_POOL_H
#define TDML_POOL_H

#include "client.h"

enum tdml_on_full { TDML_BLOCK, TDML_ERROR, TDML_CALLER };

typedef struct tdml_pool {
  tdm_executor *executor; /* NULL before it is filled, and after __gc */
  tdml_client *client;    /* retained; NULL after __gc */
  tdm_time exit_timeout;  /* nanoseconds */
  enum tdml_on_full on_full;
  int mode;        /* TDML_REFUSE_MT or TDML_DROP_MT */
  unsigned warned; /* of so many missing workers */
} tdml_pool;

/* The pool at idx; an argument error if it is none. */
tdml_pool *tdml_checkpool(lua_State *L, int idx);

/* Submits the task of the future at index `future`, whose payload is set, and
 * lets the future keep the pool at index `pool`. Heeds the queue's limit.
 * Raises where it is not taken. */
void tdml_pool_submit(lua_State *L, int pool, int future);

/* Creates the metatable; leaves nothing on the stack. */
void tdml_open_pool(lua_State *L, tdml_client *c);

/* new_pool(kind, settings) -> pool; see bindings/tandem/pool.lua */
int tdml_new_pool(lua_State *L);

#endif
