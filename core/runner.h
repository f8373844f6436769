/* runner.h -- how a worker runs a task: the one door from the core to Lua.
 *
 * bindings/runner.c implements it with a lua_State, the C tests with plain C.
 * The core calls it from a worker (a thread of its own, or the submitting
 * thread in a serial pool), never while it holds a lock.
 */
#ifndef TDM_RUNNER_H
#define TDM_RUNNER_H

#include "buf.h"
#include "task.h"

struct tdm_ctl;

typedef struct tdm_runner {
  /* Makes a worker's virtual machine from the recipe. `ctl` outlives it.
   * TDM_OK with *vm set; or TDM_BROKEN with the cause, as the payload of a
   * failed task, in `why`: then no worker of this pool can ever work; or
   * another error: this worker could not be made. */
  int (*open)(const void *recipe, struct tdm_ctl *ctl, void **vm, tdm_buf *why);

  /* What each worker does once in its machine before its first task. A machine
   * may have been copied since it was opened, by a fork of the process. Same
   * errors; the machine remains to be closed. */
  int (*start)(void *vm, tdm_buf *why);

  /* Runs a claimed task. TDM_DONE or TDM_FAILED, with the result or the error
   * appended to `out`; TDM_FAILED with nothing in `out` means out of memory.
   * Sets t->failed for a task of many items. */
  enum tdm_state (*run)(void *vm, tdm_task *t, tdm_buf *out);

  /* In a signal handler of the thread that is in `run` or `start`: sees to it
   * that what runs there looks at its tdm_ctl_why soon. `run` then ends with
   * TDM_CANCELLED or, for want of time, TDM_FAILED. Where tdm_ctl_is_asked, it
   * calls tdm_ctl_take and goes on. */
  void (*interrupt)(void *vm);

  /* The worker is about to sleep. Is there garbage worth collecting? Then
   * `idle` collects it, which may take long. */
  int (*has_garbage)(void *vm);
  void (*idle)(void *vm);

  void (*close)(void *vm);

  /* The executor is gone: frees the recipe. */
  void (*release)(void *recipe);
} tdm_runner;

#endif
