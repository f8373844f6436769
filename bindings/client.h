/* client.h -- what one lua_State keeps of tandem, and the helpers that every
 * binding file uses.
 *
 * Every function of the module has three upvalues: the client, the table of
 * known tasks, and the metatable of futures. See tdml_register.
 *
 * Owns:    the port, the scratch, the functions (tdm_func). It lives until the
 *          state is closed and its last pool and future are collected, in
 *          whatever order Lua finalizes them.
 * Threads: the thread that runs the state.
 */
#ifndef TDML_CLIENT_H
#define TDML_CLIENT_H

#include <lauxlib.h>
#include <lua.h>

#include "../core/error.h"
#include "../core/executor.h"
#include "../core/port.h"
#include "codec.h"

#define TDML_POOL_MT "tandem.Pool"
#define TDML_FUTURE_MT "tandem.Future"
#define TDML_MAPPING_MT "tandem.Map"

typedef struct tdml_client {
  tdm_port *port; /* NULL until the first pool */
  tdml_scratch *scratch;
  tdm_buf buf;           /* where arguments are encoded */
  tdm_buf chunk;         /* where a chunk is put together, see mapping.c */
  int packing;           /* an item of it is being encoded */
  tdm_funcs funcs;       /* all that were ever submitted */
  tdm_ctl *ctl;          /* in a worker: that worker's; else NULL */
  struct tdm_nest *nest; /* in a worker, once its pool was asked for */
  lua_Integer last_pool; /* its number */
  size_t handles;        /* who may still use this struct */
  size_t pools;
  unsigned fork_generation;
  size_t blocks;      /* of the port's slab that Lua's collector knows of */
  unsigned depth;     /* callbacks that are running now */
  int interrupted;    /* one of them was, and the wait shall end: pump.c */
  int has_loop;       /* an event loop wants to hear of held */
  int held;           /* it was told that callbacks are to come */
  unsigned abandoned; /* pools whose threads would not end */
  const void *pool_mt, *future_mt, *mapping_mt; /* lua_topointer of these */
} tdml_client;

/* What a task's bytes are to the runner: tdm_task.job. */
enum tdml_job { TDML_CALL, TDML_MAP, TDML_STARMAP, TDML_REDUCE, TDML_THEN };

/* The client of the running C function. */
static inline tdml_client *tdml_client_of(lua_State *L) {
  return *(tdml_client **)lua_touserdata(L, lua_upvalueindex(1));
}

#define TDML_KNOWN_TASKS lua_upvalueindex(2)
#define TDML_FUTURE_META lua_upvalueindex(3)

/* Makes the state's client and pushes its userdata. Its user values: 1 the
 * futures with callbacks by address, 2 the function that hears of errors in
 * callbacks, 3 the known tasks by bytecode, 4 the pools by number, weakly, 5 in
 * a worker: the pool that runs its tasks, 6 the function that hears whether
 * callbacks are to come. */
void tdml_client_new(lua_State *L);

/* Tells event loops, where there are some, whether callbacks are to come, if
 * they have not heard yet. Raises what they raise. */
void tdml_client_tell_loop(lua_State *L, tdml_client *c);

void tdml_client_retain(tdml_client *c);
void tdml_client_release(tdml_client *c);

/* The client's port, made when first needed, or made anew in a forked child.
 * Raises a memory error. */
tdm_port *tdml_client_port(lua_State *L, tdml_client *c);

/* In luaopen: registers functions as fields of the table on top. Their upvalues
 * are at indices 1 to 3 of the stack: client, known tasks, futures' metatable.
 */
void tdml_register(lua_State *L, const luaL_Reg *l);

/* Is the value at idx a userdata with this metatable? Else NULL. */
void *tdml_testudata(lua_State *L, int idx, const void *mt);

/* What never returns is of type int all the same, for `return` at the end of a
 * C function. */
#define TDML_RAISES __attribute__((noreturn))

/* Raises "not enough memory". */
TDML_RAISES int tdml_nomem(lua_State *L);

/* Raises that the object at idx is no `expected`. */
TDML_RAISES int tdml_bad_object(lua_State *L, int idx, const char *expected);

/* Raises a message, with the line outside of our modules that called. */
TDML_RAISES int tdml_misuse(lua_State *L, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Raises "bad argument #arg to 'where' (...)", at the caller's line. Methods
 * count without the object, whichever way they are called. */
TDML_RAISES int tdml_argerror(lua_State *L, int arg, const char *where,
                              const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a value at idx that is not what was expected. */
TDML_RAISES int tdml_expected(lua_State *L, int idx, int arg, const char *where,
                              const char *expected);

/* The timeout at idx in seconds, nil or none for no limit, as a deadline.
 * Strings are not numbers here. */
tdm_time tdml_optdeadline(lua_State *L, int idx, int arg, const char *where);

/* Is it one of tandem's errors, and of this kind, where that is not NULL? */
int tdml_iserror(lua_State *L, int idx, const char *kind);

/* Push an error object: { kind, message } with the errors' metatable. */
void tdml_pusherror(lua_State *L, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Add fields to the error object on top. */
void tdml_seterrorstring(lua_State *L, const char *field, const char *value);
void tdml_seterrornumber(lua_State *L, const char *field, lua_Number value);

/* The seconds that a task might run, which it keeps as a float: 0.05 as 0.05.
 */
void tdml_seterrorlimit(lua_State *L, double limit);

/* Pops a string: what the sources of our own modules begin with. They are
 * passed over where an error says who called. */
void tdml_set_home(lua_State *L);

/* Raise the error object on top, with the caller's line as `where`. */
TDML_RAISES int tdml_throw(lua_State *L);

/* Push an error object for a code of the core; raise it. */
TDML_RAISES int tdml_raise(lua_State *L, int err);

/* Creates the errors' metatable. */
void tdml_openerrors(lua_State *L);

#endif
