/* runner.h -- a worker's virtual machine: the core's runner, with Lua.
 *
 * A recipe says how to make one. It is plain bytes, so that it can go to
 * another process.
 */
#ifndef TDML_RUNNER_H
#define TDML_RUNNER_H

#include <lua.h>

#include "../core/runner.h"
#include "../core/worker.h"
#include "codec.h"
#include "failure.h"

typedef struct tdml_recipe {
  size_t memory_limit; /* bytes of Lua heap; 0: none */
  int mode;            /* TDML_REFUSE_MT or TDML_DROP_MT */
  double timeout;      /* seconds that a task may run; 0: no limit */
  size_t size;
  /* message: path, cpath, preload, initializer, initargs, openers */
  char bytes[];
} tdml_recipe;

/* What tandem's hook took the place of. */
typedef struct tdml_kept_hook {
  lua_State *L; /* NULL: none */
  lua_Hook hook;
  int mask, count;
} tdml_kept_hook;

/* A worker's machine. Its upvalue or light userdata is this. */
typedef struct tdml_vm {
  lua_State *L;
  /* The coroutine that runs, as far as Lua resumed it. NULL: nothing is to be
   * stopped, and it shall not be touched. */
  lua_State *volatile running;
  tdml_kept_hook kept;
  struct tdm_ctl *ctl;
  tdml_scratch *scratch;
  const tdml_recipe *recipe;
  size_t used; /* bytes of Lua heap, where there is a limit */
  size_t live_after_gc;
  /* the task that runs */
  tdm_task *task;
  tdm_buf *out;
  enum tdm_state outcome;
  struct tdml_batch *batch; /* where a chunk stands, see chunk_run.c */
  int encoding;             /* its result: what is called then may not wait */
  /* of one that runs on top of another that waits */
  lua_State *next; /* the coroutine that it will have, or NULL */
  unsigned depth;  /* tasks that wait below the one that runs */
} tdml_vm;

/* Sees to it that one more task can run on top of the one that runs, on a
 * coroutine of its own. May raise a memory error. */
void tdml_vm_need_next(lua_State *L, tdml_vm *vm);

extern const tdm_runner tdml_runner;

/* Stack indices of the frame that runs tasks: constants of the machine. */
#define TDML_VM lua_upvalueindex(1)
#define TDML_FUNCTIONS lua_upvalueindex(2)
#define TDML_HANDLER lua_upvalueindex(3)

/* Pushes the task's function, loaded where this worker has not met it. False:
 * the failure is in vm->out. */
int tdml_vm_pushfunction(tdml_vm *vm, lua_State *L, const tdm_func *f);

/* Settles the task: the results are the values from index `first` up, or with
 * a status other than LUA_OK the error is on top. */
void tdml_vm_finish(tdml_vm *vm, lua_State *L, int status, int first);

/* Runs a chunk of items; in the frame above. */
void tdml_run_chunk(tdml_vm *vm, lua_State *L, int handler);
void tdml_run_reduce(tdml_vm *vm, lua_State *L, int handler);

#endif
