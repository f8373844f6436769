/* limits.c -- a host that comes to a limit, is told so, and goes on once there
 * is room again.
 *
 *     limits thread|process nproc|as|nofile
 *
 * A limit on processes does not hold for root.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "host.h"

static rlim_t address_space(void) {
  char line[100];
  FILE *file = fopen("/proc/self/statm", "re");
  CHECK(file != NULL && fgets(line, sizeof line, file) != NULL);
  fclose(file);
  return (rlim_t)strtoul(line, NULL, 10) * 4096;
}

/* The number of the next descriptor is how many there are. */
static rlim_t descriptors(void) {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  close(fd);
  return (rlim_t)fd;
}

static void set_soft(__rlimit_resource_t which, rlim_t value) {
  struct rlimit limit;
  CHECK(getrlimit(which, &limit) == 0);
  limit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;
  CHECK(setrlimit(which, &limit) == 0);
}

/* What is loaded and made before the limit holds. */
static const char prepare[] =
    "new_pool = tandem[KIND .. '_pool']\n"
    "require 'tandem.pool'\n"
    "local function call(pool)\n"
    "  return pool:call('fixtures.basic:add', 1, 2)\n"
    "end\n"
    "function attempt()\n"
    "  local made, pool = pcall(new_pool, 2)\n"
    "  if not made then return pool end\n"
    "  kept = pool\n"
    "  local ok, err = pcall(call, pool)\n"
    "  return not ok and err or nil\n"
    "end\n";

/* There is room again: the pool that failed works, and so does a new one. */
static const char go_on[] =
    "if kept then works(kept) assert(kept:shutdown { timeout = 100 }) end\n"
    "kept = nil\n"
    "local pool <close> = new_pool(2)\n"
    "works(pool)\n";

/* Says on stdout what was raised; false if nothing was. */
static int fails(lua_State *L, __rlimit_resource_t which, rlim_t least) {
  lua_settop(L, 0);
  lua_getglobal(L, "attempt");
  set_soft(which, least);
  int status = lua_pcall(L, 0, 1, 0);
  set_soft(which, RLIM_INFINITY);
  int failed = status != LUA_OK || !lua_isnil(L, -1);
  if (failed) puts(luaL_tolstring(L, -1, NULL));
  host_do(L, go_on);
  return failed;
}

/* So little that nothing works, and more, until all does. */
static void grow(lua_State *L) {
  int failures = 0;
  for (rlim_t room = 16 << 10; room <= 64 << 20; room *= 2)
    failures += fails(L, RLIMIT_AS, address_space() + room);
  CHECK(failures > 0);
}

int main(int argc, char **argv) {
  host_bound(100);
  CHECK(argc == 3);
  int is_nproc = strcmp(argv[2], "nproc") == 0;
  CHECK(!is_nproc || getuid() != 0);
  lua_State *L = host_open();
  lua_pushstring(L, argv[1]);
  lua_setglobal(L, "KIND");
  host_do(L, prepare);
  if (strcmp(argv[2], "as") == 0)
    grow(L);
  else if (is_nproc)
    CHECK(fails(L, RLIMIT_NPROC, 0));
  else
    CHECK(fails(L, RLIMIT_NOFILE, descriptors()));
  lua_close(L);
  return host_fine();
}
