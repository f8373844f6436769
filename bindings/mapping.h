/* mapping.h -- the iterator that pool:map returns: reads chunks of results.
 *
 * Where to get the next chunk from is decided in bindings/tandem/map.lua; this
 * is the part that runs for every item.
 *
 * Owns:    nothing in C; its user values keep the policy and the chunk's
 *          future, and with it the bytes that are read.
 * Threads: the thread that runs the state.
 */
#ifndef TDML_MAPPING_H
#define TDML_MAPPING_H

#include "client.h"

/* Creates the metatable and adds new_mapping, the functions that map.lua uses,
 * and the methods' table to the table on top. */
void tdml_open_mapping(lua_State *L, tdml_client *c);

#endif
