/* pump.h -- waiting for tasks, and the callbacks that run meanwhile.
 *
 * Callbacks run in the submitting state only, inside a call that may block;
 * every such call goes through here.
 *
 * Threads: the thread that runs the state.
 * Blocks:  tdml_wait_…, until the deadline.
 */
#ifndef TDML_PUMP_H
#define TDML_PUMP_H

#include "client.h"

/* Takes in what came back and runs the callbacks that are due. How many. Tells
 * the event loops when no more are to come. Never raises what a callback
 * raises, but for an interruption by lua.c's Ctrl-C. */
int tdml_pump(lua_State *L, tdml_client *c);

/* The same for those callbacks alone that are due by now: with those that they
 * make due it may never end. Where some are left, the descriptor is readable.
 */
int tdml_pump_once(lua_State *L, tdml_client *c);

/* Waits until the task is settled: true; or the deadline: false. */
int tdml_wait_task(lua_State *L, tdml_client *c, tdm_task *t,
                   tdm_time deadline);

/* In a task: raises where the C stack has no room for one more on top of those
 * that wait. */
void tdml_check_depth(lua_State *L, const tdm_worker *w, int is_submitted);

/* In a task: runs one that this worker's tasks have submitted. False: none of
 * them is pending here. */
int tdml_try_help(lua_State *L, tdml_client *c);

/* Waits until something may have changed: a task is back, a callback ran, or
 * the deadline passed (false). */
int tdml_wait_any(lua_State *L, tdml_client *c, tdm_time deadline);

enum tdml_until { TDML_ALL, TDML_FIRST, TDML_FIRST_ERROR };

/* Waits until as many of the list of futures at idx are settled. With one wake
 * at the end, not one for each. */
void tdml_wait_list(lua_State *L, tdml_client *c, int idx,
                    enum tdml_until until, tdm_time deadline);

/* tdm_port_wait and tdm_park_wait for the thread that runs the state: it
 * notices what a signal handler has set for it with lua_sethook, as lua.c does
 * for SIGINT. May raise. */
int tdml_port_wait(lua_State *L, tdm_port *p, const tdm_task *target, int count,
                   tdm_time deadline, tdm_time spin);
int tdml_park_wait(lua_State *L, tdm_park *p, tdm_time deadline);

/* Raises what interrupted a callback, where one was. */
void tdml_raise_interruption(lua_State *L, tdml_client *c);

#endif
