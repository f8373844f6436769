/* idle.c -- a server most of whose states load a library and never use it.
 *
 * Neither require nor making a pool starts a thread or a child, or opens a
 * descriptor; what require takes of the state's memory is said on stdout.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "counting.h"
#include "host.h"

static const char *const steps[] = {
    "tandem = require 'tandem'",
    "threads = tandem.thread_pool(4)",
    "processes = tandem.process_pool(4)",
    "tandem.poll() tandem.cpu_count()",
};

static size_t settled(lua_State *L, const counting *memory) {
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  return memory->live;
}

int main(void) {
  counting memory = {.owner = pthread_self()};
  host_bound(30);
  host_counts before = host_now();
  lua_State *L = lua_newstate(counting_alloc, &memory);
  CHECK(L != NULL);
  luaL_openlibs(L);
  size_t plain = settled(L, &memory);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    host_do(L, steps[i]);
    host_counts now = host_now();
    CHECK(memcmp(&now, &before, sizeof now) == 0);
    if (i == 0) printf("%zu\n", settled(L, &memory) - plain);
  }
  lua_close(L);
  host_counts after = host_now();
  CHECK(memcmp(&after, &before, sizeof after) == 0);
  CHECK(memory.live == 0);
  return host_fine();
}
