/* stop.h -- stopping Lua code that runs in a worker, or holding it up while
 * another one has the lock that they share.
 *
 * A signal handler sets a hook on the coroutine that runs, as lua.c does for
 * Ctrl-C; the hook raises an error. Code that catches it gets it raised again,
 * by the pcall that caught it, up to the frame that runs tasks. No hook is set
 * before that: a hook that is armed makes all code slower.
 *
 * Where the lock of the pool (core/onelock.h) is wanted, the hook lets it go,
 * takes it again, and makes way for the hook that was there before.
 *
 * After an error is raised, <close> variables run without a hook for some
 * 100 000 instructions; so do message handlers, of all xpcalls but the
 * innermost: for what a hook raises that one calls none.
 *
 * Threads: the worker's own; tdml_stop_look_up in a signal handler of it.
 */
#ifndef TDML_STOP_H
#define TDML_STOP_H

#include <lua.h>

struct tdml_vm;

/* Makes a worker's state stoppable: replaces pcall, xpcall, load,
 * coroutine.resume, wrap and close, debug.sethook. */
void tdml_open_stop(lua_State *L, struct tdml_vm *vm);

/* tdm_runner.interrupt */
void tdml_stop_look_up(void *arg);

/* Pushes the error of a run that shall end: kind "cancelled" or "timeout". */
void tdml_push_stopped(lua_State *L, const struct tdml_vm *vm);

/* The task that waited goes on: it shall hear of what it was told meanwhile. */
void tdml_stop_recheck(struct tdml_vm *vm);

/* The code of the task on this stack has ended: no hook is set from now on, nor
 * left behind for the next task. */
void tdml_stop_end(struct tdml_vm *vm, lua_State *L);

#endif
