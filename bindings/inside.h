/* inside.h -- what a worker's state knows of the task that runs in it.
 *
 * Threads: the worker's own.
 */
#ifndef TDML_INSIDE_H
#define TDML_INSIDE_H

#include <lua.h>

#include "../core/worker.h"

/* The worker that this state belongs to, or NULL for a state of the host. */
tdm_ctl *tdml_ctl_of(lua_State *L);

/* Makes this state a worker's: remembers ctl, and replaces what would end or
 * garble the host: os.exit and print. */
void tdml_move_in(lua_State *L, tdm_ctl *ctl);

/* Adds current, cancelled, sleep to the table on top. */
void tdml_open_inside(lua_State *L);

#endif
