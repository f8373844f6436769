/* load.h -- from a numbered function to a Lua function, in a worker. */
#ifndef TDML_LOAD_H
#define TDML_LOAD_H

#include <lua.h>

#include "../core/func.h"

/* Pushes the function: true; or an error object of kind "load": false. The
 * task's own code (its module) runs in a protected call. */
int tdml_load(lua_State *L, const tdm_func *f);

/* (what require has raised) -> the same with the cause before it where that is
 * that no descriptor was left for the file; else nil */
int tdml_load_shortage(lua_State *L);

#endif
