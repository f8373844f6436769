/* plugin.c -- the plugin of plugged.c: linked with liblua, and hosts it. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "host.h"

__attribute__((visibility("default"))) int plugin_run(const char *how);

/* Without more, the module does not find Lua's functions; it says so. */
static void run_plain(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  puts(host_error(L, "require 'tandem'"));
  lua_close(L);
}

/* The plugin's own Lua, opened once more for all to see. */
static void run_opened(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  host_do(L, "assert(package.loadlib('liblua5.4.so.0', '*'))");
  host_furnish(L);
  host_do(L,
          "for _, name in ipairs { 'thread', 'process', 'serial' } do\n"
          "  local pool <close> = tandem[name .. '_pool'] {}\n"
          "  works(pool)\n"
          "end\n");
  lua_close(L);
}

int plugin_run(const char *how) {
  host_bound(30);
  if (strcmp(how, "plain") == 0)
    run_plain();
  else
    run_opened();
  return 0;
}
