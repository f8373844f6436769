/* module.h -- the one symbol that the shared object exports. */
#ifndef TDML_MODULE_H
#define TDML_MODULE_H

#include <lua.h>

/* require "tandem.core": private to bindings/tandem. */
__attribute__((visibility("default"))) int luaopen_tandem_core(lua_State *L);

#endif
