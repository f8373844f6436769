/* hidden.c -- a program that has Lua within, linked statically, and exports
 * none of it: a game, a tool in one file.
 *
 *     hidden alone|beside
 *
 * A C module cannot work there, and says so: alone as the functions are not to
 * be found; beside another Lua, which something else in the process has loaded,
 * as they are found there, and would work on a state that is not theirs.
 */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "host.h"

int main(int argc, char **argv) {
  host_bound(30);
  CHECK(argc == 2);
  if (strcmp(argv[1], "beside") == 0)
    CHECK(dlopen("liblua5.4.so.0", RTLD_NOW | RTLD_GLOBAL) != NULL);
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  puts(host_error(L, "require 'tandem'"));
  /* The state is as good as before. */
  host_do(L, "assert(select('#', table.unpack({}, 1, 3)) == 3)");
  lua_close(L);
  return host_fine();
}
