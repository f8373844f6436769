/* known.h -- from what a user submits to the core's numbered functions.
 *
 * Owns: nothing; the functions belong to the client.
 */
#ifndef TDML_KNOWN_H
#define TDML_KNOWN_H

#include "client.h"

/* The function for the task at idx: a string "module:function", or a Lua
 * function without upvalues but _ENV. Anything else is a wrong argument `arg`
 * of the function `where`. */
tdm_func *tdml_checktask(lua_State *L, tdml_client *c, int idx, int arg,
                         const char *where);

/* The same function under another label. */
tdm_func *tdml_relabel(lua_State *L, tdml_client *c, tdm_func *f,
                       const char *label);

#endif
