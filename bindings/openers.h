/* openers.h -- C modules that are linked into the host, for its worker threads.
 *
 * A module that is linked into a program, and not a file of its own, is known
 * to a state only where the program puts its opener into package.preload. Its
 * worker threads have states of their own: what is named here is put there in
 * each of them. A worker process is another program, and has none.
 *
 * Threads: add: any. Locks: the process's (fork.h).
 */
#ifndef TDML_OPENERS_H
#define TDML_OPENERS_H

#include <lua.h>

/* All worker threads that start from now on know it: the last of a name counts.
 * TDM_OK or TDM_NOMEM. Never taken back. */
int tdml_openers_add(const char *name, lua_CFunction open);

/* Sets all that were added in the table on top, and those of the table at idx,
 * or nil: names with addresses. */
void tdml_openers_set(lua_State *L, int idx);

/* opener_address(fn) -> integer; or nil and what is wrong with it */
int tdml_opener_address(lua_State *L);

#endif
